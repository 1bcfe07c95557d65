"""What a page may ask for: a graph, a model, a few settings, and how big they may be."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.settings import TINY, GraphSettings, tiny_settings
from geometric_memory.tiny.sections import Section, section
from geometric_memory.topic import About, Topic, settings_of_topic, viewed

MOST_NODES = 256
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


class Experiment(Topic):
    """One training as the page asks for it: a section of its own; the fields are its form."""

    refused = "{label}: {rule}, got {value}"
    missing = "{label}: give a number{range}"

    graph: GraphChoice = "grid"
    """Family of the graph; own is the edge list in `edges`."""
    arms: Annotated[int, Meta(ge=1, le=64), About(of="star_degree", only=("star",))] = 4
    """Arms of the path-star."""
    arm_nodes: Annotated[
        int, Meta(ge=2, le=64), About(of="path_length", only=("star",), label="Nodes per arm")
    ] = 5
    """Nodes of an arm, the root among them."""
    branching: Annotated[
        int, Meta(ge=2, le=8), About(of="tree_branching", only=("tree",), label="Children")
    ] = 2
    """Children of a node of the tree."""
    depth: Annotated[int, Meta(ge=1, le=7), About(of="tree_depth", only=("tree",))] = 3
    """Edges from the root of the tree to a leaf."""
    rows: Annotated[int, Meta(ge=1, le=64), About(of="grid_rows", only=("grid",))] = 4
    """Rows of the grid."""
    columns: Annotated[int, Meta(ge=1, le=64), About(of="grid_cols", only=("grid",))] = 4
    """Columns of the grid."""
    cycle_nodes: Annotated[
        int, Meta(ge=3, le=MOST_NODES), About(of="total_nodes", only=("cycle",), label="Nodes")
    ] = 15
    """Nodes of the cycle."""
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

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule, which says how to mend it."""
        if self.graph == OWN and not self.edges.strip():
            yield "The graph is empty: draw it, or write its edges below"
        if self.graph == "grid" and self.rows * self.columns == 1:
            yield "Graph: one node has no edges; make it larger"

    @property
    def section(self) -> Section:
        """The section that is trained: the published one of the model, as far as it is not said."""
        own = viewed(self, Section, self.graph, self.model)
        return replace(published(self.model), published=False, **own)

    @property
    def graph_settings(self) -> GraphSettings:
        """The settings of the graph; a family without fields is there in its small size."""
        if self.graph == OWN:
            return GraphSettings(graph_type="custom", graph_file=PASTED)
        return tiny_settings(self.graph, **viewed(self, GraphSettings, self.graph))


SETTINGS = settings_of_topic(Experiment)
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
    choices = [str(values.get(name, SETTINGS[name].default)) for name in ("graph", "model")]
    unknown = [name for name in values if name not in SETTINGS]
    if unknown:
        raise ConfigurationError([f"{name}: there is no such setting" for name in unknown])
    return Experiment(
        **{name: _whole(value) for name, value in values.items() if used(name, *choices)}
    )


def differences(first: Experiment, second: Experiment) -> list[tuple[str, Any, Any]]:
    """Return label and both values of every setting in which two experiments differ."""
    pairs = [(s.label, getattr(first, n), getattr(second, n)) for n, s in SETTINGS.items()]
    return [pair for pair in pairs if pair[1] != pair[2]]


def _whole(value: Any) -> Any:
    """Return 4.0, which is how some browsers send 4, as 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
