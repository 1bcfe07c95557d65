"""A graph file as a graph: any node names, directed or not, connected or not."""

from pathlib import Path

from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.graph_files import read_pairs


def read_graph_file(path: Path, *, directed: bool) -> Graph:
    """Read nodes and edges from an edge list, GraphML or node-link JSON; there are no paths.

    Raises `DataError` with file and line.
    """
    nodes, pairs, notes = read_pairs(path, directed=directed)
    return Graph.from_edges(pairs, nodes, directed=directed, source=str(path), notes=notes)
