"""The sections of the tiny-graph notebooks, one experiment on one graph each, as data.

`sections.csv` holds the published settings line by line, quirks included; what the paper has and
the release lacks, and comparisons that vary one thing at a time, are derived from them here.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from geometric_memory.config import ModelSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.settings import TINY
from geometric_memory.limits import PathName
from geometric_memory.synonyms import unknown_name

GRAPHS = ("star", "grid", "cycle", "irregular")
"""The graphs of the paper."""
SWEPT_RATES = (0.001, 0.01, 0.1)
MAMBA_STATE = 8
"""State of each inner channel of a tiny Mamba, as in the paper (v1, appendix B)."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One experiment on one graph: what is trained, for how long, and from where it is seen."""

    experiment: PathName
    graph: str
    block: Literal["transformer", "linear", "node2vec", "mamba"]
    """transformer: attention and MLP, with residuals and norms; linear: one biased linear map;
    mamba: one mixer under a norm."""
    width: int
    positions: bool
    frozen: bool
    """Keep the embeddings at their initial values: the associative control."""
    init: Literal["default", "non_geometric"]
    dropout: float
    learning_rate: float
    weight_decay: float
    steps: int
    decay: bool
    """Let the learning rate fall to a tenth by a cosine."""
    backward: bool
    """Train on both directions of every edge."""
    self_edges: bool
    view: tuple[float, ...]
    """Elevation, azimuth and roll of the picture of the embedding, in degrees."""
    graph_view: tuple[float, ...]
    """The same for the Fiedler coordinates; empty when they were not drawn."""
    evolution_steps: tuple[int, ...]
    heatmap_step: int | None
    """Step of the published heatmap, -1 for the last; hand-picked in the published transformer."""
    tied: bool = True
    init_scale: float = 1.0
    """Factor on every initial weight but the positions."""
    published: bool = True

    @property
    def name(self) -> str:
        """Experiment and graph, as in file names."""
        return f"{self.experiment}-{self.graph}"

    @property
    def model(self) -> ModelSettings:
        """The settings of the same model as `geomem train` builds it."""
        if self.block == "mamba":
            return ModelSettings(
                model_family="mamba",
                transformer_layer_count=1,
                embedding_dimension=self.width,
                mamba_state_dimension=MAMBA_STATE,
                freeze_token_embeddings=self.frozen,
                weight_init_mode=self.init,
            )
        transformer = self.block == "transformer"
        return ModelSettings(
            transformer_layer_count=1,
            embedding_dimension=self.width,
            attention_head_count=1,
            dropout_rate=self.dropout,
            use_attention=transformer,
            use_residual_connections=transformer,
            use_layer_norm=transformer,
            use_positional_encoding=self.positions,
            tie_input_output_embeddings=self.tied,
            freeze_token_embeddings=self.frozen,
            use_mlp_only_blocks=not transformer,
            weight_init_mode=self.init,
        )


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
        raise ConfigurationError([f"{sentence} (geomem tiny list tells all)"])
    there = graphs_of(experiment)
    if graph in TINY and "grid" in there:
        return replace(_by_name()[experiment, "grid"], graph=graph, published=False)
    raise ConfigurationError([f"--graph {graph}: {experiment} is there for {', '.join(there)}"])


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
    text = files("geometric_memory.experiments.tiny").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _by_name() -> dict[tuple[str, str], Section]:
    published = {(s.experiment, s.graph): s for s in map(_from_row, table("sections.csv"))}
    return published | {(s.experiment, s.graph): s for s in _beyond(published)}


def _from_row(row: dict[str, str]) -> Section:
    values: dict[str, Any] = dict(row)
    for name in ("positions", "frozen", "decay", "backward", "self_edges"):
        values[name] = row[name] == "1"
    for name in ("dropout", "learning_rate", "weight_decay"):
        values[name] = float(row[name])
    for name in ("width", "steps"):
        values[name] = int(row[name])
    for name in ("view", "graph_view"):
        values[name] = tuple(float(angle) for angle in row[name].split())
    values["evolution_steps"] = tuple(int(step) for step in row["evolution_steps"].split())
    values["heatmap_step"] = int(row["heatmap_step"]) if row["heatmap_step"] else None
    return Section(**values)


def _beyond(published: dict[tuple[str, str], Section]) -> Iterator[Section]:
    """Yield what the release lacks, each differing from a published section in one thing."""
    for graph in GRAPHS:
        linear = replace(published["neural_network", graph], published=False)
        transformer = replace(published["transformer", graph], published=False)
        yield replace(linear, experiment="neural_network_untied", tied=False)
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
