"""What a page may ask for: a graph, a model, a few settings, and how big they may be."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from types import MappingProxyType, new_class
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from msgspec import Meta

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.files import graph_in_bytes, graph_in_text
from geometric_memory.graphs.settings import TINY, GraphSettings, tiny_settings
from geometric_memory.tiny.sections import Section, section
from geometric_memory.topic import About, Topic, read_values, settings_of_topic, viewed

MOST_NODES = 256
LONGEST_SIDE = 64
"""The largest whole number that a graph may be made of, but for its nodes."""
MOST_NUMBERS = 32_768
"""Nodes x width: 120 snapshots of the table stay below 16 MB."""
MOST_EDGES = 4096
LONGEST_TEXT = 100_000
OWN = "own"
PASTED = "edges"
"""How messages call the edge list of the form."""
GRAPHS: Mapping[str, str] = MappingProxyType(
    {name: FAMILIES[name].title for name in TINY} | {OWN: FAMILIES["custom"].title}
)
"""The name of every graph for a reader: a small one of each family, and an edge list."""
SMALL: Mapping[str, Mapping[str, Any]] = {name: FAMILIES[name].tiny or {} for name in TINY}
"""The settings of a small graph of each family: the fields of its form, as they begin."""
if TYPE_CHECKING:
    GraphChoice = str
else:
    GraphChoice = Literal[tuple(GRAPHS)]
ModelChoice = Literal["transformer", "linear", "associative", "node2vec", "mamba"]
MODELS: Mapping[str, str] = MappingProxyType(
    {
        "transformer": "Transformer",
        "linear": "Linear net",
        "associative": "Associative control",
        "node2vec": "Node2Vec",
        "mamba": "Mamba",
    }
)
"""The models of the form, and their names for a reader."""
TIED = ("transformer", "linear", "associative", "node2vec")
SCALED = ("transformer", "linear", "associative", "mamba")


def _fill(space: dict[str, Any]) -> None:
    """Add a field for every setting of a small graph, with the limits of the page."""
    kinds: dict[str, Any] = space.setdefault("__annotations__", {})
    for family, small in SMALL.items():
        known = settings_of_topic(FAMILIES[family])
        for name in [name for name in small if name not in kinds]:
            setting, limits = known[name], Meta()
            only = tuple(other for other in SMALL if name in SMALL[other])
            if isinstance(small[name], int):
                least = max([1, *(limit.ge for limit in setting.limits if limit.ge)])
                most = MOST_NODES if name == "total_nodes" else LONGEST_SIDE
                limits, plain = Meta(ge=least, le=most), int
            else:
                plain = setting.type
            kinds[name] = Annotated[plain, limits, About(only=only, label=setting.label)]
            space[name] = small[name]


_Sizes: Any = new_class("_Sizes", (Topic,), exec_body=_fill)
SIZES = tuple(settings_of_topic(_Sizes))
"""The fields that say how big a graph is."""


class Experiment(_Sizes):
    """One training as the page asks for it: a section of its own; the fields are its form."""

    refused = "{label}: {rule}, got {value}"
    missing = "{label}: give a number{range}"

    graph: GraphChoice = "grid"
    """Family of the graph; own is the edge list in `edges`."""
    edges: Annotated[str, Meta(max_length=LONGEST_TEXT), About(only=(OWN,))] = ""
    """Edge list of a graph of one's own, two names a line."""
    backward: Annotated[bool, About(label="Both directions")] = True
    """u=v and v=u; without it, forward only."""
    self_edges: bool = False
    """Memorize u=u as well."""
    model: ModelChoice = "transformer"
    """Architecture; associative is the linear net with frozen embeddings."""
    width: Annotated[int, Meta(ge=3, le=512), About(only=tuple(MODELS))] = 32
    """Numbers in an embedding."""
    tied: Annotated[bool, About(only=TIED)] = True
    """One table for input and output."""
    frozen: Annotated[bool, About(only=("transformer", "linear", "mamba"))] = False
    """Embeddings stay as drawn."""
    init_scale: Annotated[
        float, Meta(ge=0.01, le=100), About(only=SCALED, label="Initial scale")
    ] = 1.0
    """Factor on every initial weight but positions and norms."""
    rate: Annotated[float, Meta(gt=0, le=100), About(of="learning_rate", label="Learning rate")] = (
        0.01
    )
    """Learning rate."""
    decay: bool = True
    """Of the rate, to a tenth, by a cosine."""
    steps: Annotated[int, Meta(ge=1, le=20_000)] = 500
    """Full-batch updates."""
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 7
    """Seed of the initial weights."""

    @classmethod
    def described_in(cls) -> Iterator[type]:
        yield cls
        for family in SMALL:
            yield from FAMILIES[family].described_in()

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule, which says how to mend it."""
        if self.graph == OWN and not self.edges.strip():
            yield "The graph is empty: draw it, or write its edges below"
        elif self.graph != OWN and self.graph_settings.family.node_count == 1:
            yield "Graph: one node has no edges; make it larger"

    @property
    def section(self) -> Section:
        """The section that is trained: the published one of the model, as far as it is not said."""
        own = viewed(self, Section, self.graph, self.model)
        return replace(published(self.model), published=False, **own)

    @property
    def graph_settings(self) -> GraphSettings:
        """The settings of the graph."""
        if self.graph == OWN:
            return GraphSettings(graph_type="custom", graph_file=PASTED)
        return tiny_settings(self.graph, **viewed(self, GraphSettings, self.graph))

    @property
    def title(self) -> str:
        """Model and graph in a few words."""
        graph = "own graph"
        if self.graph != OWN:
            family = self.graph_settings.family
            graph = f"{family.title.lower()}, {family.text(family.size)}"
        return f"{MODELS[self.model]} on {graph}{' with self edges' * self.self_edges}"

    @property
    def asked(self) -> dict[str, Any]:
        """Every setting by name that its graph and model use: what a link to it holds."""
        return {n: getattr(self, n) for n in SETTINGS if used(n, self.graph, self.model)}

    @property
    def told(self) -> dict[str, Any]:
        """Every setting by label, but sizes of other graphs."""
        return {
            setting.label: getattr(self, name)
            for name, setting in SETTINGS.items()
            if name not in SIZES or used(name, self.graph, self.model)
        }


_KIND: Any = Experiment
SETTINGS = settings_of_topic(_KIND)
"""Every field of the form, by name."""


def published(model: str) -> Section:
    """Return the published section of a model on the grid."""
    return section("neural_network" if model == "linear" else model, "grid")


def proposal(model: str) -> dict[str, Any]:
    """Return what the form proposes for a model: the published settings on the grid."""
    found = published(model)
    return {"width": found.width, "rate": found.learning_rate, "steps": found.steps,
            "decay": found.decay}  # fmt: skip


def used(name: str, graph: str, model: str) -> bool:
    """Whether a field matters for a choice of graph and model."""
    only = SETTINGS[name].about.only
    return not only or graph in only or model in only


def experiment_from(values: Mapping[str, Any]) -> Experiment:
    """Return the experiment of a form; what its graph or model does not use takes its default.

    Raises:
        ConfigurationError: with every problem found.
    """
    graph, model = (str(values.get(n, SETTINGS[n].default)) for n in ("graph", "model"))
    unknown = [name for name in values if name not in SETTINGS]
    if unknown:
        raise ConfigurationError([f"{name}: there is no such setting" for name in unknown])
    own = {name: _whole(value) for name, value in values.items() if used(name, graph, model)}
    return Experiment(**{**SMALL.get(graph, {}), **own})


def experiment_in(link: Mapping[str, str]) -> Experiment:
    """Return the experiment of a link, whose values are text.

    Raises:
        ConfigurationError: with every problem found.
    """
    values, problems = read_values(SETTINGS, link, typed=True)
    if problems:
        raise ConfigurationError(problems)
    return experiment_from(values)


def differences(first: Experiment, second: Experiment) -> list[tuple[str, Any, Any]]:
    """Return label and both values of every setting in which two experiments differ."""
    pairs = [(s.label, getattr(first, n), getattr(second, n)) for n, s in SETTINGS.items()]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _whole(value: Any) -> Any:
    """Return 4.0, which is how some browsers send 4, as 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def choose_graph(experiment: Experiment) -> Dataset:
    """Return the graph of `experiment` and the facts to memorize.

    Raises:
        ConfigurationError: if it is too big for the page.
        DataError: if an edge list cannot be read, with its line.
    """
    settings = experiment.graph_settings
    if experiment.graph == OWN:
        graph = graph_in_text(experiment.edges, Path(PASTED))
        _check_size(graph.node_count, len(graph.edges))
    else:
        _check_size(settings.family.node_count or 0, 0)
        graph = build_graph(settings, Random(settings.random_seed))
    if graph.node_count * experiment.width > MOST_NUMBERS:
        raise ConfigurationError([
            f"Width: {graph.node_count} nodes of width {experiment.width} are more than this page "
            f"keeps; with so many nodes at most {MOST_NUMBERS // graph.node_count}"
        ])  # fmt: skip
    return Dataset(
        settings=settings,
        graph=graph,
        facts=graph.facts(backward=experiment.backward, self_edges=experiment.self_edges),
        train_paths=graph.paths,
        test_paths=graph.paths[:0],
    )


