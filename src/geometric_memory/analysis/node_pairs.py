"""Pairs of non-adjacent nodes: how far apart in the graph, how far in the embedding."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata

from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency

Interval = tuple[float, float]


@dataclass(frozen=True)
class NodePairs:
    """Pairs of nodes at least 2 hops apart and within reach of each other."""

    left: Int[np.ndarray, " pairs"]
    right: Int[np.ndarray, " pairs"]
    hops: Float[np.ndarray, " pairs"]

    @property
    def contrasted(self) -> bool:
        """Whether there are near pairs (2 hops) and far ones."""
        return bool(self.near.any() and not self.near.all())

    @cached_property
    def near(self) -> Bool[np.ndarray, " pairs"]:
        """Whether a pair is 2 hops apart."""
        return self.hops == 2

    @cached_property
    def hop_ranks(self) -> Float[np.ndarray, " pairs"]:
        """Mean ranks of the hop distances."""
        return rankdata(self.hops)

    def distances(self, embeddings: Float[np.ndarray, "nodes dim"]) -> Float[np.ndarray, " pairs"]:
        """Return the Euclidean distance of every pair, in bounded memory."""
        found = np.empty(len(self.hops))
        for start in range(0, len(found), 4096):
            part = slice(start, start + 4096)
            difference = embeddings[self.left[part]] - embeddings[self.right[part]]
            found[part] = np.sqrt(np.einsum("pd,pd->p", difference, difference))
        return found


def sampled_pairs(
    edges: Int[np.ndarray, "edges 2"],
    node_count: int,
    rng: np.random.Generator,
    anchors: int,
    pairs_per_anchor: int,
) -> NodePairs:
    """Return pairs (anchor, other node); all unordered pairs when the graph has few nodes.

    Of more, `pairs_per_anchor` are drawn for each of `anchors` nodes, with equal chances for equal
    steps of log hops: evenly drawn pairs of a big graph would nearly all be far apart.
    """
    chosen = np.arange(node_count)
    if node_count > anchors:
        chosen = rng.choice(node_count, anchors, replace=False)
    hops = hop_distances(symmetric_adjacency(edges, node_count), chosen)
    usable = np.isfinite(hops) & (hops >= 2)
    if node_count <= anchors:
        usable &= chosen[:, None] < np.arange(node_count)
    elif pairs_per_anchor < node_count - 1:
        usable = log_evenly(hops, usable, rng, pairs_per_anchor)
    rows, right = np.nonzero(usable)
    return NodePairs(chosen[rows], right, hops[rows, right])


def log_evenly(
    hops: Float[np.ndarray, "anchors nodes"],
    usable: Bool[np.ndarray, "anchors nodes"],
    rng: np.random.Generator,
    wanted: int,
) -> Bool[np.ndarray, "anchors nodes"]:
    """Draw up to `wanted` usable nodes per row, of weight 1 / (hops x nodes at those hops).

    Weighted draws without replacement: the smallest of exponential times (Efraimidis, Spirakis).
    """
    times = np.full(hops.shape, np.inf)
    for row, (distances, allowed) in enumerate(zip(hops, usable, strict=True)):
        levels = distances[allowed].astype(np.int64)
        if len(levels):
            slowness = np.bincount(levels)[levels] * levels
            times[row, allowed] = rng.standard_exponential(len(levels)) * slowness
    limit = np.partition(times, wanted - 1, axis=1)[:, wanted - 1 : wanted]
    return (times <= limit) & np.isfinite(times)


def statistics(
    pairs: NodePairs,
    distances: Float[np.ndarray, " pairs"],
) -> tuple[float, float]:
    """Return Spearman's correlation of distances with hops, and the AUC of hops 2 against more.

    Ties have mean ranks; without any spread the correlation is 0 and the AUC 1/2.
    """
    return weighted_statistics(pairs, rankdata(distances), np.ones(len(distances)))


def weighted_statistics(
    pairs: NodePairs, ranks: Float[np.ndarray, " pairs"], weights: Float[np.ndarray, " pairs"]
) -> tuple[float, float]:
    """Return both statistics of ranked distances, with a weight for every pair."""
    share = weights / weights.sum()
    one, two = ranks - share @ ranks, pairs.hop_ranks - share @ pairs.hop_ranks
    spread = np.sqrt((share @ np.square(one)) * (share @ np.square(two)))
    correlation = float(share @ (one * two) / spread) if spread > 0 else 0.0
    doubled = (2 * ranks).astype(np.int64)  # mean ranks are multiples of 1/2
    near, far = (np.bincount(doubled, share * side) for side in (pairs.near, ~pairs.near))
    total = near.sum() * far.sum()
    closer = np.cumsum(near) - near / 2
    return correlation, min(float(far @ closer / total), 1.0) if total > 0 else 0.5


def bootstrap_intervals(
    pairs: NodePairs,
    distances: Float[np.ndarray, " pairs"],
    rng: np.random.Generator,
    draws: int,
) -> tuple[Interval, Interval]:
    """Return 95 % percentile intervals of both statistics.

    Nodes are resampled, not pairs, which share nodes: a pair counts the product of the times that
    its two nodes were drawn. Ranks stay those of the whole sample.
    """
    nodes, place = np.unique(np.concatenate([pairs.left, pairs.right]), return_inverse=True)
    left, right = np.split(place, 2)
    ranks = rankdata(distances)
    found = []
    for _ in range(draws):
        times = np.bincount(rng.integers(len(nodes), size=len(nodes)), minlength=len(nodes))
        weights = (times[left] * times[right]).astype(np.float64)
        if weights.sum() > 0:
            found.append(weighted_statistics(pairs, ranks, weights))
    low, high = np.percentile(np.array(found), [2.5, 97.5], axis=0)
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
