"""Callbacks of a run: checkpoints, early stopping, calls after evaluations, and stopping together.

What is done when a stage ends (the last evaluation, labels) is never part of a checkpoint. A run
that goes on from one does it again if it has still ended there, and leaves it out if it has not.
"""

import math
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from geometric_memory.config import LoggingSettings
from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import reach
from geometric_memory.runs.checkpoints import CheckpointStore, step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.interruption import Interruption, Moment, Watching
from geometric_memory.runs.state import Origin, read_state, state_files
from geometric_memory.training.trainer import Callback, Position, Trainer


class Checkpointing(Callback):
    """The last callback of a run: what it saves is the state after all others had their turn."""

    def __init__(
        self, store: CheckpointStore, origin: Origin, interruption: Interruption,
        settings: LoggingSettings,
    ) -> None:  # fmt: skip
        self.others: Mapping[str, Callback] = {}
        """The callbacks whose state is saved; they may call `keep`, so they come later."""
        self._store = store
        self._origin = origin
        self._interruption = interruption
        self._settings = settings
        self._wanted: set[str] = set()

    def keep(self, label: str) -> None:
        """Ask for a checkpoint of this moment under `label`."""
        self._wanted.add(label)

    def stage_begins(self, trainer: Trainer) -> None:
        if self._wanted:
            self._save(trainer)

    def step_ends(self, trainer: Trainer) -> None:
        reach("mid_epoch")
        if _is_due_by_steps(trainer.position, self._settings) or self._interruption.name:
            self._save(trainer)

    def epoch_ends(self, trainer: Trainer) -> None:
        due = _is_due_by_epochs(trainer.position, self._settings)
        if due or self._wanted or self._interruption.name:
            self._save(trainer)

    def steps_end(self, trainer: Trainer) -> None:
        self._save(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        self.keep(f"{trainer.stage.name}_final")
        if trainer.position.stage == len(trainer.stages) - 1 or trainer.out_of_steps:
            self.keep("final")
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.check_finite()
        step = trainer.position.step
        name = f"step-{step:08d}"
        labels = self._store.labels() | dict.fromkeys(sorted(self._wanted), name)
        self._store.save(
            step,
            lambda: state_files(trainer, self.others, labels, self._origin),
            *sorted(self._wanted),
        )
        self._wanted.clear()
        run = shlex.quote(str(self._store.folder.parent))
        self._interruption.stop_if_asked(
            f"checkpoint {name} saved; to go on: geomem train --resume {run}"
        )


def _is_due_by_steps(position: Position, settings: LoggingSettings) -> bool:
    """Whether a checkpoint is due because of the updates made."""
    interval = settings.checkpoint_interval_steps
    due = interval > 0 and position.step % interval == 0
    return due or position.step in settings.kept_steps


def _is_due_by_epochs(position: Position, settings: LoggingSettings) -> bool:
    """Whether a checkpoint is due because of the epochs done."""
    return position.batch == 0 and position.epoch % settings.checkpoint_interval_epochs == 0


def outlasts_later(checkpoint: Path, settings: LoggingSettings) -> bool:
    """Whether `--keep_checkpoints` keeps a checkpoint that is neither labelled nor of the latest.

    All are those that were due: what was once the best is no longer needed.
    """
    if settings.keep_checkpoints != "all":
        return step_of(checkpoint) in settings.kept_steps
    with suppress(CheckpointError):
        position = read_state(checkpoint).position
        return _is_due_by_steps(position, settings) or _is_due_by_epochs(position, settings)
    return True


PATIENCE = 250
FIRST_EPOCH = 1500


class EarlyStopping(Callback):
    """Stops a stage that asks for it after 250 epochs without a better training accuracy.

    As published, only epochs from min(1500, |epochs - 2|) on count; the state of the best of them
    is kept as a checkpoint, through `keep`, which is given a label.
    """

    def __init__(self, keep: Callable[[str], None]) -> None:
        self._keep = keep
        self._best = -math.inf
        self._best_epoch = 0

    def epoch_ends(self, trainer: Trainer) -> None:
        stage, epoch = trainer.stage, trainer.position.epoch
        first = min(FIRST_EPOCH, abs(stage.epochs - 2))
        if not stage.early_stopping or epoch < first:
            return
        accuracy = trainer.totals.read()["accuracy"]
        if accuracy > self._best:
            self._best, self._best_epoch = accuracy, epoch
            self._keep(f"{stage.name}_best")
        elif epoch - self._best_epoch >= PATIENCE:
            trainer.stop_stage = True

    def state(self) -> dict[str, Any]:
        if not math.isfinite(self._best):
            return {}
        return {"best": self._best, "best_epoch": self._best_epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._best, self._best_epoch = float(state["best"]), int(state["best_epoch"])


class EvaluationWatch(Callback):
    """Calls `on_evaluation`; it comes after the callbacks that evaluate and save."""

    def __init__(
        self,
        watching: Watching,
        folder: RunFolder,
        latest: Callable[[], Mapping[str, float | None]],
    ) -> None:
        self._watching, self._folder, self._latest = watching, folder, latest
        self._seen = latest()

    def stage_begins(self, trainer: Trainer) -> None:
        if trainer.position.stage_step:  # gone on with: what is known was looked at before
            self._seen = self._latest()
        self._look(trainer)

    def epoch_ends(self, trainer: Trainer) -> None:
        self._look(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        self._look(trainer)

    def _look(self, trainer: Trainer) -> None:
        metrics = self._latest()
        if self._watching.on_evaluation is None or metrics is self._seen:
            return
        self._seen = metrics
        position = trainer.position
        self._watching.on_evaluation(
            Moment(
                folder=self._folder, stage=trainer.stage.name, epoch=position.epoch,
                step=position.step, metrics=metrics, model=trainer.model,
            )
        )  # fmt: skip


class Agreement(Callback):
    """The very last callback of every process: rank 0, which alone evaluates, ends a stage."""

    def epoch_ends(self, trainer: Trainer) -> None:
        trainer.stop_stage = trainer.processes.broadcast(trainer.stop_stage)


class FollowSignals(Callback):
    """Ends a process that follows when rank 0, whose checkpoint comes first, ends."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def step_ends(self, trainer: Trainer) -> None:
        self._interruption.stop_if_asked("rank 0 saves the checkpoint")
