"""When checkpoints are saved: at intervals, when a callback asks, at stage ends, at signals.

What is done when a stage ends (the last evaluation, labels) is never part of a checkpoint. A run
that goes on from one does it again if it has still ended there, and leaves it out if it has not.
"""

import shlex
from collections.abc import Mapping

from geometric_memory.config import LoggingSettings
from geometric_memory.files.whole import reach
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.interruption import Interruption
from geometric_memory.runs.state import Origin, state_files
from geometric_memory.training.trainer import Callback, Trainer


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

    def step_ends(self, trainer: Trainer) -> None:
        reach("mid_epoch")
        interval = self._settings.checkpoint_interval_steps
        due = interval and trainer.position.step % interval == 0
        if due or self._interruption.name:
            self._save(trainer)

    def epoch_ends(self, trainer: Trainer) -> None:
        due = trainer.position.epoch % self._settings.checkpoint_interval_epochs == 0
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
