"""The fixed irregular graph of the paper: 16 nodes, 20 edges, two components."""

from random import Random

import numpy as np

from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.walks import non_backtracking_walk

# The order of the neighbours is part of the published format: the walks draw from it.
NEIGHBOURS = (
    (11, 1), (3, 0, 2), (1, 3), (4, 1, 2), (3, 5), (4, 6, 8), (5, 7), (6, 8),
    (9, 5, 7), (8, 10), (9, 11), (0, 10), (13, 15, 14), (12, 14, 15), (13, 15, 12), (12, 14, 13),
)  # fmt: skip


def irregular_graph(path_length: int, generator: Random) -> Graph:
    """Build the irregular graph with one non-backtracking walk from every node."""
    edges = sorted((u, v) for u, row in enumerate(NEIGHBOURS) for v in row if u < v)
    paths = [
        non_backtracking_walk(start, NEIGHBOURS, path_length, generator)
        for start in range(len(NEIGHBOURS))
    ]
    return Graph(
        node_count=len(NEIGHBOURS),
        edges=np.array(edges, dtype=np.int64),
        paths=np.array(paths, dtype=np.int64),
        family="irregular",
    )
