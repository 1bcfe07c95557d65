"""A family of graphs: its settings, how it draws a graph, and what its files are called.

No module of a family imports numpy before it draws, so that the help of a command shows the
settings of all of them at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

from msgspec import Meta

from geometric_memory.limits import MOST_NODES, Length, Seed
from geometric_memory.topic import About, Topic

if TYPE_CHECKING:
    import numpy as np

    from geometric_memory.graphs.graph import Graph


class Drawn(NamedTuple):
    """A graph as its family draws it, in node ids: lists or, where they are long, arrays."""

    paths: "Sequence[Sequence[int]] | np.ndarray | None" = None
    """The paths to learn, all of one length; None samples shortest paths."""
    edges: "Sequence[tuple[int, int]] | np.ndarray | None" = None
    """Forward edges; None takes the steps of the paths."""
    root: int | None = None


def fixed(**settings: Any) -> Mapping[str, Any]:
    """Return settings that nothing can change."""
    return MappingProxyType(settings)


class Family(Topic, ABC):
    """What all graphs have; a family adds its own settings as fields, and draws its graph.

    A new family is a module in `families` with a subclass of this, and a line in the list there.
    """

    path_length: Length = 6
    """Nodes on a path, first and last included."""
    total_nodes: Annotated[int, Meta(ge=-1, le=MOST_NODES), About(label="Nodes")] = -1
    """Nodes in the graph: required for a cycle and the random families, otherwise derived."""
    random_seed: Seed = 0
    """Seed of the graph, its paths and the split into train and test."""

    name: ClassVar[str]
    title: ClassVar[str]
    """Its name for a reader."""
    tiny: ClassVar[Mapping[str, Any] | None] = fixed()
    """Settings of the member that tiny models are trained on; None if there is none."""
    folder: ClassVar[str] = "{name}_graphs"
    """Folder of its data sets."""
    stem: ClassVar[str] = "{name}{sizes}_nodes_{total_nodes}_path_{path_length}_seed_{random_seed}"
    """What the names of their files begin with."""
    older_stem: ClassVar[str] = ""
    """What they began with in an older release, where that was something else."""
    sizes: ClassVar[str] = ""
    """What stands in this stem besides nodes, path length and seed."""
    label: ClassVar[str] = "n{total_nodes}"
    """Its sizes in the name of a run."""
    size: ClassVar[str] = "{total_nodes} nodes"
    """Its sizes for a reader."""

    @property
    def node_count(self) -> int | None:
        """Nodes of the graph; None where only a file can tell."""
        return self.total_nodes

    @property
    def path_total(self) -> int | None:
        """Paths of the graph; None where the graph decides."""
        return None

    @property
    def edge_total(self) -> float:
        """About how many edges there are, where they are many more than the nodes."""
        return 0.0

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule, which says how to mend it."""
        nodes = self.node_count
        if nodes is not None and self.path_length > nodes:
            yield (
                f"--path_length {self.path_length} is more than the {nodes} nodes of this "
                f"{self.name} graph; ask for at most {nodes}"
            )
        if nodes is not None and self.total_nodes not in (-1, nodes):
            yield (
                f"--total_nodes {self.total_nodes} disagrees with the {nodes} nodes of this "
                f"{self.name} graph; leave it at -1"
            )

    @abstractmethod
    def draw(self, generator: Random) -> "Drawn | Graph":
        """Draw the graph, every random choice from `generator`; a `Graph` has names of its own."""

    def build(self, generator: Random) -> "Graph":
        """Return the graph that `draw` draws, with paths to learn.

        Raises `DataError` for a graph that cannot be made, or has no path of the length asked for.
        """
        from geometric_memory.graphs.build import build_drawn  # numpy waits for the first graph

        return build_drawn(self, self.draw(generator), generator)

    def text(self, template: str) -> str:
        """Return `template`, one of the above, with the settings of this graph in it."""
        known = self.identity()
        return template.format(name=self.name, sizes=self.sizes.format(**known), **known)

    def identity(self) -> dict[str, Any]:
        """Return what decides the graph, each derived value in its final form."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {
            "total_nodes": self.node_count
        }

    @staticmethod
    def groups(graph: "Graph") -> "np.ndarray | None":
        """Return the nodes that belong together, by number, for colours; -1 belongs to none.

        By default arms or branches of a graph with a root, and None for another one, whose nodes
        are coloured by their places.
        """
        return None if graph.root is None else graph.branches()

    @staticmethod
    def order(graph: "Graph") -> "np.ndarray":
        """Return the order of the nodes in heatmaps: by id."""
        return graph.nodes


class SampledFamily(Family):
    """A family that brings no paths of its own: random shortest paths are sampled."""

    path_count: Annotated[int, Meta(ge=-1, le=MOST_NODES)] = -1
    """Paths sampled from a custom or networkx graph; -1 is one per node."""

    def identity(self) -> dict[str, Any]:
        """Return what decides the graph, each derived value in its final form."""
        known = super().identity()
        return known | {"path_count": self.node_count} if self.path_count == -1 else known
