"""Training as a user asks for it, from Python or from a shell: the one way in."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.config.run import intervals_obeyed
from geometric_memory.console import make_console, say
from geometric_memory.errors import Interrupted
from geometric_memory.runs.interruption import EXIT_CODES, STOPPED
from geometric_memory.runs.launch import (
    resume_or_start,
    resume_training,
    run_training,
)
from geometric_memory.runs.resume import locate, resumed_config
from geometric_memory.runs.run import Run
from geometric_memory.runs.watching import Moment, Watching
from geometric_memory.training.processes import Processes

INTERRUPTED = EXIT_CODES["SIGINT"]


def train(  # noqa: PLR0913 - what a user may say about it
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
) -> Run:
    """Train as `config` says, or go on with a run, and return it.

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
        ends_process: whether the process is there for this run alone: a signal then raises
            Interrupted with its exit code, and a second one ends the process at once.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint kept; it says how to go on.
    """
    console = console or make_console(stderr=True, quiet=quiet)
    watching = Watching(on_evaluation=on_evaluation, stop=stop, ends_process=ends_process)
    config, names = intervals_obeyed(config, frozenset(given))
    resumes_run = str(resume) not in ("", "auto")
    for warning in () if resumes_run else config.warnings(names):
        say(console, f"warning: {warning}")
    try:
        with _process_as_found():
            if not resume:
                return run_training(config, console, processes=processes, watching=watching)
            if not resumes_run:
                return resume_or_start(
                    config, console, strict=strict_resume, processes=processes, watching=watching
                )
            run, checkpoint = locate(Path(resume))
            return resume_training(
                resumed_config(run, config, names), run, console, checkpoint=checkpoint,
                strict=strict_resume, steal_lock=steal_lock, other_data=other_data,
                processes=processes, watching=watching,
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
