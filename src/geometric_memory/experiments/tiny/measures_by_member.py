"""What is measured at every step, for all members at once: memorization, cosines, loss.

The definitions are those of `analysis`, in tensors with a leading dimension of members.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One number per member."""

    loss: Float[Tensor, " members"]
    recovery: Float[Tensor, " members"]
    """Share of edges recovered with k = out-degree, mean over nodes."""
    published_recovery: Float[Tensor, " members"]
    """The same for sequence models; for Node2Vec the published share within a fixed k of 5."""
    level: Float[Tensor, " members"]
    """The published geometric level: mean cosine over all listed facts."""
    level_without_self: Float[Tensor, " members"]
    non_edge_level: Float[Tensor, " members"]
    """Mean cosine over ordered pairs of nodes that no edge joins."""


class EdgeReader:
    """Recovery and cosines along the facts of one graph."""

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
        source_count = (degrees > 0).sum()
        self.share = 1 / (self.depth * source_count).to(torch.float32)
        weights = torch.zeros(node_count, node_count)
        weights.index_put_(tuple(torch.from_numpy(facts.T)), torch.ones(len(facts)), True)
        apart = weights * (1 - torch.eye(node_count))
        free = ~(linked | linked.T) & ~torch.eye(node_count, dtype=torch.bool)
        kinds = (weights, apart, free.float())
        self.pair_weights = torch.stack([kind / kind.sum() for kind in kinds]).flatten(1).T

    def recovery(
        self, scores: Float[Tensor, "members nodes candidates"]
    ) -> Float[Tensor, " members"]:
        """Return recovery with k = out-degree, row u for node u; ties count against the edge."""
        lead = scores.index_select(1, self.source)
        lead -= lead.gather(2, self.target[:, None].expand(len(lead), -1, 1))
        width = scores.shape[2] - self.node_count
        first = pad(self.first, (0, width), value=1.0)
        # Comparisons into float32: sums of bool are converted one by one, and take far longer.
        ahead, tied = torch.empty_like(lead), torch.empty_like(lead)
        torch.gt(lead, 0, out=ahead)
        torch.eq(lead, 0, out=tied)
        hits = ahead.addcmul_(tied, first).sum(-1) < self.depth
        return torch.where(hits.all(1), 1.0, hits.to(torch.float32) @ self.share)

    def recovery_within(
        self, scores: Float[Tensor, "members nodes nodes"], k: int
    ) -> Float[Tensor, " members"]:
        """Return the published score of Node2Vec: the share of facts within a fixed k."""
        best = scores.topk(k, dim=-1).indices[:, self.source]
        return (best == self.target[:, None]).any(-1).to(torch.float32).mean(1)

    def levels(
        self, embeddings: Float[Tensor, "members nodes dim"]
    ) -> Float[Tensor, "members kinds"]:
        """Return mean cosines over facts, over facts between two nodes, over non-edges."""
        products = torch.bmm(embeddings, embeddings.transpose(1, 2))
        lengths = products.diagonal(dim1=1, dim2=2).sqrt().clamp(min=1e-8)
        cosines = products / (lengths[:, :, None] * lengths[:, None])
        return cosines.flatten(1) @ self.pair_weights


def target_weights(
    facts: Int[np.ndarray, "facts 2"], rows: Int[np.ndarray, " rows"], vocabulary_size: int
) -> Float[Tensor, "rows vocabulary"]:
    """Return how much each target weighs after each node of `rows`; the sum is 1."""
    place = {int(node): row for row, node in enumerate(rows)}
    weights = torch.zeros(len(rows), vocabulary_size)
    for source, target in facts.tolist():
        weights[place[source], target] += 1
    return weights / len(facts)
