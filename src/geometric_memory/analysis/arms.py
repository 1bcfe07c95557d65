"""Arms of a star in the embedding: leaf against first hop, path against path (Figs 6, 17; C.4)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.cosines import unit_rows
from geometric_memory.errors import DataError

MOST_COSINES = 1 << 24
"""Cosines of leaves with first hops that are held at one time."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How a leaf's cosine with the first hop of its own path compares with those of other paths."""

    alignment: float
    """Chance that its own is above another's (AUC, ties half); 1/2 is no relation, 1 perfect."""
    contrast: float
    """Mean cosine with its own, less the mean with all others."""
    retrieval: float
    """Percent of leaves whose own first hop is nearer than every other; ties are no hits."""


def leaf_hop_alignment(
    embeddings: Float[np.ndarray, "nodes dim"],
    paths: Int[np.ndarray, "paths length"],
    among: Int[np.ndarray, "arms length"] | None = None,
) -> Alignment:
    """Return the alignment of the leaves of `paths` with the first hops of their own paths.

    The others are the first hops of all paths and of those of `among`: pass all arms of the graph,
    else a leaf has fewer to be mistaken for. Raises DataError for a single first hop.
    """
    every = paths if among is None else np.concatenate([paths, among])
    hops = np.unique(every[:, 1])
    if len(hops) < 2:
        raise DataError("alignment needs two arms")
    columns, units = np.searchsorted(hops, paths[:, 1]), unit_rows(embeddings[hops])
    above, hits, means = [], [], []
    size = max(1, MOST_COSINES // len(hops))
    for start in range(0, len(paths), size):
        own_column = columns[start : start + size, None]
        cosines = unit_rows(embeddings[paths[start : start + size, -1]]) @ units.T
        own = np.take_along_axis(cosines, own_column, axis=1)
        np.put_along_axis(cosines, own_column, np.nan, axis=1)
        above.append(np.nansum((own > cosines) + 0.5 * (own == cosines), axis=1))
        hits.append(own[:, 0] > np.nanmax(cosines, axis=1))
        means.append(own[:, 0] - np.nanmean(cosines, axis=1))
    return Alignment(
        alignment=float(np.concatenate(above).mean() / (len(hops) - 1)),
        contrast=float(np.concatenate(means).mean()),
        retrieval=100 * float(np.concatenate(hits).mean()),
    )


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


def sample_arms(
    held_out: Bool[np.ndarray, " arms"], most: int, rng: np.random.Generator
) -> Int[np.ndarray, " chosen"]:
    """Draw at most `most` arms, half of them held out where there are as many; held-out last."""
    if len(held_out) <= most:
        return np.argsort(held_out, kind="stable")
    seen, unseen = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    count = min(len(unseen), max(most // 2, most - len(seen)))
    drawn = [rng.choice(seen, most - count, replace=False), rng.choice(unseen, count, False)]
    return np.concatenate([np.sort(part) for part in drawn])
