"""`geomem verify`: train again from one checkpoint to the next, and compare every bit."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.console import say
from geometric_memory.datasets.files import find_dataset
from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import read_tensors
from geometric_memory.runs.callbacks import EarlyStopping
from geometric_memory.runs.checkpoints import (
    MODEL_FILE,
    OPTIMIZER_FILE,
    CheckpointStore,
    is_valid,
    step_of,
)
from geometric_memory.runs.folder import RunFolder, own_files
from geometric_memory.runs.preparation import prepare
from geometric_memory.runs.resume import check_origin
from geometric_memory.runs.run import Run
from geometric_memory.runs.state import model_tensors, optimizer_tensors, read_state, restore
from geometric_memory.training.precision import on_this_machine


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What was trained again, and which tensors came out otherwise."""

    start: int
    end: int
    tensors: int
    differing: tuple[str, ...]


def replay(run: Run, most_steps: int, console: Console, *, device: str = "") -> Replay:
    """Train again between the two neighbouring checkpoints that lie closest; the start counts.

    On `device`, else where the run was trained, else on what this machine has.

    Raises:
        CheckpointError: if there is no valid checkpoint, or none within `most_steps`.
        ConfigurationError: if there is no such device here.
    """
    folder, config = run.folder, run.config
    start, end = _closest(folder, most_steps)
    training = on_this_machine(config.training, device)
    short = replace(config, training=replace(training, max_steps=step_of(end)))
    with TemporaryDirectory() as elsewhere:
        ready = prepare(_with_data(short, folder, elsewhere), console, folder=folder)
    trainer, callbacks = ready.trainer, {"early_stopping": EarlyStopping(lambda label: None)}
    check_origin(read_state(end).origin, ready.origin, lambda text: say(console, text))
    if start is not None:
        restore(trainer, callbacks, start, read_state(start))
    trainer.run(list(callbacks.values()))
    stored = read_tensors(end / MODEL_FILE) | read_tensors(end / OPTIMIZER_FILE)
    found = model_tensors(trainer) | optimizer_tensors(trainer)
    return Replay(
        start=step_of(start) if start else 0,
        end=step_of(end),
        tensors=len(stored),
        differing=tuple(_differing(stored, found)),
    )


def _with_data(config: RunConfig, folder: RunFolder, elsewhere: str) -> RunConfig:
    """Return `config`, its data set to be built `elsewhere` if the run has none and none is there.

    Such is a run of an older version that is seen from another folder.
    """
    if config.task.in_context or own_files(folder, config) or find_dataset(config):
        return config
    return replace(config, dataset=replace(config.dataset, dataset_root=elsewhere))


def _closest(folder: RunFolder, most_steps: int) -> tuple[Path | None, Path]:
    """Return the two valid checkpoints with the fewest steps between; None is the very start."""
    valid = [path for path in CheckpointStore(folder.checkpoints).all() if is_valid(path)]
    ends = [path for path in valid if step_of(path) > 0]
    if not ends:
        raise CheckpointError(f"{folder.path}: holds no valid checkpoint to compare with")
    starts = [None, *[path for path in valid if step_of(path) > 0]]
    pairs = list(zip(starts, ends, strict=False))
    lengths = [step_of(end) - (step_of(start) if start else 0) for start, end in pairs]
    fewest = min(lengths)
    if fewest > most_steps:
        raise CheckpointError(
            f"{folder.path}: the closest checkpoints lie {fewest} steps apart; allow that many "
            f"with --steps {fewest}"
        )
    return pairs[lengths.index(fewest)]


def _differing(stored: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor]) -> list[str]:
    names = sorted(stored.keys() | found.keys())
    return [n for n in names if n not in stored or n not in found or not _same(stored[n], found[n])]


def _same(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether two tensors are equal bit for bit, the sign of zero included."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    bits = (tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (left, right))
    return torch.equal(*bits)
