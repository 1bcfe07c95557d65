"""The state of a run: all that an exact resume needs, beside the configuration and the data set.

The order of the examples, dropout and initial weights are functions of the seed, so a position is
where they stand. What is left are weights, optimizer, sums over the epoch, and what the callbacks
remember.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch

from geometric_memory.errors import CheckpointError, NonFiniteError
from geometric_memory.files.tensors import nonfinite, read_tensors, tensor_bytes
from geometric_memory.files.whole import json_bytes, read_json
from geometric_memory.limits import PathName
from geometric_memory.runs.checkpoints import MODEL_FILE, OPTIMIZER_FILE, STATE_FILE, load_model
from geometric_memory.training.trainer import Callback, Position, Trainer

TOTALS = "totals"
ADAMW_STATE = {"step", "exp_avg", "exp_avg_sq"}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a state was made with; bits are promised only where all of it is the same again."""

    dataset: dict[str, str]
    """SHA-256 of every file of the data set."""
    arithmetic: dict[str, str]
    """Device, PyTorch, threads and processes."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The content of state.json."""

    position: Position
    stop_stage: bool
    origin: Origin
    labels: dict[PathName, PathName]
    callbacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: int = 0
    """Batches of the stage that were left out because they were not finite."""


def state_files(
    trainer: Trainer, callbacks: Mapping[str, Callback], labels: dict[str, str], origin: Origin
) -> dict[str, bytes]:
    """Return the content of every file of a checkpoint, the manifest left to the store.

    Raises:
        NonFiniteError: if weights or optimizer hold NaN or infinity, which no checkpoint may.
    """
    tensors = {MODEL_FILE: model_tensors(trainer), OPTIMIZER_FILE: optimizer_tensors(trainer)}
    bad = [name for found in tensors.values() for name in nonfinite(found)]
    if bad:
        raise NonFiniteError(f"{', '.join(bad[:5])}: NaN or infinity after the last update")
    state = State(
        position=trainer.position,
        stop_stage=trainer.stop_stage,
        origin=origin,
        labels=labels,
        callbacks={name: found for name, c in callbacks.items() if (found := c.state())},
        skipped=int(trainer.guard.count),
    )
    return {
        **{file: tensor_bytes(found) for file, found in tensors.items()},
        STATE_FILE: json_bytes(asdict(state)),
    }


def read_state(checkpoint: Path) -> State:
    """Return the state.json of a checkpoint folder.

    Raises:
        CheckpointError: if it is damaged, or of another version.
    """
    path = checkpoint / STATE_FILE
    try:
        state = msgspec.convert(read_json(path), State)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"{path}: is not the state of a run: {error}") from None
    if min(asdict(state.position).values()) < 0:
        raise CheckpointError(f"{path}: is not the state of a run: a negative position")
    return state


def restore(
    trainer: Trainer, callbacks: Mapping[str, Callback], checkpoint: Path, state: State
) -> None:
    """Put trainer and callbacks into the state of `checkpoint`.

    Raises:
        CheckpointError: if it does not fit this run.
    """
    restore_trainer(trainer, checkpoint, state)
    try:
        for name, callback in callbacks.items():
            if name in state.callbacks:
                callback.restore(state.callbacks[name])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{checkpoint / STATE_FILE}: does not fit: {error!r}") from None


def restore_trainer(trainer: Trainer, checkpoint: Path, state: State) -> None:
    """Put the trainer alone into the state of `checkpoint`.

    Raises:
        CheckpointError: if it does not fit this run.
    """
    if state.position.stage >= len(trainer.stages):
        raise CheckpointError(f"{checkpoint}: is of stage {state.position.stage}, not in this run")
    load_model(trainer.model, checkpoint)
    file = checkpoint / OPTIMIZER_FILE
    tensors = read_tensors(file)
    bad = nonfinite(tensors)
    if bad:
        raise CheckpointError(f"{file}: NaN or infinity in {', '.join(bad[:5])}")
    try:
        _load_optimizer(trainer, tensors)
        trainer.totals.sums.copy_(tensors[TOTALS])
    except (IndexError, KeyError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{file}: does not fit this run: {error}") from None
    trainer.position = Position(**asdict(state.position))
    trainer.stop_stage = state.stop_stage
    trainer.guard.count.fill_(state.skipped)


def _load_optimizer(trainer: Trainer, tensors: Mapping[str, torch.Tensor]) -> None:
    parameters = trainer.optimizer.param_groups[0]["params"]
    values: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name == TOTALS:
            continue
        index, _, kind = name.partition(".")
        number = int(index)
        if kind != "step" and tensor.shape != parameters[number].shape:
            raise ValueError(f"{name}: shape {tuple(tensor.shape)}")
        values.setdefault(number, {})[kind] = tensor
    if any(set(kinds) != ADAMW_STATE for kinds in values.values()):
        raise ValueError(f"expected {', '.join(sorted(ADAMW_STATE))} of every parameter")
    trainer.optimizer.load_state_dict({"state": values})


def model_tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Return the weights on the CPU, each stored once."""
    return {name: tensor.detach().cpu() for name, tensor in trainer.model.state_dict().items()}


def optimizer_tensors(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Return the moments of the optimizer and the sums over the epoch, on the CPU."""
    state = trainer.optimizer.state_dict()["state"]
    tensors = {
        f"{index}.{name}": value.cpu()
        for index, values in state.items()
        for name, value in values.items()
    }
    return tensors | {TOTALS: trainer.totals.sums.cpu()}


def describe_arithmetic(trainer: Trainer) -> dict[str, str]:
    """Return what the bits of a run depend on, besides its settings and its data."""
    return {
        **trainer.arithmetic.describe(),
        "torch": torch.__version__,
        "threads": str(torch.get_num_threads()),
        "processes": str(trainer.processes.count),
    }
