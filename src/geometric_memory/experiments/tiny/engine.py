"""Training of many tiny models at once: full batch, one backward pass, one fused AdamW.

Members are copies of one architecture on one graph; they may differ in initial weights, learning
rate, its decay, and weight decay. Members do not touch each other, so that the gradient of the sum
of their losses is each one's own. Nodes with several targets get their logits once, and each target
its weight. With dropout every fact draws its own mask, so that facts are rows then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from geometric_memory.errors import NonFiniteError
from geometric_memory.experiments.tiny.measures_by_member import (
    EdgeReader,
    Measured,
    target_weights,
)
from geometric_memory.randomness import stream_seed
from geometric_memory.training.schedule import Schedule, constant

Precision = Literal["fp32", "bf16"]


@runtime_checkable
class Network(Protocol):
    """Logits of stacked members."""

    def logits(
        self, weights: dict[str, Tensor], nodes: Int[Tensor, " rows"], kept: Tensor | None = None
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after `[EDGE] u` for every u of `nodes`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Member:
    """What one member may have for itself, beside its initial weights."""

    seed: int
    learning_rate: float
    weight_decay: float
    decay: bool

    @property
    def optimizer(self) -> tuple[float, float, bool]:
        """What the update depends on."""
        return self.learning_rate, self.weight_decay, self.decay

    def schedule(self, steps: int) -> Schedule:
        """Return the learning rate over the run."""
        rate = self.learning_rate
        if not self.decay:
            return constant(rate)
        return Schedule(peak=rate, warmup_steps=0, decay_steps=steps, floor=rate / 10)


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """What all members of a batch share: the graph, what is trained, and how."""

    facts: Int[np.ndarray, "facts 2"]
    node_count: int
    vocabulary_size: int
    frozen: tuple[str, ...] = ()
    """Names of weights that stay as they are."""
    dropout: float = 0.0
    precision: Precision = "fp32"


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """All members after `step` updates; the weights are those that training goes on with."""

    step: int
    weights: dict[str, Tensor]
    measured: Measured


class Trainer:
    """Stacked members, their optimizer and their problem."""

    def __init__(
        self,
        network: Network,
        weights: dict[str, Tensor],
        members: Sequence[Member],
        problem: Problem,
    ) -> None:
        self.network, self.problem, self.members = network, problem, tuple(members)
        self.weights = {
            name: _laid_out(name, weight).requires_grad_(name not in problem.frozen)
            for name, weight in weights.items()
        }
        self.trained = [weight for weight in self.weights.values() if weight.requires_grad]
        self.dropout = problem.dropout
        self.reader = EdgeReader(problem.facts, problem.node_count)
        sources = np.unique(problem.facts[:, 0])
        self.sources = torch.from_numpy(sources)
        self.targets = target_weights(problem.facts, sources, problem.vocabulary_size)
        self.groups = _optimizer_groups(self.trained, self.members)
        self.step = 0
        self.generators = [
            torch.Generator().manual_seed(stream_seed(member.seed, "dropout")) for member in members
        ]

    def run(self, steps: int) -> Iterator[State]:
        """Train up to `steps` updates; yield the state now and after every update.

        Raises:
            NonFiniteError: when a loss is no longer finite.
        """
        schedules = [members[0].schedule(steps) for members, _, _ in self.groups]
        while (step := self.step) < steps:
            yield State(step=step, weights=self.weights, measured=self._forward(step))
            if self.dropout:
                self._forward_with_dropout()
            for (_, optimizer, slices), schedule in zip(self.groups, schedules, strict=True):
                optimizer.param_groups[0]["lr"] = schedule.rate(step)
                for part, (weight, rows) in slices.items():
                    part.grad = _as_stored(_gradient(weight)[rows])
                optimizer.step()
            for weight in self.trained:
                weight.grad = None
            self.step += 1
        yield State(step=steps, weights=self.weights, measured=self._forward(steps, last=True))

    def _forward(self, step: int, *, last: bool = False) -> Measured:
        """Measure all members, and leave their gradients when they are to be used."""
        learning = not (last or self.dropout)
        with torch.set_grad_enabled(learning), self._autocast():
            logits = self.network.logits(self.weights, self.sources)
        with torch.no_grad():
            log_probabilities = torch.log_softmax(logits.float(), -1)
            losses = -(self.targets * log_probabilities).sum((1, 2))
            if not losses.isfinite().all():
                seeds = [m.seed for m, x in zip(self.members, losses, strict=True) if x.isnan()]
                raise NonFiniteError(f"the loss is not finite after {step} updates, seeds {seeds}")
            measured = self._measured(logits, losses)
            mass = self.targets.sum(1, keepdim=True)
            gradient = log_probabilities.exp_().mul_(mass).sub_(self.targets)
        if learning:
            logits.backward(gradient.to(logits.dtype))
        return measured

    def _measured(self, logits: Tensor, losses: Tensor) -> Measured:
        nodes = self.problem.node_count
        levels = self.reader.levels(self.weights["token_embedding.weight"][:, :nodes])
        scores = logits.float()
        if len(self.sources) < nodes:
            every = scores.new_zeros(len(scores), nodes, scores.shape[2])
            every[:, self.sources] = scores
            scores = every
        recovery = self.reader.recovery(scores)
        return Measured(
            loss=losses,
            recovery=recovery,
            published_recovery=recovery,
            level=levels[:, 0],
            level_without_self=levels[:, 1],
            non_edge_level=levels[:, 2],
        )

    def _forward_with_dropout(self) -> None:
        """Leave the gradients of a step with dropout, one row and one mask per fact."""
        facts = torch.from_numpy(self.problem.facts)
        width = self.weights["token_embedding.weight"].shape[2]
        draws = [torch.rand(len(facts), width, generator=each) for each in self.generators]
        kept = torch.stack(draws) >= self.dropout
        with self._autocast():
            logits = self.network.logits(self.weights, facts[:, 0], kept)
        losses = torch.log_softmax(logits.float(), -1)[:, range(len(facts)), facts[:, 1]]
        (-losses.mean(1).sum()).backward()

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.problem.precision == "bf16")


def _laid_out(name: str, weight: Tensor) -> Tensor:
    """Return a copy; linear maps lie transposed in memory, where products and gradients are fast.

    Their gradients then come in their own layout, which spares copying them at every step.
    """
    if weight.ndim == 3 and name.startswith("layers."):
        return weight.transpose(1, 2).contiguous().transpose(1, 2)
    return weight.clone()


def _gradient(weight: Tensor) -> Tensor:
    """Return the gradient, zero for a weight that no logit depends on."""
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _as_stored(weight: Tensor) -> Tensor:
    """Return the view of `weight` that is contiguous: the fused optimizer copies anything else."""
    return weight if weight.is_contiguous() else weight.transpose(1, 2)


OptimizerGroup = tuple[
    list[Member], torch.optim.Optimizer, dict[torch.nn.Parameter, tuple[Tensor, slice]]
]


def _optimizer_groups(trained: Sequence[Tensor], members: Sequence[Member]) -> list[OptimizerGroup]:
    """Return one AdamW for each run of members that share its settings.

    Its parameters are slices of the stacked weights, in the same memory.
    """
    groups: list[OptimizerGroup] = []
    start = 0
    for (rate, weight_decay, _), run in groupby(members, key=lambda member: member.optimizer):
        alike = list(run)
        rows = slice(start, start + len(alike))
        start = rows.stop
        slices = {
            torch.nn.Parameter(_as_stored(weight.detach()[rows])): (weight, rows)
            for weight in trained
        }
        optimizer = torch.optim.AdamW(slices, lr=rate, weight_decay=weight_decay, fused=True)
        groups.append((alike, optimizer, slices))
    return groups
