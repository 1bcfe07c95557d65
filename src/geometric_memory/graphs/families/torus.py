"""A torus: a grid whose rows and columns close."""

from random import Random
from typing import Annotated, Any

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import NetworkxFamily
from geometric_memory.limits import Size
from geometric_memory.topic import About


class Torus(NetworkxFamily):
    """A torus, its nodes numbered by rows."""

    grid_rows: Annotated[Size, About(label="Rows")] = 50
    """Rows of a grid or torus."""
    grid_cols: Annotated[Size, About(label="Columns")] = 50
    """Columns of a grid or torus."""

    name = "torus"
    title = "Torus"
    tiny = fixed(grid_rows=4, grid_cols=4)
    sizes = "_rows_{grid_rows}_cols_{grid_cols}"
    label = "r{grid_rows}-c{grid_cols}"
    size = "{grid_rows} x {grid_cols}"

    @property
    def node_count(self) -> int:
        return self.grid_rows * self.grid_cols

    def make(self, nx: Any, generator: Random) -> Any:
        return nx.grid_2d_graph(self.grid_rows, self.grid_cols, periodic=True)
