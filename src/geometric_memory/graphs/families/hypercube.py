"""A hypercube: nodes are strings of bits, edges change one of them."""

from random import Random
from typing import Annotated, Any

from msgspec import Meta

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import NetworkxFamily


class Hypercube(NetworkxFamily):
    """A hypercube, its nodes numbered by their bits."""

    hypercube_dimension: Annotated[int, Meta(ge=1, le=20)] = 4
    """Dimension d of a hypercube, which has 2^d nodes."""

    name = "hypercube"
    title = "Hypercube"
    tiny = fixed(hypercube_dimension=4)
    sizes = "_dimension_{hypercube_dimension}"
    label = "q{hypercube_dimension}"

    @property
    def node_count(self) -> int:
        return 2**self.hypercube_dimension

    def make(self, nx: Any, generator: Random) -> Any:
        return nx.hypercube_graph(self.hypercube_dimension)
