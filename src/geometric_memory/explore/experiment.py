"""What a page may ask for: a graph, a model, a few settings, and how big they may be."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from geometric_memory.config import ModelSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.settings import TINY

OWN = "own"
GRAPHS: Mapping[str, str] = types.MappingProxyType(
    {name: FAMILIES[name].title for name in TINY} | {OWN: "My own"}
)
"""The name of every graph for a reader: a small one of each family, and an edge list."""
if TYPE_CHECKING:
    GraphChoice = str
else:
    GraphChoice = Literal[tuple(GRAPHS)]
ModelChoice = Literal["transformer", "linear", "associative", "node2vec", "mamba"]
MOST_NODES = 256
MOST_NUMBERS = 32_768
"""Nodes x width: 120 snapshots of the table stay below 16 MB."""
MOST_EDGES = 4096
LONGEST_TEXT = 100_000


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One training as the page asks for it; the fields are those of its form."""

    graph: GraphChoice = "grid"
    """Family of the graph; own is the edge list in `edges`."""
    arms: Annotated[int, Meta(ge=1, le=64)] = 4
    """Arms of the path-star."""
    arm_nodes: Annotated[int, Meta(ge=2, le=64)] = 5
    """Nodes of an arm, the root among them."""
    branching: Annotated[int, Meta(ge=2, le=8)] = 2
    """Children of a node of the tree."""
    depth: Annotated[int, Meta(ge=1, le=7)] = 3
    """Edges from the root of the tree to a leaf."""
    rows: Annotated[int, Meta(ge=1, le=64)] = 4
    """Rows of the grid."""
    columns: Annotated[int, Meta(ge=1, le=64)] = 4
    """Columns of the grid."""
    cycle_nodes: Annotated[int, Meta(ge=3, le=MOST_NODES)] = 15
    """Nodes of the cycle."""
    edges: Annotated[str, Meta(max_length=LONGEST_TEXT)] = ""
    """Edge list of a graph of one's own, two names a line."""
    backward: bool = True
    """Memorize both directions of every edge."""
    self_edges: bool = False
    """Memorize (u, u) for every node."""
    model: ModelChoice = "transformer"
    """Architecture; associative is the linear net with frozen embeddings."""
    width: Annotated[int, Meta(ge=3, le=512)] = 32
    """Numbers in an embedding."""
    tied: bool = True
    """Use the embedding as the output head."""
    frozen: bool = False
    """Keep the embeddings at their initial values."""
    init_scale: Annotated[float, Meta(ge=0.01, le=100)] = 1.0
    """Factor on every initial weight but positions and norms."""
    rate: Annotated[float, Meta(gt=0, le=100)] = 0.01
    """Learning rate."""
    decay: bool = True
    """Let the rate fall to a tenth by a cosine."""
    steps: Annotated[int, Meta(ge=1, le=20_000)] = 500
    """Full-batch updates."""
    seed: Annotated[int, Meta(ge=0, lt=2**31)] = 7
    """Seed of the initial weights."""

    @property
    def freezes(self) -> bool:
        """Whether the embeddings stay as drawn."""
        return self.frozen or self.model == "associative"

    @property
    def settings(self) -> ModelSettings:
        """The settings of the same model as `geomem train` builds it; Node2Vec has none."""
        if self.model == "mamba":
            return ModelSettings(
                model_family="mamba",
                transformer_layer_count=1,
                embedding_dimension=self.width,
                freeze_token_embeddings=self.freezes,
            )
        transformer = self.model == "transformer"
        return ModelSettings(
            transformer_layer_count=1,
            embedding_dimension=self.width,
            attention_head_count=1,
            use_attention=transformer,
            use_residual_connections=transformer,
            use_layer_norm=transformer,
            use_positional_encoding=transformer,
            tie_input_output_embeddings=self.tied,
            freeze_token_embeddings=self.freezes,
            use_mlp_only_blocks=not transformer,
        )


