"""What a person sees of a run: a bar with rate and time left, or plain lines into a file."""

import time
from collections.abc import Iterable, Mapping

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

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


class Progress(Callback):
    """Shows where training stands on `console`; quiet lines when that is no terminal."""

    def __init__(self, console: Console, *, plain_lines: int = PLAIN_LINES) -> None:
        self._console = console
        self._plain_lines = plain_lines
        self._next_line = self._next_update = 0.0
        self._total = 1
        self._text = ""
        self._bars = _Bars(
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
        """Show the metrics of an evaluation."""
        texts = [
            f"{label} {value:.4g}" if label == "loss" else f"{label} {value:.1f} %"
            for end, label in SHOWN.items()
            for name, value in metrics.items()
            if name.endswith(end)
        ]
        self._text = self._bars.metrics = "  ".join(texts)
        if not self._console.is_terminal and (step >= self._next_line or step >= self._total):
            say(self._console, f"{stage} epoch {epoch} step {step}  {self._text}")
            self._next_line = step + self._total / self._plain_lines

    def _update(self, trainer: Trainer) -> None:
        self._next_update = time.monotonic() + SECONDS_PER_UPDATE
        self._bars.update(
            self._task,
            completed=trainer.position.step,
            description=trainer.stage.name.replace("_", " "),
        )


class _Bars(Bars):
    """A bar with a line of metrics below it, so that both fit a narrow terminal."""

    metrics = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield Text(self.metrics)


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} steps/s" if speed else "")
