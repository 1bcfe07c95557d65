"""What a person sees of a sweep: a bar with rate and time left, or a few plain lines in a file."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from geometric_memory.console import say

PLAIN_LINES = 20


class SweepProgress:
    """Counts cells; only those run now tell the rate."""

    def __init__(self, console: Console, *, total: int, done: int) -> None:
        self._console = console
        self._total, self._before = total, done
        self._done, self._failed = done, 0
        self._begin = time.perf_counter()
        self._next_line = 0.0
        self._bars = Progress(
            TextColumn("cells"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False), TimeElapsedColumn(),
            console=console, refresh_per_second=2, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bars.add_task("", total=total, completed=done)

    def __enter__(self) -> "SweepProgress":
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def count(self, *, failed: bool) -> None:
        """Count one cell that came to its end."""
        self._done += 1
        self._failed += failed
        text = self._text()
        self._bars.update(self._task, completed=self._done, description=text)
        if not self._console.is_terminal and (
            self._done >= self._next_line or self._done == self._total
        ):
            self.say(f"{self._done} of {self._total} cells  {text}")
            self._next_line = self._done + self._total / PLAIN_LINES

    def say(self, text: str) -> None:
        """Print one line."""
        say(self._console, text)

    def _text(self) -> str:
        seconds = time.perf_counter() - self._begin
        rate = (self._done - self._before) / max(seconds, 1e-9)
        left = (self._total - self._done) / max(rate, 1e-9)
        per = f"{rate:.1f} cells/s" if rate >= 1 else f"{60 * rate:.1f} cells/min"
        failed = f"  {self._failed} failed" if self._failed else ""
        return f"{per}  {_clock(left)} left{failed}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
