"""Cosine similarity of node embeddings along edges, beside what it must be read against.

The published geometric level is the mean cosine over directed edges. It is 1 for embeddings that
have all collapsed to one vector, and self pairs add ones to it. So it never stands alone here: the
level without self pairs, the mean over non-edges and the centred level come with it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csgraph, csr_array

from geometric_memory.analysis.measures import Measure
from geometric_memory.errors import DataError

PAIRS_AT_ONCE = 2**13
"""Pairs whose rows are gathered together: 25 MB each at width 384."""


@dataclass(frozen=True, kw_only=True)
class GeometricLevel:
    """Mean cosines of one embedding; NaN where there is no such pair."""

    published: float
    """Over all listed directed edges, self pairs and repeated ones included."""
    without_self_pairs: float
    """Over listed edges between two nodes."""
    non_edges: float
    """Over ordered pairs of distinct nodes that no edge joins in either direction."""
    centred: float
    """Over listed edges between two nodes, after the mean embedding is taken away."""
    centred_non_edges: float
    """Over non-edges, after the mean embedding is taken away."""


def geometric_levels(
    embeddings: Float[np.ndarray, "nodes dim"], edges: Int[np.ndarray, "edges 2"]
) -> GeometricLevel:
    """Return every mean cosine of `embeddings` along `edges`."""
    apart = edges[edges[:, 0] != edges[:, 1]]
    centred = embeddings - embeddings.mean(axis=0)
    return GeometricLevel(
        published=geometric_level(embeddings, edges),
        without_self_pairs=geometric_level(embeddings, apart),
        non_edges=non_edge_level(embeddings, apart),
        centred=geometric_level(centred, apart),
        centred_non_edges=non_edge_level(centred, apart),
    )


def geometric_level(
    embeddings: Float[np.ndarray, "nodes dim"], pairs: Int[np.ndarray, "pairs 2"]
) -> float:
    """Return the published geometric level, mean of <u, v> / (|u| |v| + 1e-8) over `pairs`.

    NaN without pairs.
    """
    if len(pairs) == 0:
        return float("nan")
    check_nodes(pairs, len(embeddings))
    chunks = (pairs[start : start + PAIRS_AT_ONCE] for start in range(0, len(pairs), PAIRS_AT_ONCE))
    return float(np.concatenate([_cosines(embeddings, chunk) for chunk in chunks]).mean())


def _cosines(
    embeddings: Float[np.ndarray, "nodes dim"], pairs: Int[np.ndarray, "pairs 2"]
) -> Float[np.ndarray, " pairs"]:
    left, right = embeddings[pairs[:, 0]].astype(np.float64), embeddings[pairs[:, 1]]
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right.astype(np.float64), axis=1)
    return (left * right).sum(axis=1) / (norms + 1e-8)


def non_edge_level(
    embeddings: Float[np.ndarray, "nodes dim"], edges: Int[np.ndarray, "edges 2"]
) -> float:
    """Return the mean cosine over ordered pairs of distinct nodes without an edge; NaN if none.

    Linear in nodes and edges: the sum over all pairs is the squared length of a sum.
    """
    count = len(embeddings)
    linked = symmetric_adjacency(edges, count)
    non_edges = count * (count - 1) - linked.nnz
    if non_edges == 0:
        return float("nan")
    units = unit_rows(embeddings)
    total = np.square(units.sum(axis=0)).sum() - np.square(units).sum()
    left, right = linked.nonzero()
    adjacent = sum(
        (
            units[left[start : start + PAIRS_AT_ONCE]] * units[right[start : start + PAIRS_AT_ONCE]]
        ).sum()
        for start in range(0, linked.nnz, PAIRS_AT_ONCE)
    )
    return float((total - adjacent) / non_edges)


LEVEL = Measure(name="level", label="geometric level", function=geometric_level)
NON_EDGES = Measure(name="non_edges", label="non-edges", function=non_edge_level)


def unit_rows(embeddings: Float[np.ndarray, "nodes dim"]) -> Float[np.ndarray, "nodes dim"]:
    """Divide each row by its length, in float64; rows of zeros stay zeros."""
    rows = embeddings.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def cosine_similarity(
    embeddings: Float[np.ndarray, "nodes dim"], order: Int[np.ndarray, " shown"] | None = None
) -> Float[np.ndarray, "shown shown"]:
    """Return the cosine of every pair, with rows and columns in `order` (default: by node id)."""
    units = unit_rows(embeddings if order is None else embeddings[order])
    return units @ units.T


def adjacency_matrix(
    edges: Int[np.ndarray, "edges 2"],
    node_count: int,
    order: Int[np.ndarray, " shown"] | None = None,
) -> Bool[np.ndarray, "shown shown"]:
    """Return the directed adjacency, self edges included, with rows and columns in `order`."""
    check_nodes(edges, node_count)
    matrix = np.zeros((node_count, node_count), dtype=bool)
    matrix[edges[:, 0], edges[:, 1]] = True
    return matrix if order is None else matrix[np.ix_(order, order)]


def undirected_edges(edges: Int[np.ndarray, "edges 2"]) -> Int[np.ndarray, "pairs 2"]:
    """Return each pair of different nodes that an edge joins once, as (smaller, larger), sorted."""
    return np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0)


def symmetric_adjacency(
    edges: Int[np.ndarray, "edges 2"], node_count: int, *, self_loops: bool = False
) -> csr_array:
    """Return the symmetric 0/1 adjacency as float64; self edges are left out unless asked for."""
    check_nodes(edges, node_count)
    kept = edges if self_loops else edges[edges[:, 0] != edges[:, 1]]
    both = np.concatenate([kept, kept[:, ::-1]]).astype(np.int64)
    keys = np.unique(both[:, 0] * node_count + both[:, 1])
    pairs = np.divmod(keys, node_count)
    return csr_array((np.ones(len(keys)), pairs), shape=(node_count, node_count))


def hop_distances(
    adjacency: csr_array, sources: Int[np.ndarray, " sources"] | None = None
) -> Float[np.ndarray, "sources nodes"]:
    """Return the edges on a shortest path from each source (default: all nodes) to each node.

    Nodes out of reach are at inf.
    """
    count = adjacency.indptr.size - 1
    if count <= 512:
        return csgraph.dijkstra(adjacency, indices=sources, unweighted=True)
    chosen = np.arange(count) if sources is None else sources
    return np.stack([hops_from(adjacency, int(source)) for source in chosen])


def hops_from(adjacency: csr_array, source: int) -> Float[np.ndarray, " nodes"]:
    """Return the hop distances from one node, ten times as fast as Dijkstra on a big graph.

    Depths follow from the predecessors of a breadth-first search by doubling: every node keeps an
    ancestor and the hops to it, until all ancestors are the source.
    """
    reached, predecessors = csgraph.breadth_first_order(adjacency, source)
    ancestor = np.full(len(predecessors), source)
    ancestor[reached[1:]] = predecessors[reached[1:]]
    hops = np.full(len(predecessors), np.inf)
    hops[reached] = 1
    hops[source] = 0
    while (ancestor != source).any():
        hops, ancestor = hops + hops[ancestor], ancestor[ancestor]
    return hops


@dataclass(frozen=True, kw_only=True)
class HopProfile:
    """Similarity of node pairs by their distance in the graph."""

    hops: Int[np.ndarray, " hops"]
    pairs: Int[np.ndarray, " hops"]
    cosine: Float[np.ndarray, " hops"]
    """Mean cosine of the embeddings as they are."""
    centred_cosine: Float[np.ndarray, " hops"]
    """Mean cosine after the mean embedding is taken away."""


def hop_profile(
    embeddings: Float[np.ndarray, "nodes dim"],
    adjacency: csr_array,
    sources: Int[np.ndarray, " sources"] | None = None,
) -> HopProfile:
    """Return mean cosines by hop distance, over pairs (source, any other node in reach)."""
    chosen = np.arange(len(embeddings)) if sources is None else sources
    distances = hop_distances(adjacency, chosen)
    reached = np.isfinite(distances) & (distances > 0)
    hops, place = np.unique(distances[reached].astype(np.int64), return_inverse=True)
    pairs = np.bincount(place)
    raw = unit_rows(embeddings)
    centred = unit_rows(embeddings - embeddings.mean(axis=0))
    means = [
        np.bincount(place, weights=(units[chosen] @ units.T)[reached]) / pairs
        for units in (raw, centred)
    ]
    return HopProfile(hops=hops, pairs=pairs, cosine=means[0], centred_cosine=means[1])


def check_nodes(pairs: Int[np.ndarray, "pairs 2"], node_count: int) -> None:
    """Raise DataError when a pair names a node that is not there."""
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= node_count):
        wrong = pairs.min() if pairs.min() < 0 else pairs.max()
        raise DataError(f"edges name node {wrong}, but the nodes are 0 to {node_count - 1}")
