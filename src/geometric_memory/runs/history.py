"""Histories: arrays along the steps of training, streamed to disk in shards.

    artifacts/NAME/shard-00000000.safetensors    steps [K], values [K, ...]

The name of a shard is its first step. Step s means "after s updates"; the first and the last step
are always there. At most one shard is held in memory.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from safetensors import safe_open
from torch import Tensor

from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import write_tensors
from geometric_memory.files.whole import naming
from geometric_memory.training.trainer import Callback, Trainer

SHARD_BYTES = 64 * 2**20
STEPS_PER_FACTOR_OF_TEN = 20
NUMBERS = ("F32", "F64", "I64")
"""Types of values, as safetensors names them."""


class HistoryWriter:
    """Writes values step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with naming(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._steps: list[int] = []
        self._values: list[Tensor] = []

    def append(self, step: int, value: Tensor) -> None:
        """Add the value after `step` updates."""
        self._steps.append(step)
        self._values.append(value.clone())
        if value.nbytes * len(self._values) >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one shard."""
        if self._steps:
            shard = {"steps": torch.tensor(self._steps), "values": torch.stack(self._values)}
            write_tensors(self.folder / f"shard-{self._steps[0]:08d}.safetensors", shard)
            self._steps, self._values = [], []

    def cut(self, last: int) -> None:
        """Drop every shard that begins after step `last`."""
        for file in shards(self.folder):
            if int(file.stem.partition("-")[2]) > last:
                with naming(file):
                    file.unlink()


def shards(folder: Path) -> list[Path]:
    """Return the shards of a history, in order of their steps."""
    return sorted(folder.glob("shard-*.safetensors"))


def history_places(folder: Path) -> dict[int, tuple[Path, int]]:
    """Return shard and place of every stored step, ascending.

    Raises:
        CheckpointError: if a shard is damaged.
    """
    found = {}
    for file in shards(folder):
        steps, _ = _opened(file)
        found |= {step: (file, place) for place, step in enumerate(steps)}
    return found


def history_steps(folder: Path) -> Int[np.ndarray, " steps"]:
    """Return the steps stored in a history, ascending."""
    return np.array(list(history_places(folder)), dtype=np.int64)


def read_value(file: Path, place: int) -> np.ndarray:
    """Return one value of a shard; no other is read.

    Raises:
        CheckpointError: if the shard is damaged.
    """
    return _opened(file)[1][place]


def read_history(folder: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every stored step and its value, one at a time.

    Raises:
        CheckpointError: if a shard is damaged.
    """
    for file in shards(folder):
        steps, values = _opened(file)
        for place, step in enumerate(steps):
            yield step, values[place]


def _opened(file: Path) -> tuple[list[int], Any]:
    """Return the steps of a shard, and its values, each of which is read when it is asked for."""
    try:
        shard = safe_open(file, "np")
        steps, values = shard.get_tensor("steps"), shard.get_slice("values")
        kinds, rows = (steps.dtype, values.get_dtype()), values.get_shape()[:1]
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise CheckpointError(f"{file}: is not a shard of a history: {error}") from None
    if kinds[0] != np.int64 or kinds[1] not in NUMBERS or [*steps.shape] != rows:
        raise CheckpointError(f"{file}: is not a shard of a history: its steps are not its values'")
    if steps.size and (steps[0] < 0 or (np.diff(steps) <= 0).any()):
        raise CheckpointError(f"{file}: is not a shard of a history: its steps do not ascend")
    return steps.tolist(), values


class Tracker(Callback):
    """Stores a value of the model along the steps of stages that memorize edges."""

    def __init__(self, folder: Path, value: Callable[[Trainer], Tensor], *, schedule: str) -> None:
        self._writer = HistoryWriter(folder)
        self._value = value
        self._due = _every if schedule == "every" else log_spaced
        self._last = -1

    def stage_begins(self, trainer: Trainer) -> None:
        if trainer.stage.memorizes_edges and trainer.position.stage_step == 0:
            self._store(trainer)

    def step_ends(self, trainer: Trainer) -> None:
        if trainer.stage.memorizes_edges and self._due(trainer.position.stage_step):
            self._store(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        if trainer.stage.memorizes_edges:
            self._store(trainer)
        self._writer.flush()

    def state(self) -> dict[str, Any]:
        self._writer.flush()
        return {"last": self._last}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._last = int(state["last"])

    def drop_later(self) -> None:
        self._writer.cut(self._last)

    def _store(self, trainer: Trainer) -> None:
        step = trainer.position.stage_step
        if step != self._last:
            self._writer.append(step, self._value(trainer))
            self._last = step


def log_spaced(step: int) -> bool:
    """Whether `step` is one of about 20 per factor of ten (all of the first ten)."""
    if step < STEPS_PER_FACTOR_OF_TEN:
        return True
    index = STEPS_PER_FACTOR_OF_TEN * np.log10(step)
    nearby = (int(np.floor(index)), int(np.ceil(index)))
    return any(round(10 ** (i / STEPS_PER_FACTOR_OF_TEN)) == step for i in nearby)


def _every(step: int) -> bool:
    return True
