"""Training of many tiny models at once: full batch, one pass for all, one fused AdamW.

Members are copies of one architecture on one graph; they may differ in initial weights, learning
rate, its decay, and weight decay. Members do not touch each other, so that the gradient of the sum
of their losses is each one's own. Nodes with several targets get their logits once, and each target
its weight. With dropout every fact draws its own mask, so that facts are rows then.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from geometric_memory.errors import ConfigurationError, NonFiniteError
from geometric_memory.randomness import stream_seed
from geometric_memory.tiny.measures import (
    EdgeReader,
    Measured,
    target_weights,
)
from geometric_memory.tiny.sections import Precision
from geometric_memory.tiny.stacked import AutogradPass, Differentiated
from geometric_memory.tiny.stacked_linear import TABLE, LinearPass, StackedLinear
from geometric_memory.training.optimizer import AdamW
from geometric_memory.training.stages import Schedule, constant

Network = Differentiated | StackedLinear
ForwardPass = AutogradPass | LinearPass


@dataclass(frozen=True, kw_only=True)
class Member:
    """What one member may have for itself, beside its initial weights."""

    seed: int
    learning_rate: float
    weight_decay: float
    decay: bool

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
    """All members after `step` updates."""

    step: int
    weights: dict[str, Tensor]
    """Those that training goes on with; within a stretch of updates a copy of the embeddings."""
    measured: Measured


class Answer(NamedTuple):
    """What all members answer at one step."""

    step: int
    table: Float[Tensor, "members nodes d"]
    logits: Float[Tensor, "members rows vocabulary"]
    log_probabilities: Float[Tensor, "members rows vocabulary"]


class Trainer:
    """Stacked members, their optimizer and their problem.

    Raises:
        ConfigurationError: for dropout in any but linear nets.
    """

    def __init__(
        self,
        network: Network,
        weights: dict[str, Tensor],
        members: Sequence[Member],
        problem: Problem,
    ) -> None:
        if problem.dropout and not isinstance(network, StackedLinear):
            raise ConfigurationError(["of the tiny models only linear nets have dropout"])
        self.network, self.problem, self.members = network, problem, tuple(members)
        self.weights = {
            name: _laid_out(name, weight).requires_grad_(name not in problem.frozen)
            for name, weight in weights.items()
        }
        self.reader = EdgeReader(problem.facts, problem.node_count)
        sources = np.unique(problem.facts[:, 0])
        self.sources = torch.from_numpy(sources)
        self.targets = target_weights(problem.facts, sources, problem.vocabulary_size)
        starts, ends = torch.from_numpy(problem.facts).T.contiguous()
        self.fact_places = torch.searchsorted(self.sources, starts)
        self.fact_targets = one_hot(ends, problem.vocabulary_size) / len(problem.facts)
        self.groups = _optimizer_groups(self.weights, self.members)
        self.step = 0
        self.generators = [
            torch.Generator().manual_seed(stream_seed(member.seed, "dropout")) for member in members
        ]

    def run(self, steps: int, *, together: int = 1) -> Iterator[State]:
        """Train up to `steps` updates; yield the state now and after every update.

        With `together` > 1 so many updates are made at a stretch and measured at once, which spares
        most of the time of small measurements between large products. Of the states within a
        stretch only the embeddings are there, and `step` of the trainer is ahead of theirs.

        Raises:
            NonFiniteError: when a loss is no longer finite.
        """
        schedules = [members[0].schedule(steps) for members, _, _ in self.groups]
        while (step := self.step) < steps:
            forward, answer = self._answer()
            yield State(step=step, weights=self.weights, measured=self._measure([answer])[0])
            passed = self._stretch(forward, answer, min(step + together, steps), schedules)
            for answer, measured in zip(passed, self._measure(passed), strict=True):
                yield State(step=answer.step, weights={TABLE: answer.table}, measured=measured)
        _, answer = self._answer()
        yield State(step=steps, weights=self.weights, measured=self._measure([answer])[0])

    @torch.no_grad()
    def _stretch(
        self, forward: ForwardPass, answer: Answer, end: int, schedules: Sequence[Schedule]
    ) -> list[Answer]:
        """Train from a pass up to step `end`; return the answers on the way."""
        passed: list[Answer] = []
        while True:
            rates = [schedule.rate(self.step) for schedule in schedules]
            self._update(self._gradients(forward, answer), rates)
            self.step += 1
            if self.step == end:
                return passed
            forward, answer = self._answer()
            passed.append(answer._replace(table=answer.table.clone()))

    @torch.no_grad()
    def _answer(self) -> tuple[ForwardPass, Answer]:
        """Read all nodes."""
        with self._autocast():
            forward = self.network.forward(self.weights, self.sources)
        logarithms = torch.log_softmax(forward.logits.float(), -1)
        return forward, Answer(self.step, self.weights[TABLE].detach(), forward.logits, logarithms)

    @torch.no_grad()
    def _measure(self, answers: Sequence[Answer]) -> list[Measured]:
        """Measure all members at every one of some steps, at once."""
        if not answers:
            return []
        nodes = self.problem.node_count
        levels = self.reader.levels(_join([answer.table[:, :nodes] for answer in answers]))
        scores = _join([answer.logits for answer in answers]).float()
        logarithms = _join([answer.log_probabilities for answer in answers])
        losses = -(self.targets * logarithms).sum((1, 2))
        losses = losses.unflatten(0, (len(answers), -1))
        self._check_finite(losses, answers[0].step)
        if len(self.sources) < nodes:
            every = scores.new_zeros(len(scores), nodes, scores.shape[2])
            every[:, self.sources] = scores
            scores = every
        recovery = self.reader.recovery(scores).unflatten(0, losses.shape)
        levels = levels.unflatten(0, losses.shape)
        return [
            Measured(
                loss=losses[place],
                recovery=recovery[place],
                published_recovery=recovery[place],
                level=levels[place, :, 0],
                level_without_self=levels[place, :, 1],
                non_edge_level=levels[place, :, 2],
            )
            for place in range(len(answers))
        ]

    def _check_finite(self, losses: Float[Tensor, "steps members"], step: int) -> None:
        """Raise if a loss is not finite; `step` is that of the first row."""
        lost = ~losses.isfinite()
        if not lost.any():
            return
        first = int(lost.any(1).to(torch.uint8).argmax())
        seeds = [member.seed for member, x in zip(self.members, lost[first], strict=True) if x]
        raise NonFiniteError(f"the loss is not finite after {step + first} updates, seeds {seeds}")

    def _gradients(self, forward: ForwardPass, answer: Answer) -> dict[str, Tensor]:
        with self._autocast():
            if self.problem.dropout and isinstance(forward, LinearPass):
                return self._gradients_with_dropout(forward)
            gradient = _cross_entropy_gradient(answer.log_probabilities, self.targets)
            return forward.gradients(gradient.to(forward.logits.dtype))

    def _gradients_with_dropout(self, forward: LinearPass) -> dict[str, Tensor]:
        """Return the gradients of a step with dropout, one row and one mask per fact."""
        facts, dropped = self.problem.facts, self.problem.dropout
        width = self.weights[TABLE].shape[2]
        draws = [torch.rand(len(facts), width, generator=each) for each in self.generators]
        mask = (torch.stack(draws) >= dropped) / (1 - dropped)
        logits = forward.mask_logits(self.fact_places, mask)
        logarithms = torch.log_softmax(logits.float(), -1)
        gradient = _cross_entropy_gradient(logarithms, self.fact_targets).to(logits.dtype)
        return forward.mask_gradients(gradient, self.fact_places, mask)

    def _update(self, gradients: dict[str, Tensor], rates: Sequence[float]) -> None:
        """Let every optimizer take its step; a weight that no logit depends on has gradient 0."""
        stored = {name: _as_stored(each.float()) for name, each in gradients.items()}
        for (_, optimizer, slices), rate in zip(self.groups, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate
            for part, (name, rows) in slices.items():
                part.grad = stored[name][rows] if name in stored else torch.zeros_like(part)
            optimizer.step()
            for part in slices:  # freed now, so that the next gradient takes the same memory
                part.grad = None

    def _autocast(self) -> AbstractContextManager[object]:
        rounded = self.problem.precision == "bf16"
        return torch.autocast("cpu", torch.bfloat16) if rounded else nullcontext()


def _join(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _cross_entropy_gradient(
    log_probabilities: Float[Tensor, "members rows vocabulary"],
    targets: Float[Tensor, "rows vocabulary"],
) -> Float[Tensor, "members rows vocabulary"]:
    """Return the gradient, in the logits, of every member's loss against weighted targets."""
    return log_probabilities.exp().mul_(targets.sum(1, keepdim=True)).sub_(targets)


