"""The published early stopping of the edge stage."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from geometric_memory.training.trainer import Callback, Trainer

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
