"""What is measured of members: at every step for all at once, of the last state one by one.

The definitions are those of `analysis`; at every step in tensors with a leading dimension of
members: memorization, cosines, loss. Of the last state: margins, energies along eigenvectors, the
verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.geometry_score import graph_reference, measure_geometry
from geometric_memory.analysis.margins import (
    edge_margins,
    neighbour_accuracy,
    published_linear_logits,
    skewed_logits,
)
from geometric_memory.analysis.memorization import StackedRecovery
from geometric_memory.analysis.spectrum import projection_norms, published_eigenpairs
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.graphs.settings import PUBLISHED_SEED
from geometric_memory.randomness import stream_seed

MARGINS = ("real_margin", "original_margin", "skewed_margin", "skewed_accuracy")
SHARED_ENDS = 3
"""Eigenvectors at either end of the spectrum whose energy is reported, eigenspaces completed."""


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


def graph_measures(graph: Dataset) -> "GraphMeasures":
    """Return the measures of `graph`, which sections and batches of seeds share."""
    return _graph_measures(tuple(map(tuple, graph.facts.tolist())), graph.node_count)


@cache
def _graph_measures(facts: tuple[tuple[int, int], ...], node_count: int) -> "GraphMeasures":
    return GraphMeasures(np.array(facts), node_count)


class GraphMeasures:
    """What the final numbers need of the graph, made once."""

    def __init__(self, facts: Int[np.ndarray, "facts 2"], node_count: int) -> None:
        self.facts, self.node_count = facts, node_count
        adjacency = symmetric_adjacency(facts, node_count, self_loops=True)
        self.eigenvalues, self.eigenvectors = published_eigenpairs(adjacency)
        seed = stream_seed(PUBLISHED_SEED, "geometry", "graph")
        self.reference = graph_reference(self.facts, self.node_count, seed=seed)

    def spectral_shares(self, embeddings: Float[np.ndarray, "nodes dim"]) -> dict[str, float]:
        """Return the energy at both ends of the spectrum, as shares of all but the top vector's.

        The published matrix: self-loops as trained on, one vector dropped. Eigenspaces that the
        third vector from an end belongs to count whole, so that no basis matters.
        """
        values = self.eigenvalues[1:]
        squares = np.square(projection_norms(self.eigenvectors[:, 1:], embeddings))
        squares = squares / squares.sum()
        low = values >= values[SHARED_ENDS - 1] - 1e-6
        high = values <= values[-SHARED_ENDS] + 1e-6
        return {"low_share": float(squares[low].sum()), "high_share": float(squares[high].sum())}

    def final_numbers(
        self,
        weights: Mapping[str, Float[np.ndarray, "..."]],
        logits: Float[np.ndarray, "sources vocabulary"] | None,
        seed: int,
    ) -> tuple[dict[str, float], str]:
        """Return margins, shares and geometry of one member, and the verdict on it.

        `logits` are those of a tied linear net; only such nets have margins, others NaN.
        """
        embeddings = weights["token_embedding.weight"][: self.node_count]
        null_seed = stream_seed(seed, "geometry", "nulls")
        geometry = measure_geometry(embeddings, self.reference, seed=null_seed)
        margins = dict.fromkeys(MARGINS, float("nan"))
        if logits is not None:
            margins = self._margins(weights, logits)
        found = margins | self.spectral_shares(embeddings) | geometry.numbers()
        return found, geometry.verdict

    def _margins(
        self,
        weights: Mapping[str, Float[np.ndarray, "..."]],
        logits: Float[np.ndarray, "sources vocabulary"],
    ) -> dict[str, float]:
        table = weights["token_embedding.weight"]
        weight = weights["layers.0.mlp.inner.linear.weight"]
        every = np.zeros((self.node_count, logits.shape[1]))  # a node without a target has zeros
        every[np.unique(self.facts[:, 0])] = logits
        original, skewed = published_linear_logits(table, weight), skewed_logits(table, weight)
        values = [edge_margins(each, self.facts).mean for each in (every, original, skewed)]
        values.append(100 * neighbour_accuracy(skewed, self.facts))
        return dict(zip(MARGINS, values, strict=True))
