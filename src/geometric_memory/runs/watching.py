"""Who watches a run while it trains, what they are called with, and how they may stop it."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.folder import RunFolder
from geometric_memory.training.trainer import Callback, Trainer


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
    folder: RunFolder | None = None
    """The folder of the run, once there is one."""


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
        self._seen = self._latest()

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