MODELS: Mapping[str, str] = types.MappingProxyType(
    {
        "transformer": "Transformer",
        "linear": "Linear net",
        "associative": "Associative control",
        "node2vec": "Node2Vec",
        "mamba": "Mamba",
    }
)
DEFAULTS: Mapping[str, Mapping[str, Any]] = types.MappingProxyType(
    {
        "transformer": {"width": 32, "rate": 0.01, "steps": 500, "decay": True},
        "linear": {"width": 32, "rate": 0.01, "steps": 500, "decay": True},
        "associative": {"width": 32, "rate": 0.2, "steps": 500, "decay": True},
        "node2vec": {"width": 100, "rate": 0.01, "steps": 10_000, "decay": False},
        "mamba": {"width": 32, "rate": 0.01, "steps": 500, "decay": True},
    }
)
"""What the form proposes for each model: the published settings on the grid."""
SUBJECTS: Mapping[str, str] = types.MappingProxyType(
    {
        "graph": "Graph", "arms": "Arms", "arm_nodes": "Nodes per arm", "branching": "Children",
        "depth": "Depth", "rows": "Rows", "columns": "Columns", "cycle_nodes": "Nodes",
        "edges": "Edges", "backward": "Both directions", "self_edges": "Self edges",
        "model": "Model", "width": "Width", "tied": "Tied", "frozen": "Frozen",
        "init_scale": "Initial scale", "rate": "Learning rate", "decay": "Decay", "steps": "Steps",
        "seed": "Seed",
    }
)  # fmt: skip
"""The label of each field."""
FIELDS_OF_GRAPHS: Mapping[str, Mapping[str, str]] = types.MappingProxyType(
    dict.fromkeys(GRAPHS, types.MappingProxyType({}))
    | {
        "star": {"arms": "star_degree", "arm_nodes": "path_length"},
        "tree": {"branching": "tree_branching", "depth": "tree_depth"},
        "grid": {"rows": "grid_rows", "columns": "grid_cols"},
        "cycle": {"cycle_nodes": "total_nodes"},
        OWN: {"edges": "graph_file"},
    }
)
"""Fields that matter for one graph, by the setting of the family that each is; a family without
fields is there in its small size."""
FIELDS_OF_MODELS: Mapping[str, tuple[str, ...]] = types.MappingProxyType(
    {
        "transformer": ("width", "tied", "frozen", "init_scale"),
        "linear": ("width", "tied", "frozen", "init_scale"),
        "associative": ("width", "tied", "init_scale"),
        "node2vec": ("width", "tied"),
        "mamba": ("width", "frozen", "init_scale"),
    }
)
"""Fields that matter for one choice and not for others."""


def experiment_from(values: Mapping[str, Any]) -> Experiment:
    """Return the experiment of a form; what its graph or model does not use takes its default.

    Raises:
        ConfigurationError: with every problem found.
    """
    kinds = get_type_hints(Experiment, include_extras=True)
    problems, read = [], {}
    for name, value in values.items():
        if name not in kinds:
            raise ConfigurationError([f"{name}: there is no such setting"])
        if not _used(name, values):
            continue
        try:
            read[name] = msgspec.convert(_whole(value), kinds[name])
        except msgspec.ValidationError as error:
            problems.append(f"{SUBJECTS[name]}: {_reason(kinds[name], value, error)}")
    if problems:
        raise ConfigurationError(problems)
    experiment = Experiment(**read)
    if experiment.graph == "own" and not experiment.edges.strip():
        raise ConfigurationError(["The graph is empty: draw it, or write its edges below"])
    return experiment


def differences(first: Experiment, second: Experiment) -> list[tuple[str, Any, Any]]:
    """Return label and both values of every setting in which two experiments differ."""
    pairs = [(f.name, getattr(first, f.name), getattr(second, f.name)) for f in fields(Experiment)]
    return [(SUBJECTS[name], one, other) for name, one, other in pairs if one != other]


def _used(name: str, values: Mapping[str, Any]) -> bool:
    for choice, table in (("graph", FIELDS_OF_GRAPHS), ("model", FIELDS_OF_MODELS)):
        owned = {each for names in table.values() for each in names}
        if name in owned:
            return name in table.get(str(values.get(choice, getattr(Experiment, choice))), ())
    return True


def _whole(value: Any) -> Any:
    """Return 4.0, which is how some browsers send 4, as 4."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _reason(kind: Any, value: Any, error: msgspec.ValidationError) -> str:
    if value is None or value == "":
        bounds = [meta for meta in get_args(kind)[1:] if isinstance(meta, Meta)]
        limits = [f"from {m.ge} to {m.le}" for m in bounds if m.ge is not None and m.le is not None]
        return f"give a number{' ' if limits else ''}{''.join(limits)}"
    rule = str(error).replace("Expected", "expected").partition(", got ")[0]
    return f"{rule}, got {str(value)[:40]!r}"
