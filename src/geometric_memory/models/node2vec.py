"""Node2Vec on whole graphs: one matrix of scores, its gradient in closed form, many seeds at once.

The score of node v in the context of node u is z[u, v] = nodes[u] . contexts[v]; tied tables are
one tensor. With G = d loss / d z, a step of plain gradient descent on tied tables is
V - rate (G + G^T) V: for the full softmax, the paper's Delta V = rate C V (F.4, Lemma 5). The
published objective is one-hop, without walks: `edge_targets`. Walks with p and q change the targets
alone: `walk_targets` in `node2vec_walks`. Everything is dense, nodes x nodes, and has a leading
dimension of seeds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from geometric_memory.errors import ConfigurationError, NonFiniteError
from geometric_memory.limits import Count, NonNegative, Rate
from geometric_memory.topic import Topic


class Node2VecSettings(Topic):
    """How Node2Vec is trained; the defaults are the published ones."""

    refused = "{name} {value}: {rule}"
    missing = "{name} needs a value"

    dimension: Count = 100
    """Width of an embedding."""
    tied: bool = True
    """Use one table for nodes and contexts."""
    objective: Literal["softmax", "negative_sampling"] = "softmax"
    """Full softmax over all nodes, the node itself included, or negative sampling."""
    negatives_per_positive: Count = 3
    """Negatives drawn per neighbour; the softmax has none."""
    learning_rate: Rate = 0.01
    """Constant rate of plain full-batch gradient descent."""
    epochs: NonNegative = 10_000
    """Updates."""
    snapshot_interval: Count = 25
    """Updates between snapshots; the first and the last state are always among them."""


@dataclass(frozen=True, kw_only=True)
class Node2VecTables:
    """Embeddings of every seed; tied when both names hold the same tensor."""

    nodes: Float[Tensor, "seeds nodes dim"]
    contexts: Float[Tensor, "seeds nodes dim"]

    @property
    def tied(self) -> bool:
        """Whether one table serves as nodes and contexts."""
        return self.contexts is self.nodes

    def scores(self) -> Float[Tensor, "seeds nodes nodes"]:
        """Return z, row = centre, column = context."""
        return torch.bmm(self.nodes, self.contexts.transpose(1, 2))

    def descend(
        self, gradient: Float[Tensor, "seeds nodes nodes"], rate: float
    ) -> "Node2VecTables":
        """Return the tables after one step against `gradient`, the derivative by the scores."""
        if self.tied:
            symmetric = gradient + gradient.transpose(1, 2)
            nodes = torch.baddbmm(self.nodes, symmetric, self.nodes, alpha=-rate)
            return Node2VecTables(nodes=nodes, contexts=nodes)
        nodes = torch.baddbmm(self.nodes, gradient, self.contexts, alpha=-rate)
        transposed = gradient.transpose(1, 2)
        contexts = torch.baddbmm(self.contexts, transposed, self.nodes, alpha=-rate)
        return Node2VecTables(nodes=nodes, contexts=contexts)


@dataclass(frozen=True, kw_only=True)
class Node2VecSnapshot:
    """State after `step` updates, with the loss of that state."""

    step: int
    tables: Node2VecTables
    loss: Float[Tensor, " seeds"]


def initial_tables(
    seeds: Sequence[int], node_count: int, settings: Node2VecSettings
) -> Node2VecTables:
    """Draw N(0, 1) tables on the CPU; seed s gives the published start of seed s."""
    drawn = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        tables = 1 if settings.tied else 2
        shape = (node_count, settings.dimension)
        drawn.append([torch.randn(shape, generator=generator) for _ in range(tables)])
    nodes = torch.stack([tables[0] for tables in drawn])
    contexts = nodes if settings.tied else torch.stack([tables[1] for tables in drawn])
    return Node2VecTables(nodes=nodes, contexts=contexts)


def edge_targets(
    edges: Int[np.ndarray, "edges 2"], node_count: int
) -> Float[Tensor, "nodes nodes"]:
    """Return the uniform distribution over the distinct targets of each node."""
    counts = torch.zeros(node_count, node_count)
    counts[edges[:, 0], edges[:, 1]] = 1
    return normalize_rows(counts)


def normalize_rows(counts: Float[Tensor, "nodes nodes"]) -> Float[Tensor, "nodes nodes"]:
    """Divide each row by its sum; empty rows stay empty."""
    return counts / counts.sum(1, keepdim=True).clamp(min=torch.finfo(counts.dtype).tiny)


class FullSoftmax:
    """Cross-entropy of softmax(z[u]) against the targets of u, u itself among the candidates."""

    def __init__(self, targets: Float[Tensor, "nodes nodes"]) -> None:
        self.targets = targets[None]
        self.sources = (self.targets.sum(2, keepdim=True) > 0).to(targets.dtype)

    def gradient(
        self, scores: Float[Tensor, "seeds nodes nodes"]
    ) -> Float[Tensor, "seeds nodes nodes"]:
        """Return softmax - targets for every source node."""
        return torch.softmax(scores, -1).mul_(self.sources).sub_(self.targets)

    def loss(self, scores: Float[Tensor, "seeds nodes nodes"]) -> Float[Tensor, " seeds"]:
        """Return the mean loss of the source nodes."""
        losses = -(self.targets * torch.log_softmax(scores, -1)).sum((1, 2))
        return losses / self.sources.sum().clamp(min=1)


class NegativeSampling:
    """-mean log(sigma(z) + 1e-8) over targets, the same of -z over sampled non-targets.

    Each epoch draws min(candidates, ratio x targets) other nodes per source without replacement;
    a node that is linked to all others is left out, as published. One generator per seed, so that
    a seed trains alike alone and in company.
    """

    epsilon = 1e-8

    def __init__(
        self,
        targets: Float[Tensor, "nodes nodes"],
        ratio: int,
        generators: Sequence[torch.Generator],
    ) -> None:
        linked = targets > 0
        itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
        self.candidates = ~linked & ~itself & linked.any(1, keepdim=True)
        self.sources = self.candidates.any(1, keepdim=True)
        self.targets = targets * self.sources
        wanted = (ratio * linked.sum(1, keepdim=True)).clamp(min=1)
        self.wanted = torch.minimum(wanted, self.candidates.sum(1, keepdim=True))
        self.generators = generators

    def sampled(self) -> Float[Tensor, "seeds nodes nodes"]:
        """Return weights of freshly drawn negatives; the rows of sources add up to one."""
        keys = torch.stack(
            [torch.rand(self.targets.shape, generator=g, device=g.device) for g in self.generators]
        ).to(self.targets.device)
        ranks = keys.masked_fill(~self.candidates, -1.0).argsort(-1, descending=True).argsort(-1)
        chosen = self.candidates & (ranks < self.wanted)
        return chosen / self.wanted.clamp(min=1)

    def gradient(
        self, scores: Float[Tensor, "seeds nodes nodes"]
    ) -> Float[Tensor, "seeds nodes nodes"]:
        """Return the derivative by the scores for one draw of negatives."""
        positive = torch.sigmoid(scores)
        negative = torch.sigmoid(-scores)
        slope = positive * negative
        pull = self.targets / (positive + self.epsilon)
        return slope * (self.sampled() / (negative + self.epsilon) - pull)

    def loss(self, scores: Float[Tensor, "seeds nodes nodes"]) -> Float[Tensor, " seeds"]:
        """Return the mean loss of the source nodes, in expectation over the negatives."""
        expected = self.candidates / self.candidates.sum(1, keepdim=True).clamp(min=1)
        attraction = self.targets * torch.log(torch.sigmoid(scores) + self.epsilon)
        repulsion = expected * torch.log(torch.sigmoid(-scores) + self.epsilon)
        return -(attraction + repulsion).sum((1, 2)) / self.sources.sum().clamp(min=1)


def train_node2vec(
    targets: Float[Tensor, "nodes nodes"],
    tables: Node2VecTables,
    settings: Node2VecSettings,
    generators: Sequence[torch.Generator] = (),
) -> Iterator[Node2VecSnapshot]:
    """Yield snapshots along full-batch gradient descent on the sum over nodes of the loss.

    Steps count updates: the first snapshot is `tables` at step 0, the last stands after
    `settings.epochs` updates. `generators`, one per seed, serve negative sampling alone.
    Raises NonFiniteError when an embedding is no longer finite.
    """
    objective = FullSoftmax(targets)
    if settings.objective == "negative_sampling":
        if len(generators) != len(tables.nodes):
            raise ConfigurationError(["negative sampling needs one generator per seed"])
        objective = NegativeSampling(targets, settings.negatives_per_positive, generators)
    with torch.no_grad():
        yield snapshot(0, tables, objective)
    step = 0
    while step < settings.epochs:
        stop = min(step + settings.snapshot_interval, settings.epochs)
        with torch.no_grad():
            for _ in range(stop - step):
                tables = tables.descend(objective.gradient(tables.scores()), settings.learning_rate)
            step = stop
            state = snapshot(step, tables, objective)
        yield state


def snapshot(
    step: int, tables: Node2VecTables, objective: FullSoftmax | NegativeSampling
) -> Node2VecSnapshot:
    """Return the state after `step` updates, or raise NonFiniteError."""
    if not (tables.nodes.isfinite().all() and tables.contexts.isfinite().all()):
        raise NonFiniteError(
            f"Node2Vec embeddings are not finite after {step} updates; lower the learning rate"
        )
    return Node2VecSnapshot(step=step, tables=tables, loss=objective.loss(tables.scores()))
