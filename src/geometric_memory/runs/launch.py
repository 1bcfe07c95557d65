"""A training run from its configuration to its summary, in one piece or gone on with."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.datasets.files import find_dataset
from geometric_memory.datasets.reader import Dataset, read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import CheckpointError, DataError, GeometricMemoryError
from geometric_memory.models.build import build_model
from geometric_memory.models.pretrained import load_pretrained
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.environment import describe_environment
from geometric_memory.runs.files import free_bytes, read_json, remove_unfinished, write_json
from geometric_memory.runs.folder import RunFolder, create_run_folder, to_json
from geometric_memory.runs.lock import RunLock
from geometric_memory.runs.metrics import RowFile
from geometric_memory.runs.resume import changes, check_origin, find_unfinished
from geometric_memory.runs.session import Session
from geometric_memory.runs.state import (
    Origin,
    describe_arithmetic,
    read_state,
    restore,
)
from geometric_memory.runs.weights import load_model
from geometric_memory.tasks.in_context import context_task, fingerprints
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.training.assembly import assemble_trainer
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.processes import Processes
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Trainer

BYTES_PER_PARAMETER = 12
"""Of a checkpoint: a weight and two moments, float32."""
NOTHING_LEFT = (None, "")
"""What the leading process says instead of settings when the run is finished already."""
MOMENT = 0.3
"""Seconds within which another process has put a data set into its place."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Where a run lies, and its summary."""

    folder: RunFolder
    summary: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Preparation:
    """What stands ready before the first step."""

    task: Task
    trainer: Trainer
    origin: Origin


def run_training(
    config: RunConfig, console: Console, *, processes: Processes | None = None
) -> RunResult:
    """Train as `config` says, building the data set first if it is not there.

    Of several processes this is the one that leads; the others follow (`runs/following.py`).

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong; before the first step, nothing
            but the data set has then been written.
    """
    config = resolve_sizes(config)
    ready = prepare(config, console, processes=processes)
    config = replace(config, training=ready.trainer.settings)
    folder = create_run_folder(config, datetime.now())
    with RunLock(folder.lock):
        write_json(folder.environment, describe_environment(ready.trainer.arithmetic))
        say(console, f"run folder: {folder.path}")
        _warn_of_small_disk(ready.trainer, folder, console)
        session = Session(
            config, ready.task, ready.origin, folder, console, ready.trainer.processes
        )
        _lead(ready.trainer, config, None)
        return RunResult(folder=folder, summary=session.train(ready.trainer))


def resume_training(  # noqa: PLR0913 - what a user may say about it
    config: RunConfig,
    folder: RunFolder,
    console: Console,
    *,
    checkpoint: Path | None = None,
    strict: bool = False,
    steal_lock: bool = False,
    processes: Processes | None = None,
) -> RunResult:
    """Go on with the run in `folder` from `checkpoint` (None: its last valid one) to its end.

    The result is, bit for bit, that of a run of one piece on the same machine.

    Raises:
        CheckpointError: if there is no valid checkpoint; if `strict`, if the last one is damaged.
        GeometricMemoryError: if anything else a user can mend is wrong.
    """
    with RunLock(folder.lock, steal=steal_lock) as lock:
        if lock.stale:
            say(console, f"note: cleared the lock of a run that has ended: {lock.stale}")
        before = folder.read_config()
        if folder.summary.exists() and before == config and checkpoint is None:
            say(console, f"{folder.path}: this run is finished already")
            (processes or Processes()).tell(NOTHING_LEFT)
            return RunResult(folder=folder, summary=_read_summary(folder))
        _remove_unfinished(folder, console)
        warn = _warner(console)
        store = CheckpointStore(folder.checkpoints, keep=config.logging.checkpoints_kept)
        chosen = checkpoint or store.newest(warn, strict=strict)
        if chosen is None:
            raise CheckpointError(f"{folder.path}: holds no valid checkpoint; start the run afresh")
        ready = prepare(config, console, load_weights=False, processes=processes)
        return _go_on(config, before, ready, folder, chosen, console)


