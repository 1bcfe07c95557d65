"""Where a batch of members stands, on disk: a killed run goes on from there, to the same bits.

One safetensors file per batch: weights, both moments of every AdamW, the generators of dropout, and
what was recorded so far. It is written at most every few seconds, whole or not at all, and belongs
to exactly one batch: its name is the key of that piece of work.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import read_tensors, write_tensors
from geometric_memory.tiny.engine import State, Trainer
from geometric_memory.tiny.recording import Recorder

RECORDED = "recorded."


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The file of one batch."""

    path: Path
    interval: float
    """Seconds between two states on disk."""
    resume: bool
    """Go on from the file if it is there; without that it is overwritten."""

    def followed(
        self, states: Iterator[State], trainer: Trainer, recorder: Recorder
    ) -> Iterator[State]:
        """Yield the `states` of `trainer` from where the file stands, and keep it up to date.

        `recorder` must record each state after it was yielded, and before the next.
        """
        if self.resume and self.path.is_file():
            self._restore(trainer, recorder)
        written = time.monotonic()
        for state in states:
            # Within a stretch of updates the trainer is ahead of what is recorded.
            abreast = recorder.steps and trainer.step == state.step
            if abreast and time.monotonic() - written >= self.interval:
                arrays = {RECORDED + name: a for name, a in recorder.arrays().items()}
                recorded = {name: torch.from_numpy(array) for name, array in arrays.items()}
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_tensors(self.path, _tensors(trainer) | recorded)
                written = time.monotonic()
            yield state

    def _restore(self, trainer: Trainer, recorder: Recorder) -> None:
        tensors = read_tensors(self.path)
        try:
            own = {n: t.numpy() for n, t in tensors.items() if n.startswith(RECORDED)}
            recorder.restore({name.removeprefix(RECORDED): array for name, array in own.items()})
            if recorder.steps[-1] + 1 != int(tensors["step"]):
                raise ValueError("its step does not follow the last one recorded")
            _check(trainer, tensors)
            _restore(trainer, tensors)
        except Exception as error:  # damage shows as an error of almost any type
            raise CheckpointError(
                f"{self.path}: is no state of this batch ({error}); delete it to start anew"
            ) from None


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Return all that the next update depends on, while its gradient is not yet used."""
    found = {"step": torch.tensor(trainer.step)}
    found |= {f"weights.{name}": weight.detach() for name, weight in trainer.weights.items()}
    for place, (_, optimizer, _) in enumerate(trainer.groups):
        for index, state in optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{place}.{index}.{name}": x for name, x in state.items()}
    for place, generator in enumerate(trainer.generators):
        found[f"generator.{place}"] = generator.get_state()
    return found


def _check(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    """Raise ValueError or KeyError unless weights and moments fit and are finite."""
    shapes = {f"weights.{name}": weight.shape for name, weight in trainer.weights.items()}
    for place, (_, optimizer, _) in enumerate(trainer.groups):
        for index, weight in enumerate(optimizer.param_groups[0]["params"]):
            prefix = f"optimizer.{place}.{index}."
            shapes |= dict.fromkeys((prefix + "exp_avg", prefix + "exp_avg_sq"), weight.shape)
    for name, shape in shapes.items():
        fits = tensors[name].shape == shape and tensors[name].dtype == torch.float32
        if not (fits and bool(tensors[name].isfinite().all())):
            raise ValueError(f"{name} does not fit")


def _restore(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    trainer.step = int(tensors["step"])
    with torch.no_grad():
        for name, weight in trainer.weights.items():
            weight.copy_(tensors[f"weights.{name}"])
    for place, (_, optimizer, _) in enumerate(trainer.groups):
        state: dict[int, dict[str, Tensor]] = {}
        prefix = f"optimizer.{place}."
        for name, tensor in tensors.items():
            if name.startswith(prefix):
                index, key = name.removeprefix(prefix).split(".")
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state})
    for place, generator in enumerate(trainer.generators):
        generator.set_state(tensors[f"generator.{place}"])
