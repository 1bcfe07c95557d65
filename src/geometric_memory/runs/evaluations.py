"""What is measured while training: metrics, predictions, and which state was the best."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from geometric_memory.config import LoggingSettings
from geometric_memory.files.whole import reach
from geometric_memory.runs.measurement import path_metrics
from geometric_memory.runs.metrics import MetricLog, RowFile, finite
from geometric_memory.runs.progress import Progress
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import PathEvaluation, evaluate_edges
from geometric_memory.training.sampling import thinned_task
from geometric_memory.training.stages import Stage
from geometric_memory.training.trainer import Callback, Trainer

PREDICTION_ROWS = 20


class Evaluations(Callback):
    """Evaluates at the stage's interval and at its end; logs, and keeps the best state.

    `keep` is given the label `best` whenever the present state should be kept under it.
    """

    def __init__(
        self, task: Task, log: MetricLog, predictions: RowFile, progress: Progress,
        settings: LoggingSettings, keep: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._task = thinned_task(task, settings.evaluate_at_most)
        self._log = log
        self._predictions = predictions
        self._progress = progress
        self._settings = settings
        self._keep = keep
        self._evaluations = 0
        self._logged_step = -1
        self._kept_predictions = 0
        self._skipped = 0
        self.running = False
        """Whether an evaluation is in progress, or was when something went wrong."""
        self.latest: dict[str, float | None] = {}
        self.best: dict[str, float] = {}
        self.seconds = 0.0

    def epoch_ends(self, trainer: Trainer) -> None:
        if trainer.position.epoch % trainer.stage.eval_interval_epochs == 0:
            self._evaluate(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        if self._logged_step != trainer.position.step:
            self._evaluate(trainer)

    def state(self) -> dict[str, Any]:
        return {
            "evaluations": self._evaluations,
            "logged_step": self._logged_step,
            "latest": self.latest,
            "best": self.best,
            "seconds": self.seconds,
            "log": self._log.state(),
            "predictions": self._predictions.size(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._evaluations = int(state["evaluations"])
        self._logged_step = int(state["logged_step"])
        self.latest = dict(state["latest"])
        self.best = {name: float(value) for name, value in state["best"].items()}
        self.seconds = float(state["seconds"])
        self._kept_predictions = int(state["predictions"])
        self._log.restore(state["log"])

    def drop_later(self) -> None:
        logged, predicted = self._log.drop_later(), self._predictions.cut(self._kept_predictions)
        if not (logged and predicted):
            self._progress.say("warning: rows of metrics or predictions from before are missing")

    def _evaluate(self, trainer: Trainer) -> None:
        begin = time.perf_counter()
        self.running = True
        stage, position = trainer.stage, trainer.position
        metrics = {f"{stage.name}/train_{k}": v for k, v in trainer.totals.read().items()}
        metrics |= {f"{stage.name}/learning_rate": trainer.rate}
        if trainer.guard.allowed:
            skipped = int(trainer.guard.count)
            metrics |= {f"{stage.name}/skipped_batches": float(skipped)}
            if skipped > self._skipped:
                self._progress.say(f"warning: {skipped} batches left out, which were not finite")
            self._skipped = skipped
        if len(self._task.edge_facts):
            facts = self._task.edge_facts
            metrics |= evaluate_edges(trainer.model, facts, trainer.arithmetic).metrics()
        reach("mid_eval")
        if answers_paths(stage):
            of_paths, answers = path_metrics(trainer.model, self._task, trainer.arithmetic)
            metrics |= of_paths
            if answers is not None:
                self._write_predictions(trainer, answers)
        self._evaluations += 1
        self._logged_step = position.step
        self._log.write(stage=stage.name, epoch=position.epoch, step=position.step, **metrics)
        self._progress.show(stage.name, position.epoch, position.step, metrics)
        self.latest = finite(metrics)
        self._judge(trainer, metrics)
        self.running = False
        self.seconds += time.perf_counter() - begin

    def _judge(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Keep the state with the best deciding metric (NaN never wins); stop when it is enough."""
        name = "test/accuracy" if "test/accuracy" in metrics else "edge_memorization/accuracy"
        value = metrics[name]
        if math.isfinite(value) and value > self.best.get(name, -math.inf):
            self.best = {name: value, "step": trainer.position.step}
            self._keep("best")
        goal = trainer.settings.stop_at_path_accuracy
        if goal and metrics.get("test/accuracy", 0.0) >= goal:
            trainer.stop_stage = True

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
        self._predictions.append({"step": trainer.position.step, "rows": rows})


def answers_paths(stage: Stage) -> bool:
    """Whether path queries are evaluated in `stage`."""
    return stage.name != "edge_memorization"
