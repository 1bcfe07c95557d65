"""The one training loop: stages one after the other, side effects left to callbacks.

A step makes no host synchronisation of its own: losses and counts are summed on the device and read
when somebody asks. A loss or gradient that is not finite raises a flag on the device, and the
optimizer then leaves the weights alone (see `nonfinite`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from geometric_memory.config import TrainingSettings
from geometric_memory.errors import NonFiniteError
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.layers import SeededDropout
from geometric_memory.randomness import stream_seed
from geometric_memory.training.batches import Batch, Batches
from geometric_memory.training.machine import (
    choose_threads,
    compile_model,
    keep_freed_memory,
    pays_to_compile,
    settle_precision,
)
from geometric_memory.training.objective import linear_cross_entropy
from geometric_memory.training.optimizer import AdamW, NonFiniteGuard
from geometric_memory.training.precision import Arithmetic, choose_arithmetic
from geometric_memory.training.processes import Processes
from geometric_memory.training.stages import Stage


@dataclass
class Position:
    """Where training stands, counted in work done; enough to go on from there."""

    stage: int = 0
    epoch: int = 0
    """Epochs of the stage done."""
    batch: int = 0
    """Batches of the epoch done."""
    stage_step: int = 0
    """Updates of the stage done."""
    step: int = 0
    """Updates done in all stages."""


class Totals:
    """Sums over the epoch so far: loss, targets, rows all right, rows; on the device."""

    def __init__(self, device: torch.device) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
        self.sums = torch.zeros(4, dtype=dtype, device=device)

    def of(self, loss: Float[Tensor, ""], correct: Tensor, batch: Batch) -> Float[Tensor, "4"]:
        """Return the sums of one batch; `correct` is whether each target was the argmax."""
        start = right_rows = rows = targets = 0
        for size, count, counted in zip(
            batch.target_rows, batch.target_counts, batch.counted_rows, strict=True
        ):
            by_row = correct[start : start + size * count].view(size, count)
            right_rows = right_rows + by_row.all(dim=1).sum()
            rows += counted
            targets += counted * count
            start += size * count
        sums = torch.zeros_like(self.sums)
        if batch.share:
            sums[0] = loss.to(sums.dtype) * targets
            sums[2] = right_rows
            # Assigning a number to an element waits for a GPU; filling it does not.
            sums[1].fill_(targets)
            sums[3].fill_(rows)
        return sums

    def read(self) -> dict[str, float]:
        """Return mean loss per target and percent of rows with every target right."""
        loss, targets, right, rows = self.sums.tolist()
        return {"loss": loss / max(targets, 1), "accuracy": 100 * right / max(rows, 1)}


class Callback:
    """Something that happens beside training; every method may be left out."""

    def stage_begins(self, trainer: "Trainer") -> None:
        """Run before the first step of a stage, and when training resumes inside one."""

    def step_ends(self, trainer: "Trainer") -> None:
        """Run after each update."""

    def epoch_ends(self, trainer: "Trainer") -> None:
        """Run after the last update of an epoch; `position.epoch` counts it already."""

    def steps_end(self, trainer: "Trainer") -> None:
        """Run after the last step of a stage, before any `stage_ends`."""

    def stage_ends(self, trainer: "Trainer") -> None:
        """Run after a stage, whether it was finished or stopped; again after a resume from here."""

    def state(self) -> dict[str, Any]:
        """Return, as plain JSON values, what an exact resume needs; write out what is held back."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to what `state` gave; nothing on the disk is changed."""

    def drop_later(self) -> None:
        """Remove from the disk what came after the restored state."""