def _laid_out(name: str, weight: Tensor) -> Tensor:
    """Return a copy; linear maps lie transposed in memory, where products and gradients are fast.

    Their gradients then come in their own layout, which spares copying them at every step.
    """
    if weight.ndim == 3 and name.startswith("layers."):
        return weight.transpose(1, 2).contiguous().transpose(1, 2)
    return weight.clone()


def _as_stored(weight: Tensor) -> Tensor:
    """Return the view of `weight` that is contiguous: the fused optimizer copies anything else."""
    return weight if weight.is_contiguous() else weight.transpose(1, 2)


OptimizerGroup = tuple[list[Member], AdamW, dict[torch.nn.Parameter, tuple[str, slice]]]


def _optimizer_groups(
    weights: Mapping[str, Tensor], members: Sequence[Member]
) -> list[OptimizerGroup]:
    """Return one AdamW for each run of members that share its settings.

    Its parameters are slices of the stacked weights, in the same memory.
    """
    groups: list[OptimizerGroup] = []
    start = 0
    for (rate, weight_decay, _), run in groupby(
        members, key=lambda member: (member.learning_rate, member.weight_decay, member.decay)
    ):
        alike = list(run)
        rows = slice(start, start + len(alike))
        start = rows.stop
        slices = {
            torch.nn.Parameter(_as_stored(weight.detach()[rows])): (name, rows)
            for name, weight in weights.items()
            if weight.requires_grad
        }
        optimizer = AdamW(slices, lr=rate, weight_decay=weight_decay)
        groups.append((alike, optimizer, slices))
    return groups
