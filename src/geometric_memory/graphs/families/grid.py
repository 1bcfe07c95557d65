"""A rectangular grid; its paths are straight runs and non-backtracking walks."""

from random import Random
from typing import Annotated

from geometric_memory.errors import DataError
from geometric_memory.graphs.family import Drawn, Family, fixed
from geometric_memory.graphs.walks import non_backtracking_walk
from geometric_memory.limits import Size
from geometric_memory.topic import About

MAXIMUM_TRIES = 50_000


class Grid(Family):
    """A grid, node = row * columns + column, with as many paths as nodes."""

    grid_rows: Annotated[Size, About(label="Rows")] = 50
    """Rows of a grid or torus."""
    grid_cols: Annotated[Size, About(label="Columns")] = 50
    """Columns of a grid or torus."""

    name = "grid"
    title = "Grid"
    tiny = fixed(grid_rows=4, grid_cols=4)
    folder = "grid_graphs_randomized"
    stem = "grid_rows_{grid_rows}_cols_{grid_cols}_nodes_{total_nodes}"
    label = "r{grid_rows}-c{grid_cols}"
    size = "{grid_rows} x {grid_cols}"

    @property
    def node_count(self) -> int:
        return self.grid_rows * self.grid_cols

    @property
    def path_total(self) -> int:
        return self.node_count

    def draw(self, generator: Random) -> Drawn:
        rows, columns, length = self.grid_rows, self.grid_cols, self.path_length
        nodes = [list(range(row * columns, (row + 1) * columns)) for row in range(rows)]
        paths = _straight_runs([*nodes, *map(list, zip(*nodes, strict=True))], length)
        neighbours = _neighbours(rows, columns)
        tries = 0
        while self.node_count > max(1, len(paths)) and tries < MAXIMUM_TRIES:
            start = generator.randrange(self.node_count)
            paths.add(non_backtracking_walk(start, neighbours, length, generator))
            tries += 1
        if len(paths) < self.node_count:
            raise DataError(
                f"a {rows} x {columns} grid has fewer than {self.node_count} paths of {length} "
                f"nodes ({len(paths)} found); change --path_length or use a larger grid"
            )
        candidates = sorted(paths)
        generator.shuffle(candidates)
        return Drawn(
            paths=candidates[: self.node_count],
            edges=[(u, v) for u, row in enumerate(neighbours) for v in row if u < v],
        )


def _straight_runs(lines: list[list[int]], path_length: int) -> set[tuple[int, ...]]:
    runs = set()
    for line in lines:
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
