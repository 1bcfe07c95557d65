"""Batches: rectangles cut from examples that lie on the device, in an order that is a function.

The order of an epoch depends on (seed, stage, epoch) alone and is drawn on the CPU, so that it is
the same on every device and any position of it can be reached without replaying what came before.

Rows that ask the same are laid out once, for all their targets: of a node's facts in a batch only
the answers differ, and an answer more costs next to nothing. (With dropout each has its own mask.)

Compiled models want few shapes. For them rows are padded: repeated ones, whose targets are ignored.
Of many kinds, as text tokens make, every batch holds as many rows as a batch ever does.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from geometric_memory.models.rectangles import Rectangle
from geometric_memory.randomness import stream_seed
from geometric_memory.tasks.examples import Examples
from geometric_memory.training.objective import IGNORED
from geometric_memory.training.processes import Processes

FEW_KINDS = 2
"""Edges and paths: so many numbers of rows make few shapes by themselves."""
RARE = 1e-6
"""Share of batches that may be larger than what compiled models are given."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Rectangles with their targets, flat, in the order of the model's hidden states."""

    rectangles: tuple[Rectangle, ...]
    targets: Int[Tensor, " targets"]
    states: Int[Tensor, " targets"]
    """Hidden state that predicts each target, ascending, on the CPU."""
    target_counts: tuple[int, ...]
    """Targets of an example, by rectangle."""
    target_rows: tuple[int, ...]
    """Rows of targets, by rectangle; more than its own where some of them ask the same."""
    counted_rows: tuple[int, ...]
    """Of these the ones that count; those after them are padding, and ignored."""
    share: float = 1.0
    """Targets here, over those of the whole batch, of which this may be one process's part."""


class DeviceExamples:
    """Examples of one kind on the device."""

    def __init__(self, examples: Examples, device: torch.device) -> None:
        self.inputs = torch.from_numpy(examples.inputs).to(device)
        self.targets = torch.from_numpy(examples.targets).to(device)
        self.first_target = examples.first_target
        self.shared_first_token = examples.shared_first_token
        self.target_count = examples.targets.shape[1]

    def __len__(self) -> int:
        return len(self.inputs)

    def rectangle(self, rows: Int[Tensor, " rows"] | slice) -> Rectangle:
        """Return the inputs of some rows."""
        return Rectangle(
            inputs=self.inputs[rows],
            first_target=self.first_target,
            shared_first_token=self.shared_first_token,
        )


