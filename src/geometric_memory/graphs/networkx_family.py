"""Families that networkx makes, their random choices drawn from the seeded generator."""

from abc import abstractmethod
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from geometric_memory.extras import load
from geometric_memory.graphs.family import Drawn, SampledFamily

if TYPE_CHECKING:
    import networkx


class NetworkxFamily(SampledFamily):
    """A graph that networkx makes; forward edges go from the lower to the higher id."""

    root: ClassVar[int | None] = None

    @abstractmethod
    def make(self, nx: Any, generator: Random) -> "networkx.Graph[Any]":
        """Return the graph that the module `nx` makes; its sorted nodes become the ids."""

    def draw(self, generator: Random) -> Drawn:
        made = self.make(load("networkx", "this graph"), generator)
        ids = {node: index for index, node in enumerate(sorted(made.nodes))}
        pairs = ((ids[u], ids[v]) for u, v in made.edges if u != v)
        return Drawn(edges=[(min(pair), max(pair)) for pair in pairs], root=self.root)


class RandomFamily(NetworkxFamily):
    """A random graph over `total_nodes` nodes."""

    def broken_rules(self) -> Iterator[str]:
        if self.total_nodes < 2:
            yield f"--total_nodes is required for {self.name} and must be 2 or more"
