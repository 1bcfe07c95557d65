"""The one graph type: what every family builds and what the data set files are written from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from geometric_memory.extras import load

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes `0..node_count-1`, forward edges sorted by (u, v) without duplicates, and paths."""

    node_count: int
    edges: Int64[np.ndarray, "edges 2"]
    paths: Int64[np.ndarray, "paths length"]
    family: str
    names: tuple[str, ...] | None = None
    """Original names of the nodes of a custom graph; the index is the node id."""
    root: int | None = None
    directed: bool = False
    notes: tuple[str, ...] = ()
    """What was dropped or changed while the graph was read, as sentences."""

    @property
    def undirected_edges(self) -> Int64[np.ndarray, "pairs 2"]:
        """The distinct unordered pairs, each as (smaller, larger), sorted."""
        return unique_edges(np.sort(self.edges, axis=1), self.node_count)

    @property
    def order(self) -> Int64[np.ndarray, " nodes"]:
        """Node order of heatmaps: a star from its root, arm by arm; other families by id."""
        if self.family != "star":
            return np.arange(self.node_count)
        return order_along_paths(self.paths, self.node_count)

    def to_networkx(self) -> "networkx.Graph[int]":
        """Return the graph as a networkx `Graph`, or `DiGraph` when its edges are directed."""
        nx = load("networkx", "this graph")
        graph = nx.DiGraph() if self.directed else nx.Graph()
        graph.add_nodes_from(range(self.node_count))
        graph.add_edges_from(self.edges.tolist())
        if self.names is not None:
            nx.set_node_attributes(graph, dict(enumerate(self.names)), "name")
        return graph


def order_along_paths(
    paths: Int64[np.ndarray, "paths length"], node_count: int
) -> Int64[np.ndarray, " nodes"]:
    """Return all nodes in order of their first place on the paths, those on no path last."""
    every_node = np.concatenate([paths.ravel(), np.arange(node_count)])
    _, first_place = np.unique(every_node, return_index=True)
    return every_node[np.sort(first_place)]


def unique_edges(
    edges: Int64[np.ndarray, "edges 2"], node_count: int
) -> Int64[np.ndarray, "distinct 2"]:
    """Return the distinct edges sorted by (u, v)."""
    codes = distinct(edges[:, 0] * node_count + edges[:, 1])
    return np.stack([codes // node_count, codes % node_count], axis=1)


def distinct(codes: Int64[np.ndarray, " all"]) -> Int64[np.ndarray, " distinct"]:
    """Return the distinct numbers, sorted.

    `np.unique` hashes, which took ten times as long on the codes of edges.
    """
    ordered = np.sort(codes)
    return ordered[np.diff(ordered, prepend=-1) != 0]


def path_edges(
    paths: Int64[np.ndarray, "paths length"], node_count: int
) -> Int64[np.ndarray, "distinct 2"]:
    """Return the distinct pairs of consecutive nodes of the paths, sorted by (u, v)."""
    pairs = np.stack([paths[:, :-1].ravel(), paths[:, 1:].ravel()], axis=1)
    return unique_edges(pairs, node_count)