class Batches:
    """All examples of a stage, cut into batches; the last short batch of an epoch is kept.

    Of several processes, each gets its part of every batch.
    """

    def __init__(  # noqa: PLR0913 - what, in which order, where, for whom
        self, examples: Sequence[Examples], batch_size: int, *, seed: int, stage: str,
        device: torch.device, processes: Processes | None = None, padded: bool = False,
        merged: bool = True,
    ) -> None:  # fmt: skip
        self.kinds = [DeviceExamples(kind, device) for kind in examples]
        self._questions = [_number_questions(kind) if merged else None for kind in examples]
        self.batch_size = batch_size
        self.device = device
        self._processes = processes or Processes()
        self._seed, self._stage = seed, stage
        self._count = sum(len(kind) for kind in self.kinds)
        self._multiple = row_multiple(batch_size) if padded else 1
        self._least = [0 for _ in self.kinds]
        if padded and len(self.kinds) > FEW_KINDS:
            self._least = _most_rows([len(kind) for kind in self.kinds], batch_size)

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return -(-self._count // self.batch_size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of `epoch` from number `start` on."""
        order = self.order(epoch)
        for begin in range(start * self.batch_size, self._count, self.batch_size):
            yield self._own_part(order[begin : begin + self.batch_size])

    def order(self, epoch: int) -> Int[Tensor, " examples"]:
        """Return the order in which `epoch` visits all examples, kinds end to end."""
        seed = stream_seed(self._seed, "order", self._stage, epoch)
        generator = torch.Generator().manual_seed(seed)
        return torch.randperm(self._count, generator=generator)

    def _own_part(self, chosen: Int[Tensor, " rows"]) -> Batch:
        if self._processes.count == 1:
            return self._batch(chosen)
        part = self._processes.part(chosen)
        if len(part):
            return self._batch(part, self._target_count(part) / self._target_count(chosen))
        return self._batch(chosen[:1], 0.0)  # a row that counts for nothing, to keep pace

    def _target_count(self, chosen: Int[Tensor, " rows"]) -> int:
        count = first = 0
        for kind in self.kinds:
            inside = (chosen >= first) & (chosen < first + len(kind))
            count += int(inside.sum()) * kind.target_count
            first += len(kind)
        return count

    def _batch(self, chosen: Int[Tensor, " rows"], share: float = 1.0) -> Batch:
        rectangles, targets, states, counts, counted, first, laid = [], [], [], [], [], 0, 0
        for kind, questions, least in zip(self.kinds, self._questions, self._least, strict=True):
            rows = chosen[(chosen >= first) & (chosen < first + len(kind))] - first
            first += len(kind)
            if len(rows) or least:
                counts.append(kind.target_count)
                counted.append(len(rows))
                if questions is None:
                    asking = rows = self._pad(rows, least)
                    state = torch.arange(len(rows) * kind.target_count)
                else:
                    rows, asking, state = _merge(rows, questions)
                    asking = self._pad(asking, least)
                rectangles.append(kind.rectangle(asking.to(self.device, non_blocking=True)))
                targets.append(kind.targets[rows.to(self.device, non_blocking=True)])
                targets[-1][counted[-1] :] = IGNORED
                states.append(state + laid)
                laid += len(asking) * kind.target_count
        return Batch(
            rectangles=tuple(rectangles),
            targets=torch.cat([part.reshape(-1) for part in targets]),
            states=torch.cat(states),
            target_counts=tuple(counts),
            target_rows=tuple(map(len, targets)),
            counted_rows=tuple(counted),
            share=share,
        )

    def _pad(self, rows: Int[Tensor, " rows"], least: int) -> Int[Tensor, " padded"]:
        missing = least - len(rows)
        padding = missing if missing >= 0 else -len(rows) % self._multiple
        return torch.cat([rows, rows.new_zeros(padding)])


def _number_questions(examples: Examples) -> Int[Tensor, " examples"] | None:
    """Return the number of what each edge fact asks, equal ones the same; None for other kinds."""
    if examples.kind != "edge" or examples.targets.shape[1] > 1:
        return None
    return torch.from_numpy(np.unique(examples.inputs, axis=0, return_inverse=True)[1])


def _merge(
    rows: Int[Tensor, " rows"], questions: Int[Tensor, " examples"]
) -> tuple[Int[Tensor, " rows"], Int[Tensor, " asking"], Int[Tensor, " rows"]]:
    """Return `rows` by question, one row of each question, and which of those asks for each."""
    rows = rows[questions[rows].argsort(stable=True)]
    begins = questions[rows].diff(prepend=rows.new_full((1,), -1)) > 0
    return rows, rows[begins], begins.cumsum(0) - 1


def _most_rows(sizes: Sequence[int], batch_size: int) -> list[int]:
    """Return rows of each kind that hold all of a batch, but for one batch in a million.

    Rows of a kind in a batch are hypergeometric: drawn without putting back.
    """
    from scipy.stats import hypergeom  # takes long to import

    total = sum(sizes)
    drawn = min(batch_size, total)
    return [max(1, int(hypergeom.isf(RARE / len(sizes), total, size, drawn))) for size in sizes]


def row_multiple(batch_size: int) -> int:
    """Return what numbers of rows are rounded up to: about two of their standard deviations.

    Rows of a kind in a batch are nearly binomial: they deviate by sqrt(batch_size) / 2 at most.
    """
    return 8 * math.ceil(math.sqrt(batch_size) / 8)
