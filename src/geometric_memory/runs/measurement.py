"""What is measured while training and after: metrics, predictions, and which state was best."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from geometric_memory.analysis.measures import measure_all
from geometric_memory.analysis.memorization import path_chance
from geometric_memory.config import LoggingSettings
from geometric_memory.files.whole import reach
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.metrics import MetricLog, RowFile, finite
from geometric_memory.runs.progress import Progress
from geometric_memory.runs.run import Run
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.text import NO_TOKEN
from geometric_memory.training.evaluation import (
    PathEvaluation,
    evaluate_edges,
    evaluate_paths,
)
from geometric_memory.training.machine import choose_threads
from geometric_memory.training.precision import Arithmetic, choose_arithmetic, on_this_machine
from geometric_memory.training.sampling import take_rows, thin_task
from geometric_memory.training.stages import Stage, build_stages
from geometric_memory.training.trainer import Callback, Trainer


def evaluate_run(
    run: Run, checkpoint: str = "final", *, device: str = "", allow_nonfinite: bool = False
) -> dict[str, float]:
    """Return the metrics of a checkpoint of a run, as logged while training.

    They are measured on `device`, else where the run was trained, else on what this machine has.

    Raises:
        CheckpointError: if the run or the checkpoint is missing or damaged.
        ConfigurationError: if there is no such device here.
    """
    config, task = run.config, run.task
    model = run.network(checkpoint, allow_nonfinite=allow_nonfinite)
    arithmetic = choose_arithmetic(on_this_machine(config.training, device))
    torch.set_num_threads(choose_threads(model, build_stages(config, task)))
    model.to(arithmetic.device)
    task = thin_task(task, config.logging.evaluate_at_most)
    return edge_metrics(model, task, arithmetic) | path_metrics(model, task, arithmetic)[0]


def edge_metrics(model: SequenceModel, task: Task, arithmetic: Arithmetic) -> dict[str, float]:
    """Return what is known of the edge facts and, where a node is a token, how it is embedded."""
    if not len(task.edge_facts):
        return {}
    metrics = evaluate_edges(model, task.edge_facts, arithmetic).metrics()
    if isinstance(task.edge_facts, Examples):
        rows = model.node_embeddings(task.vocabulary.node_count).numpy()
        metrics |= measure_all(rows, task.edges)
    return metrics


def path_metrics(
    model: SequenceModel, task: Task, arithmetic: Arithmetic
) -> tuple[dict[str, float], PathEvaluation | None]:
    """Return the metrics of held-out and of training paths, and the answers to the former.

    Held-out paths have the published metrics and their parts; training paths the accuracy and the
    parts, so that what is not fitted differs from what does not generalize.
    """
    metrics: dict[str, float] = {}
    answers = None
    if len(task.test_paths):
        answers = evaluate_paths(model, task.test_paths, arithmetic)
        metrics = answers.metrics() | answers.parts(task.path_parts)
        shortest = task.follow_a_shortest_path(answers.generated)
        if shortest is not None:
            metrics["test/any_shortest_path"] = 100 * float(shortest.mean())
    if len(task.train_paths):
        fitted = evaluate_paths(model, task.train_paths, arithmetic)
        metrics["train/accuracy"] = fitted.metrics("train")["train/accuracy"]
        metrics |= fitted.parts(task.path_parts, "train")
    return metrics, answers


WATCHED, UNWATCHED = "test/accuracy_watched", "test/accuracy_unwatched"
DECIDING = (WATCHED, "test/accuracy", "edge_memorization/accuracy")
"""Metrics that decide which state is the best: the first of them that was measured."""


def halves(answers: PathEvaluation) -> dict[str, float]:
    """Return the accuracy on every second held-out path, which may stop a run, and on the others.

    A single path is watched, and nothing is left to report.
    """
    right = 100 * (answers.generated == answers.targets).all(axis=1)
    found = {WATCHED: float(right[::2].mean())}
    return found | ({UNWATCHED: float(right[1::2].mean())} if len(right) > 1 else {})


def chance(task: Task) -> float:
    """Return the percent of held-out paths that a guess among the known branches gets right."""
    if task.branches:
        return 100 / task.branches
    return path_chance(np.concatenate([task.train_paths.nodes, task.test_paths.nodes]))


def ceiling(task: Task) -> dict[str, float]:
    """Return the best accuracy to be expected on held-out paths, and the ambiguous questions.

    With n shortest paths that fit a prompt, each of which may be the one wanted, an answer is that
    one with chance 1/n. Nothing where every question has one answer by construction.
    """
    if task.shortest is None or not len(task.test_paths):
        return {}
    counts = task.answer_counts()
    return {
        "ceiling": 100 * float(np.mean(1 / counts)),
        "ambiguous_questions": int((counts > 1.5).sum()),
    }


Mark = tuple[str, int]
"""Name of a stage, and updates made in all stages."""


class Evaluations(Callback):
    """Evaluates at the stage's interval, at its end and, with paths, before it; keeps the best.

    `keep` is given a label whenever the present state should be kept under it.
    """

    def __init__(
        self, task: Task, log: MetricLog, predictions: RowFile, progress: Progress,
        settings: LoggingSettings, keep: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._task = thin_task(task, settings.evaluate_at_most)
        rows = min(settings.prediction_rows, len(task.test_paths))
        self._queries = take_rows(task.test_paths, np.arange(rows)) if rows else None
        self._log = log
        self._predictions = predictions
        self._progress = progress
        self._multiplier = settings.prediction_logging_multiplier
        self._keep = keep
        self._logged: Mark = ("", -1)
        self._predicted: Mark = ("", -1)
        self._kept_predictions = 0
        self._skipped = 0
        self.running = False
        """Whether an evaluation is in progress, or was when something went wrong."""
        self.latest: dict[str, float | None] = {}
        self.best: dict[str, float] = {}
        self.seconds = 0.0

    def stage_begins(self, trainer: Trainer) -> None:
        begins = not trainer.position.stage_step and self._logged != _mark(trainer)
        if begins and _answers_paths(trainer.stage):
            self._evaluate(trainer)
            self._write_predictions(trainer)

    def epoch_ends(self, trainer: Trainer) -> None:
        if trainer.stage.evaluates(trainer.position.epoch):
            self._evaluate(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        if self._logged[1] != trainer.position.step:
            self._evaluate(trainer)
        self._write_predictions(trainer)

    def state(self) -> dict[str, Any]:
        return {
            "logged": self._logged,
            "predicted": self._predicted,
            "latest": self.latest,
            "best": self.best,
            "seconds": self.seconds,
            "log": self._log.state(),
            "predictions": self._predictions.size(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        # In older versions a state held the step alone, and no moment of predictions.
        self._logged = _restored(state.get("logged", ("", state.get("logged_step"))))
        self._predicted = _restored(state.get("predicted", self._predicted))
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
        trained = trainer.totals.read() if position.stage_step else {}
        metrics = {f"{stage.name}/train_{k}": v for k, v in trained.items()}
        metrics |= {f"{stage.name}/learning_rate": trainer.rate}
        if trainer.guard.allowed:
            skipped = int(trainer.guard.count)
            metrics |= {f"{stage.name}/skipped_batches": float(skipped)}
            if skipped > self._skipped:
                self._progress.say(f"warning: {skipped} batches left out, which were not finite")
            self._skipped = skipped
        edges_known = self._logged[1] == position.step  # when a stage begins where one has ended
        if not edges_known:
            metrics |= edge_metrics(trainer.model, self._task, trainer.arithmetic)
        reach("mid_eval")
        if _answers_paths(stage):
            of_paths, answers = path_metrics(trainer.model, self._task, trainer.arithmetic)
            metrics |= of_paths
            if answers is not None and trainer.settings.stop_at_path_accuracy:
                metrics |= halves(answers)
        self._logged = _mark(trainer)
        self._log.write(stage=stage.name, epoch=position.epoch, step=position.step, **metrics)
        self._progress.show(stage.name, position.epoch, position.step, metrics)
        self.latest = (self.latest if edges_known else {}) | finite(metrics)
        if self._judge(trainer, metrics) or stage.evaluates(position.epoch, self._multiplier):
            self._write_predictions(trainer)
        self.running = False
        self.seconds += time.perf_counter() - begin

    def _judge(self, trainer: Trainer, metrics: dict[str, float]) -> bool:
        """Return whether the deciding metric is the best so far (NaN never is); keep that state.

        What no update has changed is not judged. Training stops once it is good enough.
        """
        name = next((name for name in DECIDING if name in metrics), "")
        value, stage = metrics.get(name, math.nan), trainer.stage
        better = trainer.position.step > 0 and value > self.best.get(name, -math.inf)
        if better:
            self.best = {name: value, "step": trainer.position.step}
            self._keep("best")
            if stage.name == "edge_memorization" and not stage.early_stopping:
                self._keep("edge_memorization_best")
        goal = trainer.settings.stop_at_path_accuracy
        if goal and metrics.get(WATCHED, 0.0) >= goal:
            trainer.stop_stage = True
        return better

    def _write_predictions(self, trainer: Trainer) -> None:
        """Write what the model answers to the first held-out paths, once at a moment."""
        queries = self._queries if _answers_paths(trainer.stage) else None
        if queries is None or self._predicted == _mark(trainer):
            return
        self._predicted = _mark(trainer)
        found = evaluate_paths(trainer.model, queries, trainer.arithmetic)
        decode, position = self._task.vocabulary.decode, trainer.position
        rows = [
            {
                "stage": trainer.stage.name,
                "epoch": position.epoch,
                "step": position.step,
                "prompt": decode(prompt),
                "target": decode(target),
                "answer": decode(answer),
                "right": (answer == target)[target != NO_TOKEN].tolist(),
            }
            for prompt, target, answer in zip(
                queries.prompts, found.targets, found.generated, strict=True
            )
        ]
        for row in rows:
            self._predictions.append(row)
        self._log.copy_predictions(rows)


def _mark(trainer: Trainer) -> Mark:
    return trainer.stage.name, trainer.position.step


def _restored(mark: Sequence[Any]) -> Mark:
    return str(mark[0]), int(mark[1])


def _answers_paths(stage: Stage) -> bool:
    """Whether path queries are evaluated in `stage`."""
    return stage.name != "edge_memorization"
