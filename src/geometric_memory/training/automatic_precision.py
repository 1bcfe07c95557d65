"""What `--precision auto` means on a processor: a quick trial, made once, then written down.

bfloat16 products are fast where the processor has instructions for them, and slow elsewhere. Small
steps always take float32, so that for them nothing depends on a clock. For large ones a few steps
on one batch are timed in both precisions; the answer becomes a setting of the run, in its
config.json, so that whoever goes on with the run, measures it or repeats it does as it did.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from geometric_memory.config import TrainingSettings
from geometric_memory.models.interface import SequenceModel
from geometric_memory.training.batches import Batch, Batches
from geometric_memory.training.objective import linear_cross_entropy
from geometric_memory.training.precision import Arithmetic, choose_arithmetic
from geometric_memory.training.stages import Stage
from geometric_memory.training.threads import step_flops

LARGE_STEP = 2e10
"""Operations of a step from which the trial is made."""
ROWS = 256
"""Examples of the batch of the trial."""
TRIALS = 3
SPEEDUP_NEEDED = 1.2
HOPELESS = 2.0
"""Seconds in bfloat16 over seconds in float32 after which nothing more is tried."""
DIFFERENCE_ALLOWED = 0.01
"""Of the losses, relative."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a few steps in both precisions showed."""

    speedup: float
    """Seconds in float32 over seconds in bfloat16."""
    difference: float
    """Relative difference of the losses."""

    @property
    def precision(self) -> str:
        """The precision to take; a difference that is not a number is not small."""
        agrees = self.difference <= DIFFERENCE_ALLOWED
        return "bf16" if agrees and self.speedup >= SPEEDUP_NEEDED else "fp32"

    def __str__(self) -> str:
        return (
            f"bf16 is {self.speedup:.1f} times as fast as fp32 here, and its loss differs by "
            f"{100 * self.difference:.2g} %: taking {self.precision} (--precision says otherwise)"
        )


def settle_precision(
    settings: TrainingSettings, model: SequenceModel, stages: Sequence[Stage]
) -> tuple[TrainingSettings, Trial | None]:
    """Return `settings` with `auto` settled if that takes a trial, and the trial."""
    arithmetic = choose_arithmetic(settings)
    large = [stage for stage in stages if step_flops(model, stage) >= LARGE_STEP]
    if settings.precision != "auto" or arithmetic.device.type != "cpu" or not large:
        return settings, None
    trial = try_precisions(model, large[0], settings.seed)
    return replace(settings, precision=trial.precision), trial


def try_precisions(model: SequenceModel, stage: Stage, seed: int) -> Trial:
    """Time forward and backward passes of one batch in both precisions, taken in turns."""
    cpu = torch.device("cpu")
    batches = Batches(stage.examples, ROWS, seed=seed, stage=stage.name, device=cpu)
    batch = next(batches.epoch(0))
    types = torch.float32, torch.bfloat16
    results: list[list[tuple[float, float]]] = []
    for _ in range(TRIALS):
        found = [timed_loss(model, batch, Arithmetic(device=cpu, matrix_type=t)) for t in types]
        results.append(found)
        if found[1][0] > HOPELESS * found[0][0]:
            break
    exact, rounded = zip(*results, strict=True)
    seconds = [min(second for second, _ in trials) for trials in (exact, rounded)]
    return Trial(
        speedup=seconds[0] / seconds[1],
        difference=abs(rounded[0][1] - exact[0][1]) / max(abs(exact[0][1]), 1e-30),
    )


def timed_loss(model: SequenceModel, batch: Batch, arithmetic: Arithmetic) -> tuple[float, float]:
    """Return seconds and loss of one forward and backward pass; no gradient is left."""
    was_training = model.training
    model.eval()
    begin = time.perf_counter()
    with arithmetic.autocast():
        hidden = model(batch.rectangles)
    loss, _ = linear_cross_entropy(hidden, model.head_weight, batch.targets, arithmetic.matrix_type)
    loss.backward()
    seconds = time.perf_counter() - begin
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    return seconds, loss.item()