class Trainer:
    """Trains a model through stages; its public attributes are what callbacks read."""

    def __init__(
        self,
        model: SequenceModel,
        stages: Sequence[Stage],
        settings: TrainingSettings,
        arithmetic: Arithmetic,
        processes: Processes | None = None,
    ) -> None:
        self.model = model.to(arithmetic.device)
        self.processes = processes or Processes()
        self.stages = tuple(stages)
        self.settings = settings
        self.arithmetic = arithmetic
        self.position = Position()
        self.totals = Totals(arithmetic.device)
        self.optimizer = self._new_optimizer()
        self.stop_stage = False
        self._dropouts = [
            module
            for module in model.modules()
            if isinstance(module, SeededDropout) and module.rate > 0
        ]
        self.guard = NonFiniteGuard(settings, arithmetic.device)
        self._forward = compile_model(self.model) if arithmetic.compiled else self.model

    @property
    def stage(self) -> Stage:
        """The stage in progress."""
        return self.stages[self.position.stage]

    @property
    def total_steps(self) -> int:
        """Updates of all stages together, the step limit heeded."""
        steps = sum(stage.steps for stage in self.stages)
        return min(steps, self.settings.max_steps) if self.settings.max_steps else steps

    @property
    def out_of_steps(self) -> bool:
        """Whether the step limit is reached."""
        return bool(self.settings.max_steps) and self.position.step >= self.settings.max_steps

    @property
    def rate(self) -> float:
        """Learning rate of the next update."""
        return self.stage.schedule.rate(self.position.stage_step)

    def batches(self) -> Batches:
        """Return the batches of the stage in progress."""
        return Batches(
            self.stage.examples, self.stage.batch_size, seed=self.settings.seed,
            stage=self.stage.name, device=self.arithmetic.device, processes=self.processes,
            padded=self.arithmetic.compiled, merged=not self._dropouts,
        )  # fmt: skip

    def run(self, callbacks: Sequence[Callback]) -> None:
        """Train from the present position to the end of the last stage.

        Where no step is left, the end of the stage is reached all the same.

        Raises:
            NonFiniteError: if a loss or gradient is not finite; the weights are those before it.
        """
        while True:
            self._run_stage(callbacks)
            if self.position.stage == len(self.stages) - 1 or self.out_of_steps:
                return
            step = self.position.step
            self.position = Position(stage=self.position.stage + 1, step=step)
            self.optimizer = self._new_optimizer()
            self.stop_stage = False
            self.guard.count.zero_()

    def train_step(self, batch: Batch) -> None:
        """Make one update from one batch and count it."""
        self.optimizer.param_groups[0]["lr"] = self.rate
        loss, correct = self.backward(batch)
        sums = self.totals.of(loss, correct, batch)
        self.processes.combine(self.optimizer.param_groups[0]["params"], sums)
        held = self.guard.update(self.optimizer, sums[0])
        self.totals.sums += torch.where(held > 0, 0, sums) if self.guard.allowed else sums
        self.position.batch += 1
        self.position.stage_step += 1
        self.position.step += 1

    def backward(self, batch: Batch) -> tuple[Float[Tensor, ""], Bool[Tensor, " targets"]]:
        """Leave the gradients of one batch; return its loss and which targets were the argmax.

        Gradients are those of the loss over the whole batch, of which `batch` may be a part.
        """
        self._seed_dropout()
        self.optimizer.zero_grad()
        with self.arithmetic.autocast(self.model):
            hidden = self._forward(batch.rectangles)
        loss, correct = linear_cross_entropy(
            hidden, self.model.head_weight, batch.targets, self.arithmetic.matrix_type, batch.states
        )
        (loss if batch.share == 1 else loss * batch.share).backward()
        return loss.detach(), correct

    def check_finite(self) -> None:
        """Raise if a step had a loss or gradient that is not finite, or too many had."""
        if self.guard.broken:
            raise NonFiniteError(
                f"{self.stage.name}: loss or gradient is not finite at step {self.position.step}; "
                "the weights are those before it. Lower the learning rate or lengthen the warmup"
            )

    def _run_stage(self, callbacks: Sequence[Callback]) -> None:
        stage, position = self.stage, self.position
        batches = self.batches()
        for callback in callbacks:
            callback.stage_begins(self)
        # An epoch whose last step is done has yet to end, though no step may be left.
        while position.epoch < stage.epochs and (
            position.batch >= batches.per_epoch or not (self.stop_stage or self.out_of_steps)
        ):
            self._run_epoch(batches, callbacks)
        for callback in callbacks:
            callback.steps_end(self)
        for callback in callbacks:
            callback.stage_ends(self)

    def _run_epoch(self, batches: Batches, callbacks: Sequence[Callback]) -> None:
        position = self.position
        if position.batch == 0:
            self.totals = Totals(self.arithmetic.device)
        self.model.train()
        for batch in batches.epoch(position.epoch, start=position.batch):
            self.train_step(batch)
            if self.arithmetic.device.type == "cpu":
                self.check_finite()
            for callback in callbacks:
                callback.step_ends(self)
            if self.out_of_steps:
                break
        self.check_finite()
        if position.batch < batches.per_epoch:
            return
        position.epoch += 1
        position.batch = 0
        for callback in callbacks:
            callback.epoch_ends(self)

    def _new_optimizer(self) -> AdamW:
        trained = [p for p in self.model.parameters() if p.requires_grad]
        factors = {self.model.token_embedding.weight: self.settings.embedding_rate_factor}
        decay = self.settings.optimizer_weight_decay
        return AdamW(trained, weight_decay=decay, factors=factors)

    def _seed_dropout(self) -> None:
        for index, module in enumerate(self._dropouts):
            if module.generator is None:
                module.generator = torch.Generator(self.arithmetic.device)
            name = ("dropout", self.stage.name, self.position.stage_step, index)
            name += (self.processes.rank,) if self.processes.rank else ()  # each row its own mask
            module.generator.manual_seed(stream_seed(self.settings.seed, *name))


def assemble_trainer(
    settings: TrainingSettings, model: SequenceModel, stages: Sequence[Stage], *,
    processes: Processes | None, note: Callable[[str], None],
) -> Trainer:  # fmt: skip
    """Return the trainer of `model`; what was chosen for it by trial stands in its settings.

    `note` is given a sentence about every choice that a user may want to know of.
    """
    torch.set_num_threads(choose_threads(model, stages))
    keep_freed_memory()
    settings, trial = settle_precision(settings, model, stages)
    if trial is not None:
        note(str(trial))
    arithmetic = choose_arithmetic(settings)
    if pays_to_compile(settings, arithmetic, model, stages):
        note("compiling the model, which takes a minute or two (--compile off)")
        arithmetic = replace(arithmetic, compiled=True)
    return Trainer(model, stages, settings, arithmetic, processes)
