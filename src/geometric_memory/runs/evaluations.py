"""What is measured and kept while training: metrics, predictions, checkpoints, early stopping."""

import json
import math
import time
from pathlib import Path

from geometric_memory.config import LoggingSettings
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.metrics import MetricLog
from geometric_memory.runs.progress import Progress
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import PathEvaluation, evaluate_edges, evaluate_paths
from geometric_memory.training.stages import Stage
from geometric_memory.training.trainer import Callback, Trainer

PREDICTION_ROWS = 20
EARLY_STOPPING_PATIENCE = 250
EARLY_STOPPING_FIRST_EPOCH = 1500


class Evaluations(Callback):
    """Evaluates at the stage's interval and at its end; logs, and keeps the best checkpoint."""

    def __init__(
        self, task: Task, log: MetricLog, store: CheckpointStore, predictions: Path,
        progress: Progress, settings: LoggingSettings,
    ) -> None:  # fmt: skip
        self._task = task
        self._log = log
        self._store = store
        self._predictions = predictions
        self._progress = progress
        self._settings = settings
        self._evaluations = 0
        self._logged_step = -1
        self.latest: dict[str, float] = {}
        self.best: dict[str, float] = {}
        self.seconds = 0.0

    def epoch_ends(self, trainer: Trainer) -> None:
        epoch, stage = trainer.position.epoch, trainer.stage
        if epoch % stage.eval_interval_epochs == 0:
            self._evaluate(trainer)
        if epoch % self._settings.checkpoint_interval_epochs == 0:
            self._store.save(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        if self._logged_step != trainer.position.step:
            self._evaluate(trainer)
        labels = [f"{trainer.stage.name}_final"]
        if trainer.position.stage == len(trainer.stages) - 1 or trainer.out_of_steps:
            labels.append("final")
        self._store.save(trainer, *labels)

    def _evaluate(self, trainer: Trainer) -> None:
        begin = time.perf_counter()
        stage, position = trainer.stage, trainer.position
        edges = evaluate_edges(trainer.model, self._task.edge_facts, trainer.arithmetic)
        metrics = {f"{stage.name}/train_{k}": v for k, v in trainer.totals.read().items()}
        metrics |= {f"{stage.name}/learning_rate": trainer.rate}
        metrics |= edges.metrics()
        if answers_paths(stage) and len(self._task.test_paths):
            paths = evaluate_paths(trainer.model, self._task.test_paths, trainer.arithmetic)
            metrics |= paths.metrics()
            self._write_predictions(trainer, paths)
        self._evaluations += 1
        self._logged_step = position.step
        self._log.write(stage=stage.name, epoch=position.epoch, step=position.step, **metrics)
        self._progress.show(stage.name, position.epoch, position.step, metrics)
        self.latest = metrics
        self._keep_best(trainer, metrics)
        self.seconds += time.perf_counter() - begin

    def _keep_best(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Point `best` to the state with the best deciding metric; NaN never wins."""
        name = "test/accuracy" if "test/accuracy" in metrics else "edge_memorization/accuracy"
        value = metrics[name]
        if math.isfinite(value) and value > self.best.get(name, -math.inf):
            self.best = {name: value, "step": trainer.position.step}
            self._store.save(trainer, "best")

    def _write_predictions(self, trainer: Trainer, paths: PathEvaluation) -> None:
        if self._evaluations % self._settings.prediction_logging_multiplier:
            return
        decode = self._task.vocabulary.decode
        prompts = self._task.test_paths.prompts
        rows = [
            {"prefix": decode(prompt), "target": decode(target), "prediction": decode(answer)}
            for prompt, target, answer in zip(
                prompts[:PREDICTION_ROWS], paths.targets, paths.generated, strict=False
            )
        ]
        with self._predictions.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": trainer.position.step, "rows": rows}) + "\n")


class EarlyStopping(Callback):
    """Stops a stage that asks for it after 250 epochs without a better training accuracy.

    As published, only epochs from min(1500, |epochs - 2|) on count; the state of the best of them
    is kept as a checkpoint.
    """

    def __init__(self, store: CheckpointStore) -> None:
        self._store = store
        self._best = -math.inf
        self._best_epoch = 0

    def epoch_ends(self, trainer: Trainer) -> None:
        stage, epoch = trainer.stage, trainer.position.epoch
        first = min(EARLY_STOPPING_FIRST_EPOCH, abs(stage.epochs - 2))
        if not stage.early_stopping or epoch < first:
            return
        accuracy = trainer.totals.read()["accuracy"]
        if accuracy > self._best:
            self._best, self._best_epoch = accuracy, epoch
            self._store.save(trainer, f"{stage.name}_best")
        elif epoch - self._best_epoch >= EARLY_STOPPING_PATIENCE:
            trainer.stop_stage = True


def answers_paths(stage: Stage) -> bool:
    """Whether path queries are evaluated in `stage`."""
    return stage.name != "edge_memorization"
