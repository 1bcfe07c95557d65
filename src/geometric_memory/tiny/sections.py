"""The sections of the tiny-graph notebooks, one experiment on one graph each, as data.

`sections.csv` holds the published settings line by line, quirks included; what the paper has and
the release lacks, and comparisons that vary one thing at a time, are derived from them here.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from random import Random
from typing import Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from geometric_memory.config import ModelSettings
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.settings import PUBLISHED_SEED, TINY, tiny_settings
from geometric_memory.limits import Count, NonNegative, PathName, Rate, Width
from geometric_memory.synonyms import unknown_name
from geometric_memory.topic import About, Topic, read_values, settings_of_topic, viewed

GRAPHS = ("star", "grid", "cycle", "irregular")
"""The graphs of the paper."""
SWEPT_RATES = (0.001, 0.01, 0.1)
MAMBA_STATE = 8
"""State of each inner channel of a tiny Mamba, as in the paper (v1, appendix B)."""


Precision = Literal["fp32", "bf16"]
Block = Literal["transformer", "linear", "embedding", "node2vec", "mamba"]
_BARE = {
    "attention_head_count": 1,
    "use_attention": False,
    "use_residual_connections": False,
    "use_layer_norm": False,
    "use_mlp_only_blocks": True,
}
BLOCKS: Mapping[Block, Mapping[str, Any]] = {
    "transformer": {"attention_head_count": 1},
    "linear": _BARE,
    "embedding": {**_BARE, "transformer_layer_count": 0},
    "mamba": {"model_family": "mamba", "mamba_state_dimension": MAMBA_STATE},
}
"""What makes `geomem train` build the model of a block; it has no Node2Vec."""
OF_GPT = ("transformer", "linear", "embedding")


class TinyModel(Topic):
    """What all tiny models have: an embedding, and how it is trained."""

    refused = "{name} {value}: {rule}"
    missing = "{name} needs a value"

    width: Annotated[Width, About(of="embedding_dimension")] = 32
    """Width of the embeddings."""
    tied: Annotated[bool, About(of="tie_input_output_embeddings", only=OF_GPT)] = True
    """Use the embedding as the output head."""
    frozen: Annotated[bool, About(of="freeze_token_embeddings")] = False
    """Keep the embeddings at their initial values: the associative control."""
    learning_rate: Rate = 0.01
    """Learning rate of AdamW."""
    weight_decay: Rate = 0.0
    """Weight decay of AdamW."""
    decay: bool = True
    """Let the learning rate fall to a tenth by a cosine."""


class Section(TinyModel):
    """One experiment on one graph: what is trained, for how long, and from where it is seen."""

    experiment: PathName
    """Name of the experiment."""
    graph: str
    """Family of the graph."""
    block: Block
    """Attention and MLP with residuals and norms, one biased linear map, no layer, or a Mamba."""
    positions: Annotated[bool, About(of="use_positional_encoding", only=OF_GPT)]
    """Learned positions."""
    init: Annotated[Literal["default", "non_geometric"], About(of="weight_init_mode")]
    """non_geometric draws the embeddings from N(0, 1)."""
    dropout: Annotated[float, Meta(ge=0, lt=1), About(of="dropout_rate", only=OF_GPT)]
    """Dropout, which acts only in linear blocks."""
    steps: Count
    """Full-batch updates."""
    backward: bool
    """Train on both directions of every edge."""
    self_edges: bool
    """Train on (u, u) for every node."""
    view: tuple[float, ...]
    """Elevation, azimuth and roll of the picture of the embedding, in degrees."""
    graph_view: tuple[float, ...]
    """The same for the Fiedler coordinates; empty when they were not drawn."""
    evolution_steps: tuple[int, ...]
    """Steps of the published evolution."""
    heatmap_step: int | None
    """Step of the published heatmap, -1 for the last; hand-picked in the published transformer."""
    init_scale: Rate = 1.0
    """Factor on every initial weight but the positions."""
    published: bool = True
    """Whether the release has it."""

    @property
    def name(self) -> str:
        """Experiment and graph, as in file names."""
        return f"{self.experiment}-{self.graph}"

    @property
    def model(self) -> ModelSettings:
        """The settings of the same model as `geomem train` builds it."""
        own = viewed(self, ModelSettings, self.block)
        return ModelSettings(**{"transformer_layer_count": 1, **BLOCKS[self.block], **own})


class SeededSection(Section):
    """A section with one seed: one member of a batch."""

    seed: NonNegative = PUBLISHED_SEED
    """Seed of the initial weights."""
    precision: Precision = "fp32"
    """Type of matrix products."""


def section(experiment: str, graph: str) -> Section:
    """Return a section by name; a regularizer has the cycle alone.

    A graph that the paper does not have is trained on as its grid is.

    Raises:
        ConfigurationError: if there is none, with the nearest name.
    """
    found = _by_name().get((experiment, graph))
    if found is not None:
        return found
    if experiment not in experiments():
        sentence = unknown_name(experiment, experiments(), "experiment")
        raise ConfigurationError([f"{sentence} (geomem tiny list prints all)"])
    there = graphs_of(experiment)
    if graph in TINY and "grid" in there:
        return replace(_by_name()[experiment, "grid"], graph=graph, published=False)
    raise ConfigurationError([f"--graph {graph}: {experiment} is there for {', '.join(there)}"])


def tiny_graph(section: Section) -> Dataset:
    """Build the graph of `section` as published: seed 7, star ids shuffled but for Node2Vec.

    The published star with self edges lists each self edge twice (66 rows, not 49), since its file
    was an old one; sequence models were trained on it as it was.
    """
    node2vec = section.block == "node2vec"
    settings = tiny_settings(section.graph, randomize_node_ids=not node2vec)
    graph = build_graph(settings, Random(settings.random_seed))
    facts = graph.facts(backward=section.backward, self_edges=section.self_edges)
    if section.self_edges and section.graph == "star" and section.published and not node2vec:
        facts = np.concatenate([facts, facts[-graph.node_count :]])
    none = np.zeros((0, graph.paths.shape[1]), dtype=np.int64)
    return Dataset(
        settings=settings,
        graph=graph,
        facts=facts,
        train_paths=graph.paths,
        test_paths=none,
        origin="the graph that tiny models of its family are trained on",
    )


def experiments() -> tuple[str, ...]:
    """Return the names of all experiments, the published ones first."""
    return tuple(dict.fromkeys(experiment for experiment, _ in _by_name()))


def graphs_of(experiment: str) -> tuple[str, ...]:
    """Return the graphs an experiment is there for."""
    return tuple(graph for name, graph in _by_name() if name == experiment)


def published_sections() -> tuple[Section, ...]:
    """Return the sections of the published notebooks, in their order."""
    return tuple(found for found in _by_name().values() if found.published)


def rounding_matters(sections: Sequence[Section]) -> tuple[Section, ...]:
    """Return those that train their embeddings in a short time: bf16 is slow on most CPUs."""
    return tuple(
        found
        for found in sections
        if not found.frozen and found.block != "node2vec" and found.width < 512
    )


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table that lies beside this module."""
    text = files("geometric_memory.tiny").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _by_name() -> dict[tuple[str, str], Section]:
    published = {(s.experiment, s.graph): s for s in map(_from_row, table("sections.csv"))}
    return published | {(s.experiment, s.graph): s for s in _beyond(published)}


