"""A training run from its configuration to its summary, in one piece or gone on with."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.console import say
from geometric_memory.errors import CheckpointError, GeometricMemoryError
from geometric_memory.files.lock import RunLock
from geometric_memory.files.whole import (
    free_bytes,
    naming,
    refuse_links,
    remove_unfinished,
    sync,
    write_json,
)
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.environment import describe_environment
from geometric_memory.runs.folder import RunFolder, create_run_folder, to_json
from geometric_memory.runs.metrics import RowFile
from geometric_memory.runs.own_data import keep_dataset
from geometric_memory.runs.preparation import Preparation, prepare
from geometric_memory.runs.resume import changes, check_length, check_origin, find_unfinished
from geometric_memory.runs.run import Run
from geometric_memory.runs.session import Session
from geometric_memory.runs.state import read_state, restore
from geometric_memory.runs.watching import Watching
from geometric_memory.training.processes import Processes
from geometric_memory.training.trainer import Trainer

BYTES_PER_PARAMETER = 12
"""Of a checkpoint: a weight and two moments, float32."""
NOTHING_LEFT = (None, "", "")
"""What the leading process says instead of settings when the run is finished already."""


def run_training(
    config: RunConfig, console: Console, *, processes: Processes | None = None,
    watching: Watching | None = None,
) -> Run:  # fmt: skip
    """Train as `config` says, building the data set first if it is not there.

    Of several processes this is the one that leads; the others follow (`runs/following.py`).

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong; before the first step, nothing
            but the data set has then been written.
    """
    config = resolve_sizes(config)
    ready = prepare(config, console, processes=processes, announce=True)
    config = replace(config, training=ready.trainer.settings)
    folder = create_run_folder(config, datetime.now())
    with RunLock(folder.lock):
        write_json(folder.environment, describe_environment(ready.trainer.arithmetic))
        say(console, f"run folder: {folder.path}")
        _warn_of_small_disk(ready.trainer, folder, console)
        if not config.task.in_context:
            keep_dataset(folder, config, ready.origin.dataset)
        session = Session(config, ready, folder, console, watching or Watching())
        _lead(ready.trainer, config, folder, None)
        session.train(ready.trainer)
    return Run(folder.path)


def resume_training(  # noqa: PLR0913 - what a user may say about it
    config: RunConfig,
    run: Run,
    console: Console,
    *,
    checkpoint: Path | None = None,
    strict: bool = False,
    steal_lock: bool = False,
    other_data: bool = False,
    processes: Processes | None = None,
    watching: Watching | None = None,
) -> Run:
    """Go on with `run` from `checkpoint` (None: its last valid one) to its end.

    The result is, bit for bit, that of a run of one piece on the same machine.

    Raises:
        CheckpointError: if there is no valid checkpoint; if `strict`, if the last one is damaged.
        GeometricMemoryError: if anything else a user can mend is wrong.
    """
    folder = run.folder
    with RunLock(folder.lock, steal=steal_lock) as lock:
        if lock.stale:
            say(console, f"note: cleared the lock of a run that has ended: {lock.stale}")
        for own in (folder.checkpoints, folder.artifacts):
            refuse_links(own)
        before, warn = folder.read_config(), _warner(console)
        try:
            summary = folder.read_summary()
        except CheckpointError as error:
            warn(f"{error}; the run ends again to write it")
            summary = {}
        if summary and before == config and checkpoint is None:
            return _finished(folder, summary, console, processes)
        _remove_unfinished(folder, console)
        store = CheckpointStore(folder.checkpoints, keep=config.logging.checkpoints_kept)
        chosen = checkpoint or store.newest(warn, strict=strict)
        if chosen is None:
            raise CheckpointError(f"{folder.path}: holds no valid checkpoint; start the run afresh")
        ready = prepare(
            config, console, folder=None if other_data else folder, load_weights=False,
            processes=processes,
        )  # fmt: skip
        state = read_state(chosen)
        check_origin(state.origin, ready.origin, warn, other_data=other_data)
        check_length(before, ready.trainer, state.position, folder.path)
        if summary and checkpoint is None and state.position.step >= ready.trainer.total_steps:
            return _finished(folder, summary, console, processes)
        session = Session(config, ready, folder, console, watching or Watching())
        return _go_on(config, before, ready, session, chosen, console)


def _finished(
    folder: RunFolder, summary: dict[str, Any], console: Console, processes: Processes | None
) -> Run:
    say(console, f"{folder.path}: this run is finished already, after {summary['steps']} steps")
    (processes or Processes()).tell(NOTHING_LEFT)
    return Run(folder.path)


def resume_or_start(
    config: RunConfig, console: Console, *, strict: bool = False,
    processes: Processes | None = None, watching: Watching | None = None,
) -> Run:  # fmt: skip
    """Go on with the unfinished run of `config`, or start one and say so.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    config = resolve_sizes(config)
    run = find_unfinished(config)
    if run is None:
        say(console, "nothing to resume: no unfinished run has these settings; starting afresh")
        return run_training(config, console, processes=processes, watching=watching)
    if config.training.precision == "auto":  # settled when the run was started
        settled = run.config.training.precision
        config = replace(config, training=replace(config.training, precision=settled))
    return resume_training(
        config, run, console, strict=strict, processes=processes, watching=watching
    )


