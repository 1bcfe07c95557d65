"""An Erdos-Renyi graph: every edge is there with the same chance."""

from random import Random
from typing import Annotated, Any

from msgspec import Meta

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import RandomFamily


class ErdosRenyi(RandomFamily):
    """A graph over `total_nodes` nodes whose edges are drawn one by one."""

    edge_probability: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Chance of each edge of an Erdos-Renyi graph."""

    name = "erdos_renyi"
    title = "Erdos-Renyi"
    tiny = fixed(total_nodes=16, edge_probability=0.2)
    sizes = "_probability_{edge_probability:g}"

    @property
    def edge_total(self) -> float:
        return self.edge_probability * self.total_nodes**2 / 2

    def make(self, nx: Any, generator: Random) -> Any:
        return nx.fast_gnp_random_graph(self.total_nodes, self.edge_probability, seed=generator)
