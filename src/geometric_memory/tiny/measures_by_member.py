"""What is measured at every step, for all members at once: memorization, cosines, loss.

The definitions are those of `analysis`, in tensors with a leading dimension of members.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from geometric_memory.analysis.memorization import StackedRecovery


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
        self.recovery = StackedRecovery(facts, node_count)
        linked = torch.zeros(node_count, node_count, dtype=torch.bool)
        linked[tuple(torch.from_numpy(facts.T))] = True
        weights = torch.zeros(node_count, node_count)
        weights.index_put_(tuple(torch.from_numpy(facts.T)), torch.ones(len(facts)), True)
        apart = weights * (1 - torch.eye(node_count))
        free = ~(linked | linked.T) & ~torch.eye(node_count, dtype=torch.bool)
        kinds = (weights, apart, free.float())
        self.pair_weights = torch.stack([kind / kind.sum() for kind in kinds]).flatten(1).T

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
