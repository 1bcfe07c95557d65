"""A cycle: forward edges i -> i+1, one path from every node."""

import numpy as np

from geometric_memory.graphs.graph import Graph, path_edges


def cycle_graph(node_count: int, path_length: int) -> Graph:
    """Build the cycle over `node_count` nodes with one forward path per start node."""
    starts = np.arange(node_count, dtype=np.int64)
    paths = (starts[:, None] + np.arange(path_length)) % node_count
    steps = np.stack([starts, (starts + 1) % node_count], axis=1)
    edges = path_edges(steps, node_count)
    return Graph(node_count=node_count, edges=edges, paths=paths, family="cycle")
