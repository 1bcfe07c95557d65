"""A cycle: forward edges i -> i+1, one path from every node."""

from collections.abc import Iterator
from random import Random

from geometric_memory.graphs.family import Drawn, Family, fixed


class Cycle(Family):
    """A cycle over `total_nodes` nodes with one forward path per start node."""

    name = "cycle"
    title = "Cycle"
    tiny = fixed(total_nodes=15)
    folder = "cycle_graphs_randomized"
    stem = "cycle_N_{total_nodes}"

    @property
    def path_total(self) -> int:
        return self.total_nodes

    def broken_rules(self) -> Iterator[str]:
        if self.total_nodes < 3:
            yield "--total_nodes is required for a cycle and must be 3 or more"
        elif self.total_nodes < self.path_length:
            yield (
                f"--path_length {self.path_length} is longer than the cycle of "
                f"{self.total_nodes} nodes; ask for at most {self.total_nodes}"
            )

    def draw(self, generator: Random) -> Drawn:
        import numpy as np

        starts = np.arange(self.total_nodes)[:, None]
        return Drawn(
            paths=(starts + np.arange(self.path_length)) % self.total_nodes,
            edges=(starts + np.arange(2)) % self.total_nodes,
        )
