"""Cosine similarity of node embeddings along edges, beside what it must be read against.

The published geometric level is the mean cosine over directed edges. It is 1 for embeddings that
have all collapsed to one vector, and self pairs add ones to it. So it never stands alone here: the
level without self pairs, the mean over non-edges and the centred level come with it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

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
    check_nodes(edges, count)
    apart = edges[edges[:, 0] != edges[:, 1]].astype(np.int64)
    keys = np.unique(np.concatenate([apart, apart[:, ::-1]]) @ [count, 1])
    left, right = np.divmod(keys, count)
    non_edges = count * (count - 1) - len(keys)
    if non_edges == 0:
        return float("nan")
    units = unit_rows(embeddings)
    total = np.square(units.sum(axis=0)).sum() - np.square(units).sum()
    adjacent = sum(
        (
            units[left[start : start + PAIRS_AT_ONCE]] * units[right[start : start + PAIRS_AT_ONCE]]
        ).sum()
        for start in range(0, len(keys), PAIRS_AT_ONCE)
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


def check_nodes(pairs: Int[np.ndarray, "pairs 2"], node_count: int) -> None:
    """Raise DataError when a pair names a node that is not there."""
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= node_count):
        wrong = pairs.min() if pairs.min() < 0 else pairs.max()
        raise DataError(f"edges name node {wrong}, but the nodes are 0 to {node_count - 1}")
