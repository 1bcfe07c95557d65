"""Measuring a finished run again, and what a guess would score."""

import numpy as np
import torch

from geometric_memory.analysis.memorization import path_chance
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.run import Run
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import (
    PathEvaluation,
    evaluate_edges,
    evaluate_paths,
)
from geometric_memory.training.precision import Arithmetic, choose_arithmetic, on_this_machine
from geometric_memory.training.sampling import thinned_task
from geometric_memory.training.stages import build_stages
from geometric_memory.training.threads import choose_threads


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
    task = thinned_task(task, config.logging.evaluate_at_most)
    metrics: dict[str, float] = {}
    if len(task.edge_facts):
        metrics |= evaluate_edges(model, task.edge_facts, arithmetic).metrics()
    return metrics | path_metrics(model, task, arithmetic)[0]


def path_metrics(
    model: SequenceModel, task: Task, arithmetic: Arithmetic
) -> tuple[dict[str, float], PathEvaluation | None]:
    """Return the metrics of held-out and of training paths, and the answers to the former.

    Held-out paths have the published metrics and their parts; training paths the accuracy and the
    parts, so that what is not fitted is told apart from what does not generalize.
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
