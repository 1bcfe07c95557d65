"""A Barabasi-Albert graph: new nodes join those that have many edges already."""

from collections.abc import Iterator
from random import Random
from typing import Any

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import RandomFamily
from geometric_memory.limits import Size


class BarabasiAlbert(RandomFamily):
    """A graph over `total_nodes` nodes that grows by preferential attachment."""

    attachment_count: Size = 2
    """Edges that each new node of a Barabasi-Albert graph brings."""

    name = "barabasi_albert"
    title = "Barabasi-Albert"
    tiny = fixed(total_nodes=16, attachment_count=2)
    sizes = "_attachment_{attachment_count}"

    @property
    def edge_total(self) -> float:
        return float(self.attachment_count * self.total_nodes)

    def broken_rules(self) -> Iterator[str]:
        yield from super().broken_rules()
        if 2 <= self.total_nodes <= self.attachment_count:
            yield "--attachment_count must be smaller than --total_nodes"

    def make(self, nx: Any, generator: Random) -> Any:
        return nx.barabasi_albert_graph(self.total_nodes, self.attachment_count, seed=generator)
