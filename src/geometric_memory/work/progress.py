"""What a person sees of much work: a bar with rate and time left, or plain lines in a file."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from geometric_memory.console import say

PLAIN_LINES = 20


class Progress:
    """Counts things of one kind; the rate is that of those counted here."""

    def __init__(self, console: Console, kind: str, *, total: int, done: int) -> None:
        self._console, self._kind = console, kind
        self._total, self._before = total, done
        self._done, self._failed = done, 0
        self._begin = time.perf_counter()
        self._next_line = 0.0
        self._bars = Bars(
            TextColumn(kind), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False), TimeElapsedColumn(),
            console=console, refresh_per_second=2, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bars.add_task("", total=total, completed=done)

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def count(self, *, failed: bool) -> None:
        """Count one that came to its end."""
        self._done += 1
        self._failed += failed
        text = self._text()
        self._bars.update(self._task, completed=self._done, description=text)
        if not self._console.is_terminal and (
            self._done >= self._next_line or self._done == self._total
        ):
            self.say(f"{self._done} of {self._total} {self._kind}  {text}")
            self._next_line = self._done + self._total / PLAIN_LINES

    def say(self, text: str) -> None:
        """Print one line."""
        say(self._console, text)

    def _text(self) -> str:
        seconds = time.perf_counter() - self._begin
        rate = (self._done - self._before) / max(seconds, 1e-9)
        minutes, seconds = divmod(round((self._total - self._done) / max(rate, 1e-9)), 60)
        left = f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left"
        per = f"{rate:.1f} {self._kind}/s" if rate >= 1 else f"{60 * rate:.1f} {self._kind}/min"
        return f"{per}  {left}" + (f"  {self._failed} failed" if self._failed else "")
