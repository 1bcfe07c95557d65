"""What a stage of training would need, measured on a few of its steps."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor

from geometric_memory.training.batches import Batch, Batches
from geometric_memory.training.trainer import Position, Trainer

TIMED_STEPS = 5
SECONDS_PER_STAGE = 20.0
COUNTED_ROWS = 32


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


def measure_stage(trainer: Trainer, index: int, timed_steps: int = TIMED_STEPS) -> StageNeed:
    """Make a few steps of a stage and count what they keep and take; the first is not timed.

    Raises:
        NonFiniteError: if a loss or gradient is not finite.
    """
    stage = trainer.stages[index]
    trainer.position = Position(stage=index)
    trainer.model.train()
    batches = trainer.batches()
    kept = positions = 0
    times: list[float] = []
    for number, batch in zip(range(timed_steps + 1), _endless(batches), strict=False):
        begin = time.perf_counter()
        if number:
            trainer.train_step(batch)
            trainer.check_finite()  # and wait for the device
            times.append(time.perf_counter() - begin)
        else:
            positions = sum(rectangle.inputs.numel() for rectangle in batch.rectangles)
            with _counting(trainer) as seen:
                trainer.train_step(batch)
            kept = sum(seen.values())
        if sum(times) > SECONDS_PER_STAGE:
            break
    intervals = -(-stage.epochs // stage.eval_interval_epochs)
    return StageNeed(
        shapes=tuple(
            f"{len(kind)} {kind.kind} examples: {kind.inputs.shape[1]} tokens in, "
            f"{kind.targets.shape[1]} predicted"
            for kind in stage.examples
        ),
        steps=stage.steps, evaluations=intervals, kept_bytes=kept, positions=positions,
        seconds_per_step=sorted(times)[len(times) // 2] if times else 0.0,
    )  # fmt: skip


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