def _from_row(row: dict[str, str]) -> Section:
    lists = {name: row[name].split() for name in ("view", "graph_view", "evolution_steps")}
    values: dict[str, Any] = row | lists | {"heatmap_step": row["heatmap_step"] or None}
    found, problems = read_values(settings_of_topic(Section), values, typed=True)
    if problems:
        raise ConfigurationError(problems)
    return Section(**found)


def _beyond(published: dict[tuple[str, str], Section]) -> Iterator[Section]:
    """Yield what the release lacks, each differing from a published section in one thing."""
    for graph in GRAPHS:
        linear = replace(published["neural_network", graph], published=False)
        transformer = replace(published["transformer", graph], published=False)
        yield replace(linear, experiment="neural_network_untied", tied=False)
        embedding = replace(linear, experiment="embedding", block="embedding")
        yield embedding
        yield replace(embedding, experiment="embedding_untied", tied=False)
        yield replace(transformer, experiment="transformer_untied", tied=False)
        yield replace(linear, experiment="neural_network_plus_self_edges", self_edges=True)
        yield replace(transformer, experiment="transformer_plus_self_edges", self_edges=True)
        node2vec = replace(published["node2vec", graph], published=False)
        yield replace(node2vec, experiment="node2vec_untied", tied=False)
        mamba = replace(transformer, experiment="mamba", block="mamba", positions=False)
        yield mamba
        yield replace(mamba, experiment="mamba_associative", frozen=True)
        for rate in SWEPT_RATES:
            yield replace(
                linear, experiment=f"neural_network_rate_{rate:g}", learning_rate=rate, decay=False
            )
    associative = replace(published["associative", "cycle"], published=False)
    yield replace(associative, experiment="associative_without_positions", positions=False)
