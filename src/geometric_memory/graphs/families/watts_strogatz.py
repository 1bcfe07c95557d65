"""A Watts-Strogatz graph: a ring of near neighbours, some edges of which are rewired."""

from collections.abc import Iterator
from random import Random
from typing import Annotated, Any

from msgspec import Meta

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import RandomFamily
from geometric_memory.limits import MOST_NODES


class WattsStrogatz(RandomFamily):
    """A small world over `total_nodes` nodes."""

    nearest_neighbours: Annotated[int, Meta(ge=2, le=MOST_NODES)] = 4
    """Ring neighbours of each node of a Watts-Strogatz graph before rewiring."""
    rewiring_probability: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Chance that an edge of a Watts-Strogatz graph is rewired."""

    name = "watts_strogatz"
    title = "Watts-Strogatz"
    tiny = fixed(total_nodes=16, nearest_neighbours=4, rewiring_probability=0.1)
    sizes = "_neighbours_{nearest_neighbours}_rewiring_{rewiring_probability:g}"

    @property
    def edge_total(self) -> float:
        return self.nearest_neighbours * self.total_nodes / 2

    def broken_rules(self) -> Iterator[str]:
        yield from super().broken_rules()
        if 2 <= self.total_nodes < self.nearest_neighbours:
            yield "--nearest_neighbours must not be larger than --total_nodes"

    def make(self, nx: Any, generator: Random) -> Any:
        neighbours, chance = self.nearest_neighbours, self.rewiring_probability
        return nx.watts_strogatz_graph(self.total_nodes, neighbours, chance, seed=generator)
