"""Training as a user asks for it, from Python or a shell: started, gone on with, or followed."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.config.run import obey_intervals
from geometric_memory.console import make_console, say
from geometric_memory.errors import CheckpointError, GeometricMemoryError, Interrupted
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
from geometric_memory.runs.callbacks import Agreement, FollowSignals
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.environment import describe_environment
from geometric_memory.runs.folder import RunFolder, create_run_folder, keep_dataset, to_json
from geometric_memory.runs.interruption import (
    EXIT_CODES,
    STOPPED,
    Draw,
    Interruption,
    Moment,
    Watching,
)
from geometric_memory.runs.metrics import RowFile
from geometric_memory.runs.needs import announce_long_job, disk_lines
from geometric_memory.runs.preparation import Preparation, prepare
from geometric_memory.runs.resume import (
    change_config,
    changes,
    check_length,
    check_origin,
    find_unfinished,
    locate,
)
from geometric_memory.runs.run import Run
from geometric_memory.runs.session import Session
from geometric_memory.runs.state import State, read_state, restore, restore_trainer
from geometric_memory.settings import assemble, from_json
from geometric_memory.training.processes import Processes
from geometric_memory.training.trainer import Trainer

INTERRUPTED = EXIT_CODES["SIGINT"]
NOTHING_LEFT = (None, "", "")
"""What the leading process gives in place of settings when there is nothing to train."""


def train(  # noqa: PLR0913 - what a user may choose
    config: RunConfig,
    *,
    given: Collection[str] = (),
    resume: str | Path = "",
    strict_resume: bool = False,
    steal_lock: bool = False,
    other_data: bool = False,
    quiet: bool = False,
    on_evaluation: Callable[[Moment], None] | None = None,
    stop: threading.Event | None = None,
    console: Console | None = None,
    processes: Processes | None = None,
    ends_process: bool = False,
    draw: Draw | None = None,
) -> Run:
    """Train as `config` describes, or go on with a run, and return it.

    Progress is shown in a terminal and in a notebook, as lines elsewhere, and not at all if
    `quiet`. Signals are heeded in the main thread alone; handlers, threads and random states of the
    process are as before when this returns.

    Args:
        config: every setting.
        given: names of the settings that were given on purpose: what has no effect is warned
            about, and a resumed run takes them in place of its own.
        resume: folder of a run or of a checkpoint, or `auto`: the unfinished run with these
            settings, or a new one. Empty starts a new one.
        strict_resume: refuse a damaged last checkpoint, instead of taking the one before it.
        steal_lock: go on although a process of another machine left its lock in the run folder.
        other_data: go on though the data set is not that of the checkpoint.
        quiet: print nothing.
        on_evaluation: called after each evaluation, when its checkpoint is saved.
        stop: once set, from any thread, the run stops after the update in progress and keeps a
            checkpoint; the summary is empty then.
        console: where to print; standard error by default.
        processes: the processes that train together; this one leads.
        draw: draws the finished run in a folder into another one, for W&B; files by name.
        ends_process: whether the process is there for this run alone: a signal then raises
            Interrupted with its exit code, and a second one ends the process at once.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint kept; it says how to go on.
    """
    console = console or make_console(stderr=True, quiet=quiet)
    watching = Watching(
        on_evaluation=on_evaluation, stop=stop, ends_process=ends_process,
        processes=processes or Processes(), draw=draw,
    )  # fmt: skip
    config, names = obey_intervals(config, frozenset(given))
    resumes_run = str(resume) not in ("", "auto")
    for warning in () if resumes_run else config.warnings(names):
        say(console, f"warning: {warning}")
    try:
        with _process_as_found():
            if not resume:
                return run_training(config, console, watching)
            if not resumes_run:
                return resume_or_start(config, console, watching, strict=strict_resume)
            run, checkpoint = locate(Path(resume))
            return resume_training(
                change_config(run, config, names), run, console, watching, checkpoint=checkpoint,
                strict=strict_resume, steal_lock=steal_lock, other_data=other_data,
            )  # fmt: skip
    except Interrupted as error:
        if ends_process or watching.folder is None or error.exit_code not in (STOPPED, INTERRUPTED):
            raise
        if error.exit_code == STOPPED:
            return Run(watching.folder.path)
        raise KeyboardInterrupt(f"{error}, or resume={str(watching.folder.path)!r}") from None


@contextmanager
def _process_as_found() -> Iterator[None]:
    """Train as in a fresh process, and put back what training changes in this one."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    try:
        torch.set_default_dtype(torch.float32)
        with torch.random.fork_rng(devices), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)


