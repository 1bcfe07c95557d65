"""Memorization of edges: top-k recovery in its one definition, ceilings and floors.

Recovery of a node: the share of its k distinct targets among its k best candidates; of a model, the
mean over source nodes. A tie between a target and another candidate counts against the target, so
that a model that scores all alike has recovered nothing. It is computed in tensors: for rows of any
length, or for many small models at once.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad


def recovered_shares(
    scores: Float[Tensor, "rows candidates"],
    edges: Int[Tensor, "2 edges"],
    cap: int | None = None,
) -> Float[Tensor, " rows"]:
    """Return the share of each row's targets among its best k; 0 for a row without any.

    `edges` are distinct pairs of row and target. k is their number in the row, or `cap` where that
    is less. The m-th best target is among the best k when it beats the (k - m + 1)-th best of all
    other candidates.
    """
    rivals = scores.index_put(tuple(edges), scores.new_tensor(-torch.inf))
    degrees = torch.bincount(edges[0], minlength=len(scores))
    depths = degrees if cap is None else degrees.clamp(max=cap)
    best = _greatest(rivals, int(depths.max()))
    shares = torch.zeros(len(scores), dtype=torch.float64)  # on the CPU: mps has no float64
    for degree in degrees.unique().tolist():
        depth = degree if cap is None else min(degree, cap)
        if depth:
            chosen = degrees == degree
            own = scores[tuple(edges[:, chosen[edges[0]]])].view(-1, degree)
            own = own.topk(depth, sorted=True).values
            beaten = best[chosen, :depth].flip(1)
            shares[chosen.cpu()] = (own > beaten).cpu().double().sum(dim=1) / degree
    return shares


FEW = 8
"""Greatest scores that are looked for one after the other."""


def _greatest(
    scores: Float[Tensor, "rows candidates"], count: int
) -> Float[Tensor, "rows {count}"]:
    """Return the `count` greatest scores of each row, descending; `scores` may be overwritten.

    On a CPU NumPy finds one of them twenty times as fast as PyTorch finds two.
    """
    if not 0 < count <= FEW or scores.device.type != "cpu" or scores.dtype == torch.bfloat16:
        return scores.topk(count, sorted=True).values
    values, row, found = scores.numpy(), np.arange(len(scores)), []
    for _ in range(count):
        column = values.argmax(axis=1)
        found.append(torch.from_numpy(values[row, column]))
        values[row, column] = -np.inf
    return torch.stack(found, dim=1)


class StackedRecovery:
    """Recovery of the facts of one graph by many small models at once, as few operations."""

    def __init__(self, facts: Int[np.ndarray, "facts 2"], node_count: int) -> None:
        self.node_count = node_count
        distinct = torch.from_numpy(np.unique(facts, axis=0))
        self.source, self.target = distinct[:, 0], distinct[:, 1]
        linked = torch.zeros(node_count, node_count, dtype=torch.bool)
        linked[self.source, self.target] = True
        # Which candidates go before a target when scores are equal: rivals, and its targets before.
        before = torch.arange(node_count) < self.target[:, None]
        self.first = (~linked[self.source] | before).to(torch.float32)
        degrees = linked.sum(1)
        self.depth = degrees[self.source]
        self.share = 1 / (self.depth * (degrees > 0).sum()).to(torch.float32)

    def __call__(
        self, scores: Float[Tensor, "members nodes candidates"]
    ) -> Float[Tensor, " members"]:
        """Return the mean share over nodes, row u for node u."""
        lead = scores.index_select(1, self.source)
        lead -= lead.gather(2, self.target[:, None].expand(len(lead), -1, 1))
        first = pad(self.first, (0, scores.shape[2] - self.node_count), value=1.0)
        # Comparisons into float32: sums of bool are converted one by one, and take far longer.
        ahead, tied = torch.empty_like(lead), torch.empty_like(lead)
        torch.gt(lead, 0, out=ahead)
        torch.eq(lead, 0, out=tied)
        hits = ahead.addcmul_(tied, first).sum(-1) < self.depth
        return torch.where(hits.all(1), 1.0, hits.to(torch.float32) @ self.share)

    def within(
        self, scores: Float[Tensor, "members nodes nodes"], k: int
    ) -> Float[Tensor, " members"]:
        """Return the published score of Node2Vec: the share of facts within a fixed k."""
        best = scores.topk(k, dim=-1).indices[:, self.source]
        return (best == self.target[:, None]).any(-1).to(torch.float32).mean(1)


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
