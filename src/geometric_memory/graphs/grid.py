"""A rectangular grid; its paths are straight runs and non-backtracking walks."""

from random import Random

import numpy as np
from jaxtyping import Int64

from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph, unique_edges
from geometric_memory.graphs.walks import non_backtracking_walk

MAXIMUM_TRIES = 50_000


def grid_graph(rows: int, columns: int, path_length: int, generator: Random) -> Graph:
    """Build the grid, node = row * columns + column, with as many paths as nodes.

    Raises `DataError` when the grid has too few distinct paths of that length.
    """
    node_count = rows * columns
    nodes = np.arange(node_count, dtype=np.int64).reshape(rows, columns)
    paths = _straight_runs(nodes, path_length)
    neighbours = _neighbours(rows, columns)
    tries = 0
    while node_count > max(1, len(paths)) and tries < MAXIMUM_TRIES:
        start = generator.randrange(node_count)
        paths.add(non_backtracking_walk(start, neighbours, path_length, generator))
        tries += 1
    if len(paths) < node_count:
        raise DataError(
            f"a {rows} x {columns} grid has fewer than {node_count} paths of {path_length} nodes "
            f"({len(paths)} found); change --path_length or use a larger grid"
        )
    candidates = sorted(paths)
    generator.shuffle(candidates)
    kept = np.array(candidates[:node_count], dtype=np.int64)
    return Graph(node_count=node_count, edges=_grid_edges(nodes), paths=kept, family="grid")


def _grid_edges(nodes: Int64[np.ndarray, "rows columns"]) -> Int64[np.ndarray, "edges 2"]:
    right = np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], axis=1)
    down = np.stack([nodes[:-1].ravel(), nodes[1:].ravel()], axis=1)
    return unique_edges(np.concatenate([right, down]), nodes.size)


def _straight_runs(
    nodes: Int64[np.ndarray, "rows columns"], path_length: int
) -> set[tuple[int, ...]]:
    runs = set()
    for line in (*nodes.tolist(), *nodes.T.tolist()):
        for first in range(len(line) - path_length + 1):
            run = line[first : first + path_length]
            runs.add(tuple(run))
            runs.add(tuple(reversed(run)))
    return runs


def _neighbours(rows: int, columns: int) -> list[list[int]]:
    """List the neighbours of each node as up, down, left, right: the walks depend on it."""
    return [
        [
            r * columns + c
            for r, c in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1))
            if 0 <= r < rows and 0 <= c < columns
        ]
        for row in range(rows)
        for col in range(columns)
    ]
