"""The fixed irregular graph of the paper: 16 nodes, 20 edges, two components."""

from collections.abc import Iterator
from random import Random

from geometric_memory.graphs.family import Drawn, Family
from geometric_memory.graphs.walks import non_backtracking_walk

# The order of the neighbours is part of the published format: the walks draw from it.
NEIGHBOURS = (
    (11, 1), (3, 0, 2), (1, 3), (4, 1, 2), (3, 5), (4, 6, 8), (5, 7), (6, 8),
    (9, 5, 7), (8, 10), (9, 11), (0, 10), (13, 15, 14), (12, 14, 15), (13, 15, 12), (12, 14, 13),
)  # fmt: skip


class Irregular(Family):
    """The irregular graph with one non-backtracking walk from every node."""

    irregular_edge_count: int = 20
    """Edges of the irregular graph, which is fixed: only 20 is accepted."""

    name = "irregular"
    title = "Irregular"
    folder = "irregular_graphs_randomized"
    stem = "irregular_graph_nodes_{total_nodes}_edges_{irregular_edge_count}"
    older_stem = "irregular_graph_nodes_{total_nodes}_edges_30"

    @property
    def node_count(self) -> int:
        return len(NEIGHBOURS)

    @property
    def path_total(self) -> int:
        return len(NEIGHBOURS)

    def broken_rules(self) -> Iterator[str]:
        yield from super().broken_rules()
        if self.irregular_edge_count != 20:
            yield "--irregular_edge_count must be 20: the irregular graph is fixed"

    def draw(self, generator: Random) -> Drawn:
        return Drawn(
            paths=[
                non_backtracking_walk(start, NEIGHBOURS, self.path_length, generator)
                for start in range(len(NEIGHBOURS))
            ],
            edges=[(u, v) for u, row in enumerate(NEIGHBOURS) for v in row if u < v],
        )
