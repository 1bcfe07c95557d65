"""Top-k recovery of memorized edges, in one definition, and the limits of accuracy and loss.

Recovery of a node: the share of its distinct targets among its k best predictions, k = number of
distinct targets. Recovery of a model: the mean over source nodes. All shares lie in [0, 1]. The two
published definitions differ from this and from each other; they stand below under their own names.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int

from geometric_memory.analysis.recovery import recovered_shares
from geometric_memory.errors import DataError, NonFiniteError

SelfPredictions = Literal["counted", "excluded"]
"""counted: a node among its own predictions takes a place there, right if it is its own target.
excluded: a node is neither predicted nor wanted as its own target."""


@dataclass(frozen=True, kw_only=True)
class TopKRecovery:
    """Recovery of every source node."""

    sources: Int[np.ndarray, " sources"]
    shares: Float[np.ndarray, " sources"]
    ceiling: float
    """Largest mean that the cap on k allows; 1 without a cap."""

    @property
    def mean(self) -> float:
        """Mean share over source nodes."""
        return float(self.shares.mean())

    @property
    def complete(self) -> bool:
        """Whether every node has all its targets within its top k."""
        return bool((self.shares == 1).all())


@dataclass(frozen=True)
class Targets:
    """Distinct targets by source node, both ascending."""

    sources: Int[np.ndarray, " sources"]
    rows: tuple[Int[np.ndarray, "..."], ...]

    @classmethod
    def of(cls, edges: Int[np.ndarray, "edges 2"], self_predictions: SelfPredictions) -> "Targets":
        """Group `edges` by source; raises DataError when none is left."""
        distinct = np.unique(edges, axis=0)
        if self_predictions == "excluded":
            distinct = distinct[distinct[:, 0] != distinct[:, 1]]
        if len(distinct) == 0:
            raise DataError("recovery needs at least one edge to recover")
        sources, starts = np.unique(distinct[:, 0], return_index=True)
        return cls(sources, tuple(np.split(distinct[:, 1], starts[1:])))

    @property
    def degrees(self) -> Int[np.ndarray, " sources"]:
        """Distinct targets of each source."""
        return np.array([len(row) for row in self.rows])


def top_k_recovery(
    predictions: Int[np.ndarray, "nodes ranks"],
    edges: Int[np.ndarray, "edges 2"],
    *,
    cap: int | None = None,
    self_predictions: SelfPredictions = "counted",
) -> TopKRecovery:
    """Return the recovery of edges by ranked predictions, best first, row u for node u.

    k is the out-degree, or `cap` where that is less. Raises DataError when a node has more targets
    than the table has ranks.
    """
    targets = Targets.of(edges, self_predictions)
    check_sources(targets, len(predictions))
    degrees = targets.degrees
    depths = degrees if cap is None else np.minimum(degrees, cap)
    spare = int(self_predictions == "excluded")
    if depths.max() + spare > predictions.shape[1]:
        worst = targets.sources[depths.argmax()]
        raise DataError(
            f"node {worst} needs {depths.max() + spare} ranked predictions, but there are "
            f"{predictions.shape[1]}: rank more, or pass cap={predictions.shape[1] - spare}"
        )
    shares = []
    for node, row, depth in zip(targets.sources, targets.rows, depths, strict=True):
        ranked = predictions[node]
        if self_predictions == "excluded":
            ranked = ranked[ranked != node]
        shares.append(np.isin(row, ranked[:depth]).mean())
    return TopKRecovery(
        sources=targets.sources, shares=np.array(shares), ceiling=float((depths / degrees).mean())
    )


def top_k_recovery_from_scores(
    chunks: Iterable[Float[np.ndarray, "_ candidates"]],
    edges: Int[np.ndarray, "edges 2"],
    *,
    cap: int | None = None,
    self_predictions: SelfPredictions = "counted",
) -> TopKRecovery:
    """Return the recovery of edges by scores, given as consecutive chunks of rows, node 0 first.

    A tie between a target and another candidate counts against the target, so a model that scores
    all alike recovers nothing. Raises NonFiniteError when a score is NaN, DataError when rows lack.
    """
    targets = Targets.of(edges, self_predictions)
    degrees = targets.degrees
    rows, columns = np.repeat(targets.sources, degrees), np.concatenate(targets.rows)
    parts, first = [], 0
    for chunk in chunks:
        if np.isnan(chunk).any():
            raise NonFiniteError("scores contain NaN; nothing can be ranked by them")
        scores = torch.from_numpy(np.array(chunk, dtype=np.float64))
        if self_predictions == "excluded":
            scores.diagonal(first).fill_(-torch.inf)
        own = (rows >= first) & (rows < first + len(scores))
        pairs = torch.from_numpy(np.stack([rows[own] - first, columns[own]]))
        parts.append(recovered_shares(scores, pairs, cap).numpy())
        first += len(scores)
    check_sources(targets, first)
    depths = degrees if cap is None else np.minimum(degrees, cap)
    return TopKRecovery(
        sources=targets.sources,
        shares=np.concatenate(parts)[targets.sources],
        ceiling=float((depths / degrees).mean()),
    )


def check_sources(targets: Targets, row_count: int) -> None:
    """Raise DataError when a source node has no row of predictions."""
    if targets.sources[-1] >= row_count:
        raise DataError(
            f"edges leave node {targets.sources[-1]}, but there are predictions for "
            f"{row_count} nodes alone"
        )


def published_top_k_recovery(
    predictions: Int[np.ndarray, "nodes ranks"], edges: Int[np.ndarray, "edges 2"]
) -> float:
    """Return the published score of sequence models: k = min(degree, 5), the node itself counted.

    Predictions rank the whole vocabulary. A node of degree above 5 cannot be recovered in full.
    """
    return top_k_recovery(predictions, edges, cap=5).mean


def published_node2vec_recovery(
    scores: Float[np.ndarray, "nodes nodes"],
    edges: Int[np.ndarray, "edges 2"],
    *,
    k: int = 5,
    self_predictions: SelfPredictions = "excluded",
) -> float:
    """Return the published score of Node2Vec: share of directed edges within a k that is fixed."""
    ranked = scores.astype(np.float64)
    if self_predictions == "excluded":
        np.fill_diagonal(ranked, -np.inf)
    best = np.argsort(-ranked, axis=1, kind="stable")[:, :k]
    return float((best[edges[:, 0]] == edges[:, 1:]).any(axis=1).mean())


def edge_accuracy(
    predictions: Int[np.ndarray, " nodes"], edges: Int[np.ndarray, "edges 2"]
) -> float:
    """Return the share of edge rows, repeated ones included, that the one best prediction hits."""
    return float((predictions[edges[:, 0]] == edges[:, 1]).mean())


def edge_accuracy_ceiling(edges: Int[np.ndarray, "edges 2"]) -> float:
    """Return the largest possible edge accuracy: one prediction serves all targets of a node."""
    pairs, counts = np.unique(edges, axis=0, return_counts=True)
    _, starts = np.unique(pairs[:, 0], return_index=True)
    return float(np.maximum.reduceat(counts, starts).sum() / len(edges))


def edge_loss_floor(edges: Int[np.ndarray, "edges 2"]) -> float:
    """Return the conditional entropy of targets given sources, in nats: the least mean loss."""
    _, pair, counts = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    _, source, totals = np.unique(edges[:, 0], return_inverse=True, return_counts=True)
    return float(np.log(totals[source] / counts[pair.ravel()]).mean())


def node_loss_floor(edges: Int[np.ndarray, "edges 2"]) -> float:
    """Return the least mean loss over source nodes, in nats: of tied Node2Vec."""
    _, degrees = np.unique(np.unique(edges, axis=0)[:, 0], return_counts=True)
    return float(np.log(degrees).mean())


def path_chance(paths: Int[np.ndarray, "paths length"]) -> float:
    """Return the percent of paths that a guess gets right which knows all but the branch to take.

    One over the most distinct nodes that stand at one place of the paths (paper B.4: 1/d for a
    path-star); 0 without paths.
    """
    most = max((len(np.unique(column)) for column in paths.T), default=0)
    return 100 / most if most else 0.0


def any_target_share(
    predictions: Int[np.ndarray, " nodes"], edges: Int[np.ndarray, "edges 2"]
) -> float:
    """Return the share of source nodes whose one best prediction is any of their targets."""
    sources, place = np.unique(edges[:, 0], return_inverse=True)
    hits = predictions[edges[:, 0]] == edges[:, 1]
    return float((np.bincount(place.ravel(), weights=hits) > 0).sum() / len(sources))
