"""Signals while training: the first asks for a checkpoint and an end, the second ends at once.

The first is answered at once, in words, since the step or evaluation in progress may take long.
"""

import os
import signal
import threading
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from rich.console import Console

from geometric_memory.errors import Interrupted
from geometric_memory.training.processes import Processes

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 143}


class Interruption:
    """Notes signals while in its context, and puts the handlers back that it found.

    Outside the main thread Python allows no handlers; there nothing is noted. Of processes that
    train together, all stop after the same update, whichever of them the signal came to.
    """

    def __init__(self, processes: Processes | None = None, console: Console | None = None) -> None:
        self._processes = processes or Processes()
        self._console = console
        self._heard = ""
        self._found: dict[int, Any] = {}

    @property
    def name(self) -> str:
        """The first signal that came, once all processes know of it; empty as long as none did."""
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
        """Raise if a signal came; `saved` tells the user what was kept.

        Raises:
            Interrupted: with the exit code of the signal.
        """
        if self.name:
            raise Interrupted(f"{self.name}: stopped; {saved}", EXIT_CODES[self.name])

    def _note(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._heard:
            os._exit(EXIT_CODES[name])
        self._heard = name
        self._processes.wants_stop = True
        self._answer(f"\n{name}: stopping as soon as a checkpoint is saved; again, at once\n")

    def _answer(self, text: str) -> None:
        """Write to the file of the console past its buffers, which may be in use right now."""
        if self._console is not None:
            with suppress(OSError, ValueError):  # a file in memory has no descriptor
                os.write(self._console.file.fileno(), text.encode())