def run_training(config: RunConfig, console: Console, watching: Watching | None = None) -> Run:
    """Train as `config` describes, building the data set first if it is not there.

    Of several processes this is the one that leads; the others call `follow_training`.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong; before the first step, nothing
            but the data set has then been written.
    """
    config, watching = resolve_sizes(config), watching or Watching()
    ready = prepare(config, console, processes=watching.processes)
    announce_long_job(ready.trainer, console)
    config = replace(config, training=ready.trainer.settings)
    folder = create_run_folder(config, datetime.now())
    with RunLock(folder.lock):
        write_json(folder.environment, describe_environment(ready.trainer.arithmetic))
        say(console, f"run folder: {folder.path}")
        for line in disk_lines(config.logging, ready.trainer, ready.task, free_bytes(folder.path)):
            say(console, line)
        if not config.task.in_context:
            keep_dataset(folder, config, ready.origin.dataset)
        session = Session(config, ready, folder, console, watching)
        _lead(ready.trainer, config, folder, None)
        session.train(ready.trainer)
    return Run(folder.path)


def resume_or_start(
    config: RunConfig, console: Console, watching: Watching | None = None, *, strict: bool = False
) -> Run:
    """Go on with the unfinished run of `config`, or start one and print so.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    config = resolve_sizes(config)
    run = find_unfinished(config)
    if run is None:
        say(console, "nothing to resume: no unfinished run has these settings; starting afresh")
        return run_training(config, console, watching)
    if config.training.precision == "auto":  # settled when the run was started
        settled = run.config.training.precision
        config = replace(config, training=replace(config.training, precision=settled))
    return resume_training(config, run, console, watching, strict=strict)


def resume_training(  # noqa: PLR0913 - what a user may choose
    config: RunConfig,
    run: Run,
    console: Console,
    watching: Watching | None = None,
    *,
    checkpoint: Path | None = None,
    strict: bool = False,
    steal_lock: bool = False,
    other_data: bool = False,
) -> Run:
    """Go on with `run` from `checkpoint` (None: its last valid one) to its end.

    The result is, bit for bit, that of a run of one piece on the same machine.

    Raises:
        CheckpointError: if there is no valid checkpoint; if `strict`, if the last one is damaged.
        GeometricMemoryError: if anything else a user can mend is wrong.
    """
    folder, watching = run.folder, watching or Watching()

    def warn(text: str) -> None:
        say(console, f"warning: {text}")

    with RunLock(folder.lock, steal=steal_lock) as lock:
        if lock.stale:
            say(console, f"note: cleared the lock of a run that has ended: {lock.stale}")
        for own in (folder.checkpoints, folder.artifacts):
            refuse_links(own)
        before, summary = folder.read_config(), _read_summary(folder, warn)
        if summary and before == config and checkpoint is None:
            return _report_finished(folder, summary, console, watching)
        _remove_unfinished(folder, console)
        store = CheckpointStore(folder.checkpoints)
        chosen = checkpoint or store.newest(warn, strict=strict)
        if chosen is None:
            raise CheckpointError(f"{folder.path}: holds no valid checkpoint; start the run afresh")
        ready = prepare(
            config, console, folder=None if other_data else folder, load_weights=False,
            processes=watching.processes,
        )  # fmt: skip
        state = read_state(chosen)
        check_origin(state.origin, ready.origin, warn, other_data=other_data)
        check_length(before, ready.trainer, state.position, folder.path)
        if summary and checkpoint is None and state.position.step >= ready.trainer.total_steps:
            return _report_finished(folder, summary, console, watching)
        session = Session(config, ready, folder, console, watching)
        _return_to(chosen, state, ready.trainer, session, store)
        _note_resume(folder, before, config, ready, state)
        say(console, f"run folder: {folder.path}")
        say(console, f"resumed from {chosen.name}")
        _lead(ready.trainer, config, folder, chosen)
        session.train(ready.trainer)
    return Run(folder.path)


def _read_summary(folder: RunFolder, warn: Callable[[str], None]) -> dict[str, Any]:
    try:
        return folder.read_summary()
    except CheckpointError as error:
        warn(f"{error}; the run ends again to write it")
        return {}


def _report_finished(
    folder: RunFolder, summary: Mapping[str, Any], console: Console, watching: Watching
) -> Run:
    say(console, f"{folder.path}: this run is finished already, after {summary['steps']} steps")
    watching.processes.broadcast(NOTHING_LEFT)
    return Run(folder.path)


def _remove_unfinished(folder: RunFolder, console: Console) -> None:
    places = [folder.path, folder.dataset, folder.checkpoints, *folder.artifacts.glob("*/")]
    count = sum(map(remove_unfinished, places))
    if count:
        say(console, f"note: removed {count} unfinished files of a run that was killed")


def _return_to(
    checkpoint: Path, state: State, trainer: Trainer, session: Session, store: CheckpointStore
) -> None:
    """Restore the state of `checkpoint`, and leave on the disk nothing that came after it."""
    folder = session.folder
    try:
        restore(trainer, session.callbacks, checkpoint, state)
    except GeometricMemoryError:
        session.close()
        raise
    for old in (folder.summary, folder.failure):  # first: a kill leaves no end of a later state
        with naming(old):
            old.unlink(missing_ok=True)
            sync(folder.path)
    store.return_to(checkpoint, state.labels)
    session.drop_later()


def _note_resume(
    folder: RunFolder, before: RunConfig, config: RunConfig, ready: Preparation, state: State
) -> None:
    """Write the settings and the data set that the run goes on with, and a row about it."""
    write_json(folder.config, to_json(config))
    same_data = state.origin.dataset == ready.origin.dataset
    if not config.task.in_context and not (same_data and folder.dataset.exists()):
        keep_dataset(folder, config, ready.origin.dataset)
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


def _lead(trainer: Trainer, config: RunConfig, folder: RunFolder, checkpoint: Path | None) -> None:
    """Send the processes that follow what to train, and give them the same weights."""
    start = str(checkpoint.resolve()) if checkpoint else ""
    trainer.processes.broadcast((to_json(config), start, str(folder.path.resolve())))
    trainer.processes.equalize(list(trainer.model.parameters()))


def follow_training(processes: Processes) -> None:
    """Train along with rank 0 to the end of its run, or until it stops; nothing is written.

    Raises:
        Interrupted: if a signal came to any process.
        LostProcessError: if another process ended before its time.
        GeometricMemoryError: if something else a user can mend is wrong.
    """
    with Interruption(watching=Watching(processes=processes)) as interruption:
        settings, checkpoint, place = processes.broadcast(None)
        if settings is None:
            return
        config = assemble(RunConfig, from_json(RunConfig, settings, "rank 0"))
        ready = prepare(
            config, make_console(quiet=True), folder=RunFolder(Path(place)), load_weights=False,
            processes=processes,
        )  # fmt: skip
        if checkpoint:
            restore_trainer(ready.trainer, Path(checkpoint), read_state(Path(checkpoint)))
        processes.equalize(list(ready.trainer.model.parameters()))
        ready.trainer.run([FollowSignals(interruption), Agreement()])