def _go_on(
    config: RunConfig, before: RunConfig, ready: Preparation, session: Session, chosen: Path,
    console: Console,
) -> Run:  # fmt: skip
    folder, state = session.folder, read_state(chosen)
    store = CheckpointStore(folder.checkpoints, keep=config.logging.checkpoints_kept)
    try:
        restore(ready.trainer, session.callbacks, chosen, state)
    except GeometricMemoryError:
        session.close()
        raise
    for old in (folder.summary, folder.failure):  # first: a kill leaves no end of a later state
        with naming(old):
            old.unlink(missing_ok=True)
            sync(folder.path)
    store.return_to(chosen, state.labels)
    session.drop_later()
    write_json(folder.config, to_json(config))
    same_data = state.origin.dataset == ready.origin.dataset
    if not config.task.in_context and not (same_data and folder.dataset.exists()):
        keep_dataset(folder, config, ready.origin.dataset)
    _note_resume(folder, before, config, ready, same_data=same_data)
    say(console, f"run folder: {folder.path}")
    say(console, f"resumed from {chosen.name}")
    _lead(ready.trainer, config, folder, chosen)
    session.train(ready.trainer)
    return Run(folder.path)


def _lead(trainer: Trainer, config: RunConfig, folder: RunFolder, checkpoint: Path | None) -> None:
    """Tell the processes that follow what to train, and give them the same weights."""
    start = str(checkpoint.resolve()) if checkpoint else ""
    trainer.processes.tell((to_json(config), start, str(folder.path.resolve())))
    trainer.processes.equalize(list(trainer.model.parameters()))


def _warner(console: Console) -> Callable[[str], None]:
    return lambda text: say(console, f"warning: {text}")


def _remove_unfinished(folder: RunFolder, console: Console) -> None:
    places = [folder.path, folder.dataset, folder.checkpoints, *folder.artifacts.glob("*/")]
    count = sum(map(remove_unfinished, places))
    if count:
        say(console, f"note: removed {count} unfinished files of a run that was killed")


def _note_resume(
    folder: RunFolder, before: RunConfig, config: RunConfig, ready: Preparation, *, same_data: bool
) -> None:
    rows = RowFile(folder.resumes)
    rows.append(
        {
            "time": datetime.now().isoformat(timespec="seconds"),
            "step": ready.trainer.position.step,
            "changes": changes(before, config),
            "same_data": same_data,
            "environment": describe_environment(ready.trainer.arithmetic),
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
