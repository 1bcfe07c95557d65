"""What a stage of training would need, measured on a few of its steps, or guessed before them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice, repeat

import torch
from torch import Tensor

from geometric_memory.models.interface import SequenceModel
from geometric_memory.training.automatic_precision import ROWS, timed_loss
from geometric_memory.training.batches import Batch, Batches
from geometric_memory.training.precision import EXACT
from geometric_memory.training.stages import Stage
from geometric_memory.training.threads import choose_threads, step_flops
from geometric_memory.training.trainer import Position, Trainer

TIMED_STEPS = 5
SECONDS_PER_STAGE = 20.0
COUNTED_ROWS = 32
TIMED_PASSES, SECONDS_OF_PASSES = 20, 0.5
"""Most passes of an estimate, and about the time that they take."""
LONG = 600.0
"""Seconds of a job that is announced on a processor."""
SLOW_STEP, SLOW_FLOPS = 5e-3, 5e9
"""Seconds of a step beside its products, and their rate, on a slow processor."""


@dataclass(frozen=True, kw_only=True)
class StageNeed:
    """What one stage would need."""

    shapes: tuple[str, ...]
    steps: int
    evaluations: int
    kept_bytes: int
    """What the forward pass of the first batch keeps for the backward pass."""
    positions: int
    seconds_per_step: float
    compile_seconds: float
    """Of the first step of a compiled model, which compiles one shape of batch; else 0."""


def measure_stage(trainer: Trainer, index: int, timed_steps: int = TIMED_STEPS) -> StageNeed:
    """Make a few steps of a stage and count what they keep and take; the first is not timed.

    A compiled model meets one batch alone, so that no step that is timed compiles another shape.

    Raises:
        NonFiniteError: if a loss or gradient is not finite.
    """
    stage = trainer.stages[index]
    trainer.position = Position(stage=index)
    trainer.model.train()
    stream = _endless(trainer.batches())
    first = next(stream)
    with _counting(trainer) as seen:
        first_seconds = _timed_step(trainer, first)
    compiled = trainer.arithmetic.compiled
    times: list[float] = []
    for batch in islice(repeat(first) if compiled else stream, timed_steps):
        times.append(_timed_step(trainer, batch))
        if sum(times) > SECONDS_PER_STAGE:
            break
    intervals = -(-stage.epochs // stage.eval_interval_epochs)
    return StageNeed(
        shapes=tuple(
            f"{len(kind)} {kind.kind} examples: {kind.inputs.shape[1]} tokens in, "
            f"{kind.targets.shape[1]} predicted"
            for kind in stage.examples
        ),
        steps=stage.steps, evaluations=intervals, kept_bytes=sum(seen.values()),
        positions=sum(rectangle.inputs.numel() for rectangle in first.rectangles),
        seconds_per_step=min(times, default=0.0),
        compile_seconds=first_seconds if compiled else 0.0,
    )  # fmt: skip


def estimated_seconds(model: SequenceModel, stages: Sequence[Stage], max_steps: int) -> float:
    """Return about how long training takes on this processor, evaluations left out.

    What is short even on a slow one is not timed; else a few passes over some rows of each stage.
    The quickest counts, or what one thread alone has worked on a pass, if that is less: threads
    that wait for each other on a busy machine take many times longer than on an idle one.
    """
    planned, left = [], max_steps or sum(stage.steps for stage in stages)
    for stage in stages:
        planned.append((stage, min(left, stage.steps)))
        left -= planned[-1][1]
    slow = sum(
        steps * (SLOW_STEP + step_flops(model, stage) / SLOW_FLOPS) for stage, steps in planned
    )
    if slow < LONG:
        return slow
    threads = choose_threads(model, tuple(stages))
    return sum(steps * _seconds_of_step(model, stage, threads) for stage, steps in planned if steps)


def _seconds_of_step(model: SequenceModel, stage: Stage, threads: int) -> float:
    rows = min(ROWS, stage.batch_size, sum(map(len, stage.examples)))
    batches = Batches(stage.examples, rows, seed=0, stage=stage.name, device=EXACT.device)
    batch = next(batches.epoch(0))
    before, times, worked = torch.get_num_threads(), [], []
    torch.set_num_threads(threads)
    while len(times) < 2 or (len(times) < TIMED_PASSES and sum(times) < SECONDS_OF_PASSES):
        times.append(timed_loss(model, batch, EXACT)[0])
    torch.set_num_threads(1)
    for _ in range(2):
        begin = time.thread_time()
        timed_loss(model, batch, EXACT)
        worked.append(time.thread_time() - begin)
    torch.set_num_threads(before)
    return min(*times, *worked) * min(stage.batch_size, sum(map(len, stage.examples))) / rows


def duration_text(seconds: float) -> str:
    """Return a duration to two or three digits."""
    for length, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.6 * length:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{seconds:.1f} s"


def bytes_per_row(trainer: Trainer) -> float:
    """Return what one row of the stage in progress keeps for the backward pass, from a few rows."""
    batches = Batches(
        trainer.stage.examples, COUNTED_ROWS, seed=0, stage=trainer.stage.name,
        device=trainer.arithmetic.device,
    )  # fmt: skip
    batch = next(batches.epoch(0))
    with _counting(trainer) as seen:
        trainer.backward(batch)
    return sum(seen.values()) / sum(len(rectangle.inputs) for rectangle in batch.rectangles)


def _timed_step(trainer: Trainer, batch: Batch) -> float:
    begin = time.perf_counter()
    trainer.train_step(batch)
    trainer.check_finite()  # and wait for the device
    return time.perf_counter() - begin


def _endless(batches: Batches) -> Iterator[Batch]:
    for epoch in count():
        yield from batches.epoch(epoch)


@contextmanager
def _counting(trainer: Trainer) -> Iterator[dict[int, int]]:
    """Collect the bytes of all storages but weights that the backward pass keeps."""
    weights = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield seen
