"""What ends a run early: its caller, and signals.

The first signal asks for a checkpoint and an end, and is answered at once, in words, since the step
or evaluation in progress may take long. The second ends at once.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console

from geometric_memory.errors import Interrupted
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.folder import RunFolder
from geometric_memory.training.processes import Processes

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 143}
STOPPED = 0
"""The exit code of a run that its caller asked to stop."""
Draw = Callable[[Path, Path], Mapping[str, Path]]
"""Draws the run in a folder into another folder: pictures (.png) and pages (.html) by name."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A run right after an evaluation."""

    folder: RunFolder
    stage: str
    epoch: int
    """Epochs of the stage done."""
    step: int
    """Updates done in all stages."""
    metrics: Mapping[str, float | None]
    """What was measured, by its published name; None is not finite."""
    model: SequenceModel
    """The model itself, in training; its weights are to be read, not changed."""


@dataclass(kw_only=True)
class Watching:
    """What a caller wants from a run besides its end."""

    on_evaluation: Callable[[Moment], None] | None = None
    """Called after each evaluation, when its checkpoint is saved."""
    stop: threading.Event | None = None
    """Once set, the run stops after the update in progress and keeps a checkpoint."""
    ends_process: bool = True
    """Whether a second signal ends the process at once, rather than raise KeyboardInterrupt."""
    processes: Processes = field(default_factory=Processes)
    """Those that train together; this one leads."""
    folder: RunFolder | None = None
    """The folder of the run, once there is one."""
    draw: Draw | None = None
    """For W&B."""


class Interruption:
    """Notes signals while in its context, and puts the handlers back that it found.

    Outside the main thread Python allows no handlers; there nothing is noted. Of processes that
    train together, all stop after the same update, whichever of them the signal came to.
    """

    def __init__(self, console: Console | None = None, watching: Watching | None = None) -> None:
        self._console = console
        self._watching = watching or Watching()
        self._processes = self._watching.processes
        self._heard = ""
        self._found: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """The first signal that came, or `stop`, once all processes know of it; else empty."""
        stop = self._watching.stop
        if stop is not None and stop.is_set() and not self._heard:
            self._heard, self._processes.wants_stop = "stop", True
        if self._processes.count == 1:
            return self._heard
        return (self._heard or "SIGTERM") if self._processes.stopping else ""

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for name in EXIT_CODES:
                number = getattr(signal, name, None)
                if number is not None:
                    self._found[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for number, handler in self._found.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def stop_if_asked(self, saved: str) -> None:
        """Raise if a signal came or the run was asked to stop; `saved` is what was kept.

        Raises:
            Interrupted: with the exit code of the signal.
        """
        if self.name:
            code = EXIT_CODES.get(self.name, STOPPED)
            raise Interrupted(f"{self.name}: stopped; {saved}", code)

    def _note(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._heard and self._watching.ends_process:
            os._exit(EXIT_CODES[name])
        if self._heard:
            raise KeyboardInterrupt(f"{name} came twice: what was not saved is lost")
        self._heard = name
        self._processes.wants_stop = True
        self._answer(f"\n{name}: stopping as soon as a checkpoint is saved; again, at once\n")

    def _answer(self, text: str) -> None:
        """Write to the file of the console past its buffers, which may be in use right now."""
        if self._console is not None and not self._console.quiet:
            with suppress(OSError, ValueError):  # a file in memory has no descriptor
                os.write(self._console.file.fileno(), text.encode())
