"""Signals while training: the first asks for a checkpoint and an end, the second ends at once."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from geometric_memory.errors import Interrupted

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGUSR1": 143}


class Interruption:
    """Notes signals while in its context, and puts the handlers back that it found.

    Outside the main thread Python allows no handlers; there nothing is noted.
    """

    def __init__(self) -> None:
        self.name = ""
        """The first signal that came; empty as long as none did."""
        self._found: dict[int, Any] = {}

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
        if self.name:
            os._exit(EXIT_CODES[name])
        self.name = name
