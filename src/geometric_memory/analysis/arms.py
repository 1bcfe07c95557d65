"""Embeddings of the arms of a star: leaf against first hop, path against path (paper, C.4)."""

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.geometry import unit_rows
from geometric_memory.errors import DataError


def leaf_by_first_hop(
    embeddings: Float[np.ndarray, "nodes dim"], paths: Int[np.ndarray, "paths length"]
) -> Float[np.ndarray, "paths paths"]:
    """Return the cosine of each path's leaf (rows) with each path's first hop (columns).

    Paths begin at the root. A bright diagonal is geometry: no edge joins the two (paper, Fig 6).
    """
    leaves, hops = unit_rows(embeddings[paths[:, -1]]), unit_rows(embeddings[paths[:, 1]])
    return leaves @ hops.T


def path_distances(
    embeddings: Float[np.ndarray, "nodes dim"], paths: Int[np.ndarray, "paths length"]
) -> Float[np.ndarray, "paths paths"]:
    """Return the mean cosine distance (1 - cosine) between the nodes of every two paths.

    The root, which all share, is left out. On the diagonal it is the mean over pairs of distinct
    nodes of one path (paper, Fig 17). Raises DataError for paths of fewer than three nodes.
    """
    below = paths[:, 1:]
    count = below.shape[1]
    if count < 2:
        raise DataError("distances within a path need two nodes below the root")
    units = unit_rows(embeddings[below.ravel()]).reshape(*below.shape, -1)
    means = units.mean(axis=1)
    found = 1 - means @ means.T
    squares = np.square(units).sum(axis=2)
    within = (count**2 * np.square(means).sum(axis=1) - squares.sum(axis=1)) / (count**2 - count)
    np.fill_diagonal(found, 1 - within)
    return found


def diagonal_rank(matrix: Float[np.ndarray, "paths paths"]) -> float:
    """Return how often the diagonal is the largest entry of its row, as a share; ties do not count.

    A guess reaches 1 / paths. Pass the negative of a matrix of distances.
    """
    others = matrix.copy()
    np.fill_diagonal(others, -np.inf)
    return float((np.diag(matrix) > others.max(axis=1)).mean())


def sampled_arms(
    held_out: Bool[np.ndarray, " arms"], most: int, rng: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    """Draw at most `most` arms, half of them held out where there are as many; held-out last."""
    if len(held_out) <= most:
        return np.argsort(held_out, kind="stable")
    seen, unseen = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    count = min(len(unseen), max(most // 2, most - len(seen)))
    drawn = [rng.choice(seen, most - count, replace=False), rng.choice(unseen, count, False)]
    return np.concatenate([np.sort(part) for part in drawn])
