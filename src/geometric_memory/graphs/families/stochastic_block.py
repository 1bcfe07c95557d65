"""A stochastic block model: edges are likely inside a block and rare between two."""

from collections.abc import Iterator
from random import Random
from typing import Annotated, Any

from msgspec import Meta

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import RandomFamily
from geometric_memory.limits import Size


class StochasticBlock(RandomFamily):
    """A graph over `total_nodes` nodes in blocks of one size, or two that differ by one."""

    block_count: Size = 4
    """Equal blocks of a stochastic block model."""
    within_block_probability: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Chance of an edge inside a block."""
    between_block_probability: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Chance of an edge between two blocks."""

    name = "stochastic_block"
    title = "Stochastic blocks"
    tiny = fixed(total_nodes=24, block_count=3, within_block_probability=0.7)
    sizes = (
        "_blocks_{block_count}_within_{within_block_probability:g}"
        "_between_{between_block_probability:g}"
    )

    @property
    def edge_total(self) -> float:
        inside = self.within_block_probability / self.block_count
        between = self.between_block_probability * (1 - 1 / self.block_count)
        return (inside + between) * self.total_nodes**2 / 2 + self.block_count**2

    def broken_rules(self) -> Iterator[str]:
        yield from super().broken_rules()
        if 2 <= self.total_nodes < self.block_count:
            yield "--block_count must not be larger than --total_nodes"

    def make(self, nx: Any, generator: Random) -> Any:
        blocks = self.block_count
        smaller, remainder = divmod(self.total_nodes, blocks)
        sizes = [smaller + (block < remainder) for block in range(blocks)]
        within, between = self.within_block_probability, self.between_block_probability
        chances = [[within if a == b else between for b in range(blocks)] for a in range(blocks)]
        return nx.stochastic_block_model(sizes, chances, seed=generator)
