"""What a person sees of a run: a bar with rate and time left, or plain lines into a file."""

import html
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from geometric_memory.analysis.estimate import one_digit_percent
from geometric_memory.console import say
from geometric_memory.training.trainer import Callback, Trainer

SECONDS_PER_UPDATE = 0.25
PLAIN_LINES = 20
SHOWN = {
    "train_loss": "loss",
    "edge_memorization/top_k_recovery": "edges known",
    "test/token_2": "second node",
    "test/accuracy": "held-out paths",
}
BLOCKS = "▁▂▃▄▅▆▇█"
MOST_BLOCKS = 16


class Progress(Callback):
    """Shows where training stands on `console`; quiet lines when that is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_line = self._next_update = 0.0
        self._total = 1
        self._courses: dict[str, list[float]] = {}
        self._shows_lines = not (console.is_terminal or console.is_jupyter or console.quiet)
        self._bars = (
            _NotebookBar()
            if console.is_jupyter and not console.quiet
            else _Bars(
                TextColumn("{task.description}", style="bold", markup=False),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                _Rate(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
                refresh_per_second=4,
                disable=not console.is_terminal,
            )
        )
        self._task = self._bars.add_task("", total=None)

    def start(self, total_steps: int) -> None:
        """Begin to show training of `total_steps` updates."""
        self._total = max(total_steps, 1)
        self._bars.update(self._task, total=total_steps)
        self._bars.start()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._bars.stop()

    def step_ends(self, trainer: Trainer) -> None:
        if time.monotonic() >= self._next_update:
            self._update(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        self._update(trainer)

    def say(self, text: str) -> None:
        """Print one line."""
        say(self._console, text)

    def show(self, stage: str, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Show the metrics of an evaluation, below a bar with their course so far."""
        lines, courses = [], []
        for end, label in SHOWN.items():
            for value in (value for name, value in metrics.items() if name.endswith(end)):
                text, course = one_digit_percent(value), ""
                if label == "loss":
                    text = f"{value:.4g}"
                elif math.isfinite(value) and not self._console.options.ascii_only:
                    self._courses.setdefault(label, []).append(value)
                    course = f" {sparkline(self._courses[label])}"
                lines.append(f"{label} {text}")
                courses.append(f"{label}{course} {text}")
        self._bars.metrics = "  ".join(courses)
        if self._shows_lines and (step >= self._next_line or step >= self._total):
            say(self._console, f"{stage} epoch {epoch} step {step}  {'  '.join(lines)}")
            self._next_line = step + self._total / PLAIN_LINES

    def _update(self, trainer: Trainer) -> None:
        self._next_update = time.monotonic() + SECONDS_PER_UPDATE
        self._bars.update(
            self._task,
            completed=trainer.position.step,
            description=trainer.stage.name.replace("_", " "),
        )


def sparkline(shares: Sequence[float]) -> str:
    """Return a curve of percentages as at most MOST_BLOCKS letters, the last value at its end."""
    last, count = len(shares) - 1, min(len(shares), MOST_BLOCKS)
    kept = [shares[round(last * place / max(count - 1, 1))] for place in range(count)]
    return "".join(BLOCKS[int(min(max(share, 0), 99) * len(BLOCKS) / 100)] for share in kept)


class _Bars(Bars):
    """A bar with a line of metrics below it, so that both fit a narrow terminal."""

    metrics = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text(self.metrics)


class _NotebookBar:
    """The same in a notebook, where rich would need widgets that not everyone has."""

    metrics = ""

    def __init__(self) -> None:
        self._done, self._total, self._description = 0, 0, ""
        self._begin = time.monotonic()
        self._shown: Any = None

    def add_task(self, description: str, total: int | None) -> TaskID:
        """Return the place of the only task."""
        return TaskID(0)

    def start(self) -> None:
        """Show the bar below the cell."""
        from IPython.display import display

        self._begin = time.monotonic()
        self._shown = display(self, display_id=True)

    def update(
        self, task: TaskID, *, total: int = 0, completed: int = 0, description: str = ""
    ) -> None:
        """Show where training stands."""
        self._total, self._done = total or self._total, completed or self._done
        self._description = description or self._description
        self.stop()

    def stop(self) -> None:
        """Leave the bar as it is now."""
        if self._shown is not None:
            self._shown.update(self)

    def _repr_html_(self) -> str:
        seconds = max(time.monotonic() - self._begin, 1e-9)
        left = seconds * (self._total - self._done) / max(self._done, 1)
        words = [
            f"{self._description} {self._done}/{self._total}",
            f"{self._done / seconds:.1f} steps/s",
            f"{seconds:.0f} s, {left:.0f} s left",
            self.metrics,
        ]
        bar = f'<progress value="{self._done}" max="{self._total}"></progress>'
        return f"{bar} <code>{html.escape('  '.join(words))}</code>"

    def __repr__(self) -> str:
        return f"{self._description} {self._done}/{self._total}  {self.metrics}"


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} steps/s" if speed else "")