def resume_or_start(
    config: RunConfig, console: Console, *, strict: bool = False,
    processes: Processes | None = None,
) -> RunResult:  # fmt: skip
    """Go on with the unfinished run of `config`, or start one and say so.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    config = resolve_sizes(config)
    folder = find_unfinished(config)
    if folder is None:
        say(console, "nothing to resume: no unfinished run has these settings; starting afresh")
        return run_training(config, console, processes=processes)
    if config.training.precision == "auto":  # settled when the run was started
        settled = folder.read_config().training.precision
        config = replace(config, training=replace(config.training, precision=settled))
    return resume_training(config, folder, console, strict=strict, processes=processes)


def _go_on(
    config: RunConfig, before: RunConfig, ready: Preparation, folder: RunFolder, chosen: Path,
    console: Console,
) -> RunResult:  # fmt: skip
    state = read_state(chosen)
    check_origin(state.origin, ready.origin, _warner(console))
    store = CheckpointStore(folder.checkpoints, keep=config.logging.checkpoints_kept)
    session = Session(config, ready.task, ready.origin, folder, console, ready.trainer.processes)
    try:
        restore(ready.trainer, session.callbacks, chosen, state)
    except GeometricMemoryError:
        session.close()
        raise
    store.return_to(chosen, state.labels)
    for old in (folder.summary, folder.failure):
        old.unlink(missing_ok=True)
    write_json(folder.config, to_json(config))
    _note_resume(folder, before, config, ready.trainer)
    say(console, f"run folder: {folder.path}")
    say(console, f"resumed from {chosen.name}")
    _lead(ready.trainer, config, chosen)
    return RunResult(folder=folder, summary=session.train(ready.trainer))


def _lead(trainer: Trainer, config: RunConfig, checkpoint: Path | None) -> None:
    """Tell the processes that follow what to train, and give them the same weights."""
    trainer.processes.tell((to_json(config), str(checkpoint.resolve()) if checkpoint else ""))
    trainer.processes.equalize(list(trainer.model.parameters()))


def prepare(
    config: RunConfig, console: Console, *, load_weights: bool = True,
    processes: Processes | None = None,
) -> Preparation:  # fmt: skip
    """Return task and trainer of `config`, building the data set if it is not there.

    Weights to start from, where `config` names some, are not loaded if a checkpoint will replace
    them.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    choose_arithmetic(config.training)  # a device that is not there is refused before all else
    task, sha256 = prepare_task(config, console)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    if load_weights and config.model.uses_pretrained:
        load_pretrained(model, config.model)
    if load_weights and config.training.skip_edge_memorization:
        load_model(model, Path(config.training.edge_memorization_checkpoint_path))
    stages = build_stages(config, task)
    trainer = assemble_trainer(
        config.training, model, stages, processes=processes,
        tell=lambda text: say(console, f"note: {text}"),
    )  # fmt: skip
    origin = Origin(dataset=sha256, arithmetic=describe_arithmetic(trainer))
    return Preparation(task=task, trainer=trainer, origin=origin)


def prepare_task(config: RunConfig, console: Console) -> tuple[Task, dict[str, str]]:
    """Return the task of `config`, and the SHA-256 of what it is made from, by part."""
    if config.task.in_context:
        task = context_task(config)
        return task, fingerprints(task)
    dataset = prepare_dataset(config, console)
    return build_task(dataset, config), dataset.sha256


def prepare_dataset(config: RunConfig, console: Console) -> Dataset:
    """Return the data set of `config`, building it if it is not there, and saying so."""
    try:
        _build_if_missing(config, console)
    except DataError:
        # Another process may have been putting the same files into their places.
        time.sleep(MOMENT)
        _build_if_missing(config, console)
    dataset = read_dataset(config)
    for note in dataset.notes:
        say(console, f"note: {note}")
    return dataset


def _build_if_missing(config: RunConfig, console: Console) -> None:
    if find_dataset(config) is None:
        files = build_dataset(config)
        say(console, f"built the data set: {files.pretrain}")


def say(console: Console, text: str) -> None:
    """Print one line as it is: nothing in it is markup, and it is not broken."""
    console.print(text, soft_wrap=True, markup=False, highlight=False)


def _warner(console: Console) -> Callable[[str], None]:
    return lambda text: say(console, f"warning: {text}")


def _read_summary(folder: RunFolder) -> dict[str, Any]:
    summary = read_json(folder.summary)
    if not isinstance(summary, dict):
        raise CheckpointError(f"{folder.summary}: is not the summary of a run")
    return summary


def _remove_unfinished(folder: RunFolder, console: Console) -> None:
    places = [folder.path, folder.checkpoints, *folder.artifacts.glob("*/")]
    count = sum(map(remove_unfinished, places))
    if count:
        say(console, f"note: removed {count} unfinished files of a run that was killed")


def _note_resume(folder: RunFolder, before: RunConfig, config: RunConfig, trainer: Trainer) -> None:
    rows = RowFile(folder.resumes)
    rows.append(
        {
            "time": datetime.now().isoformat(timespec="seconds"),
            "step": trainer.position.step,
            "changes": changes(before, config),
            "environment": describe_environment(trainer.arithmetic),
        }
    )
    rows.close()


def _warn_of_small_disk(trainer: Trainer, folder: RunFolder, console: Console) -> None:
    parameters = sum(p.numel() for p in trainer.model.parameters())
    needed, free = BYTES_PER_PARAMETER * parameters, free_bytes(folder.path)
    if free < 2 * needed:
        say(
            console,
            f"warning: {free} bytes are free, and each checkpoint takes about {needed}: "
            "free some space, or the run may end early",
        )
