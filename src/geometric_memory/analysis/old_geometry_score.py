"""Whether embeddings are a map of the graph: a score that collapse cannot raise, and a verdict.

Only pairs of nodes that are not adjacent count, so memorized edges add nothing. Two statistics
relate their Euclidean distance in the embedding to their distance in the graph: Spearman's rank
correlation, and the AUC of near pairs (2 hops) against far ones (more). A common direction drops
out of differences, and equal embeddings score 0 and 1/2. Each is held against two nulls: random
initialization (Gaussian, with the spread of the embedding along each of its principal axes, so that
anisotropy earns nothing) and the same embedding on rewired graphs of equal degrees (so that what
only tells hubs from leaves earns nothing). The p-value is the larger one of the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry import undirected_edges
from geometric_memory.analysis.node_pairs import (
    NodePairs,
    bootstrap_intervals,
    sampled_pairs,
    statistics,
)
from geometric_memory.analysis.rewiring import rewired_graphs
from geometric_memory.errors import DataError, NonFiniteError

Verdict = Literal["geometric", "associative", "mixed"]


@dataclass(frozen=True, kw_only=True)
class ScoreSettings:
    """How pairs are drawn and what a verdict asks for."""

    anchors: int = 64
    """Nodes whose pairs are measured; all nodes of a smaller graph."""
    pairs_per_anchor: int = 128
    """Pairs measured per anchor, spread evenly over the logarithm of their hop distance."""
    null_draws: int = 99
    """Draws of each null; the smallest p-value is 1 / (draws + 1)."""
    bootstrap_draws: int = 200
    """Resamplings of nodes behind the 95 % intervals."""
    significance: float = 0.01
    """Largest p-value of a statistic that counts."""
    geometric_correlation: float = 0.3
    """Smallest rank correlation of a geometric verdict."""
    geometric_auc: float = 0.75
    """Smallest AUC of a geometric verdict."""


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One statistic with its interval and nulls."""

    value: float
    interval: tuple[float, float]
    """95 % percentile bootstrap over nodes."""
    initialization_p: float
    """Share of random initializations that reach the value."""
    rewired_p: float
    """Share of rewired graphs on which the embedding reaches the value."""

    @property
    def p_value(self) -> float:
        """The larger one: both nulls must be beaten."""
        return max(self.initialization_p, self.rewired_p)


@dataclass(frozen=True, kw_only=True)
class GeometryScore:
    """Both statistics of one embedding on one graph."""

    correlation: Statistic
    """Spearman, distance in the embedding with hops; 1 is a map that keeps the order."""
    auc: Statistic
    """Chance that a pair 2 hops apart is closer than a pair farther apart; 1/2 is no relation."""
    pairs: int
    settings: ScoreSettings

    def verdict(self, recovery: float) -> Verdict | None:
        """Return the verdict, or None while top-k recovery (a share) is short of 1.

        associative: neither statistic is significant, so the embedding tells nothing about
        distances beyond edges; geometric: one is, and both are large; mixed: all else.
        """
        rule = self.settings
        if recovery < 1:
            return None
        if min(self.correlation.p_value, self.auc.p_value) > rule.significance:
            return "associative"
        large = (
            self.correlation.value >= rule.geometric_correlation
            and self.auc.value >= rule.geometric_auc
        )
        return "geometric" if large else "mixed"


@dataclass(frozen=True, kw_only=True)
class GraphReference:
    """What a score needs of the graph: made once, used for every seed and step."""

    node_count: int
    pairs: NodePairs
    rewired: tuple[NodePairs, ...]
    """Pairs of graphs with the same degrees. Graphs that fell apart are left out: the few pairs
    within reach that remain score high by chance."""
    settings: ScoreSettings


def graph_reference(
    edges: Int[np.ndarray, "edges 2"],
    node_count: int,
    rng: np.random.Generator,
    settings: ScoreSettings | None = None,
) -> GraphReference:
    """Draw pairs of the undirected graph of `edges`, and of rewired graphs.

    Raises DataError when the graph lacks nodes 2 hops apart or nodes farther apart.
    """
    rule = settings or ScoreSettings()
    undirected = undirected_edges(edges)
    budget = (rule.anchors, rule.pairs_per_anchor)
    pairs = sampled_pairs(undirected, node_count, rng, *budget)
    if not pairs.contrasted:
        raise DataError(
            "the geometry score needs nodes 2 hops apart and nodes farther apart, "
            "and this graph does not have both"
        )
    graphs = islice(rewired_graphs(undirected, node_count, rng), 4 * rule.null_draws)
    others = (sampled_pairs(graph, node_count, rng, *budget) for graph in graphs)
    comparable = (
        other for other in others if other.contrasted and len(other.hops) >= len(pairs.hops) / 2
    )
    return GraphReference(
        node_count=node_count,
        pairs=pairs,
        rewired=tuple(islice(comparable, rule.null_draws)),
        settings=rule,
    )


def geometry_score(
    embeddings: Float[np.ndarray, "nodes dim"], graph: GraphReference, rng: np.random.Generator
) -> GeometryScore:
    """Score `embeddings` as a map of the graph.

    Raises NonFiniteError when an embedding is not finite, DataError when their number is wrong.
    """
    if len(embeddings) != graph.node_count:
        raise DataError(f"{len(embeddings)} embeddings for a graph of {graph.node_count} nodes")
    if not np.isfinite(embeddings).all():
        raise NonFiniteError("embeddings are not finite; they have no geometry")
    rows = embeddings.astype(np.float64) - embeddings.mean(axis=0, dtype=np.float64)
    pairs, rule = graph.pairs, graph.settings
    distances = pairs.distances(rows)
    values = statistics(pairs, distances)
    initial = [
        statistics(pairs, pairs.distances(drawn))
        for drawn in initializations(rows, rng, rule.null_draws)
    ]
    rewired = [statistics(other, other.distances(rows)) for other in graph.rewired]
    intervals = bootstrap_intervals(pairs, distances, rng, rule.bootstrap_draws)
    correlation, auc = (
        Statistic(
            value=values[which],
            interval=intervals[which],
            initialization_p=share_reaching(values[which], [draw[which] for draw in initial]),
            rewired_p=share_reaching(values[which], [draw[which] for draw in rewired]),
        )
        for which in (0, 1)
    )
    return GeometryScore(correlation=correlation, auc=auc, pairs=len(pairs.hops), settings=rule)


def initializations(
    rows: Float[np.ndarray, "nodes dim"], rng: np.random.Generator, draws: int
) -> Iterator[Float[np.ndarray, "nodes axes"]]:
    """Yield Gaussian embeddings with the spread of `rows` along each principal axis."""
    spreads = np.sqrt(np.linalg.eigvalsh(rows.T @ rows / len(rows)).clip(min=0))
    spreads = spreads[spreads > 1e-3 * spreads.max()] if spreads.max() > 0 else spreads[:1]
    for _ in range(draws):
        drawn = rng.standard_normal((len(rows), len(spreads)), dtype=np.float32)
        yield drawn * spreads.astype(np.float32)


def share_reaching(value: float, null: list[float]) -> float:
    """Return the p-value: the share of draws, the value itself counted as one, that reach it."""
    return (1 + sum(draw >= value - 1e-12 for draw in null)) / (len(null) + 1)