def edges_in_file(name: str, content: bytes) -> tuple[str, str]:
    """Return the edge list of a graph file of any format, and a sentence of what was read.

    Raises:
        DataError: if it cannot be read, with its line.
        ConfigurationError: if it is too big for the page.
    """
    graph = graph_in_bytes(content, Path(name))
    _check_size(graph.node_count, len(graph.edges))
    distinct = len(set(graph.labels)) == graph.node_count
    names = [_quote(name) for name in (graph.labels if distinct else graph.names)]
    lines = [f"{names[u]} {names[v]}\n" for u, v in graph.edges.tolist()]
    alone = graph.node_count - len(np.unique(graph.edges))
    notes = [
        graph.description,
        *graph.notes,
        *[f"{alone} nodes without edges are left out"] * (alone > 0),
    ]
    return "".join(lines), "; ".join(notes)


def _quote(name: str) -> str:
    """Return a name as the edge list has it: in quotation marks where it is more than a word."""
    return name if name.replace("_", "a").isalnum() else '"' + name.replace('"', '""') + '"'


def _check_size(nodes: int, edges: int) -> None:
    sizes = (("nodes", nodes, MOST_NODES), ("edges", edges, MOST_EDGES))
    problems = [f"Graph: {count} {what}; this page takes {most} at most"
                for what, count, most in sizes if count > most]  # fmt: skip
    if problems:
        raise ConfigurationError(problems)
