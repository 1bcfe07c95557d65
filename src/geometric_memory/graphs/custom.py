"""A graph of the reader's own: any node names, directed or not, connected or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import Int64

from geometric_memory.config import GraphSettings
from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph, unique_edges
from geometric_memory.graphs.graph_files import Read, read_pairs
from geometric_memory.graphs.shortest_paths import ShortestPaths


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedEdges:
    """The nodes and edges of a graph file, before any path is drawn."""

    names: tuple[str, ...]
    edges: Int64[np.ndarray, "edges 2"]
    notes: tuple[str, ...]


def custom_graph(settings: GraphSettings, generator: Random) -> Graph:
    """Read `settings.graph_file` and sample shortest paths in it.

    Raises `DataError` with file and line for a file that cannot be read, or when the graph has no
    shortest path of `path_length` nodes.
    """
    read = read_graph_file(Path(settings.graph_file), directed=settings.directed_graph)
    node_count = len(read.names)
    shortest = ShortestPaths(
        read.edges,
        node_count=node_count,
        directed=settings.directed_graph,
        path_length=settings.path_length,
    )
    count = node_count if settings.path_count < 0 else settings.path_count
    return Graph(
        node_count=node_count,
        edges=read.edges,
        paths=shortest.sample(count, generator),
        family="custom",
        names=read.names,
        directed=settings.directed_graph,
        notes=read.notes,
    )


def read_graph_file(path: Path, *, directed: bool) -> NamedEdges:
    """Read nodes and edges from an edge list, GraphML or node-link JSON.

    Integer names become ids in numeric order, others in order of appearance. Undirected edges go
    from the lower to the higher id. Raises `DataError` with file and line.
    """
    return named_edges(read_pairs(path, directed=directed), path, directed=directed)


def named_edges(read: Read, source: Path, *, directed: bool) -> NamedEdges:
    """Number the nodes of what was read from `source`, and drop loops and repeated edges.

    Raises `DataError` when no edge is left.
    """
    nodes, pairs, notes = read
    names = _in_order(dict.fromkeys([*nodes, *(name for pair in pairs for name in pair)]))
    ids = {name: index for index, name in enumerate(names)}
    listed = np.array([(ids[u], ids[v]) for u, v in pairs], dtype=np.int64).reshape(-1, 2)
    proper = listed[listed[:, 0] != listed[:, 1]]
    if not directed:
        proper = np.sort(proper, axis=1)
    edges = unique_edges(proper, len(names))
    if not len(edges):
        raise DataError(f"{source}: the graph has no edges")
    for count, what in (
        (len(listed) - len(proper), "self-loops dropped"),
        (len(proper) - len(edges), "repeated edges dropped"),
    ):
        if count:
            notes.append(f"{source.name}: {count} {what}")
    return NamedEdges(names=names, edges=edges, notes=tuple(notes))


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    try:
        return tuple(sorted(names, key=int))
    except ValueError:
        return names
