"""Measuring a finished run again, and what a guess would score."""

from pathlib import Path

import numpy as np
import torch

from geometric_memory.analysis.memorization import path_chance
from geometric_memory.config import RunConfig
from geometric_memory.models.build import build_model
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.own_data import read_run_dataset
from geometric_memory.runs.weights import load_model
from geometric_memory.tasks.in_context import context_task
from geometric_memory.tasks.task import Task, build_task
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
    folder: RunFolder, checkpoint: str, *, device: str = "", allow_nonfinite: bool = False
) -> dict[str, float]:
    """Return the metrics of a checkpoint of a run, as logged while training.

    They are measured on `device`, else where the run was trained, else on what this machine has.

    Raises:
        CheckpointError: if the run or the checkpoint is missing or damaged.
        ConfigurationError: if there is no such device here.
    """
    config, task, model = load_run(folder, checkpoint, allow_nonfinite=allow_nonfinite)
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
    if len(task.train_paths):
        fitted = evaluate_paths(model, task.train_paths, arithmetic)
        metrics["train/accuracy"] = fitted.metrics("train")["train/accuracy"]
        metrics |= fitted.parts(task.path_parts, "train")
    return metrics, answers


def load_run(
    folder: RunFolder, checkpoint: str, *, allow_nonfinite: bool = False
) -> tuple[RunConfig, Task, SequenceModel]:
    """Return configuration, task and model of a run.

    `checkpoint` is a label, a step (its number, or the name of its folder), or a .safetensors file
    anywhere. NaN and infinity in the weights are refused unless `allow_nonfinite`.

    Raises:
        CheckpointError: if the run or the checkpoint is missing or damaged.
    """
    config = folder.read_config()
    task = _stored_task(folder, config)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    load_model(model, _weights(folder, checkpoint), allow_nonfinite=allow_nonfinite)
    return config, task, model


def _stored_task(folder: RunFolder, config: RunConfig) -> Task:
    if config.task.in_context:
        return context_task(config)
    return build_task(read_run_dataset(folder, config), config)


def _weights(folder: RunFolder, checkpoint: str) -> Path:
    if checkpoint.endswith(".safetensors"):
        return Path(checkpoint)
    return CheckpointStore(folder.checkpoints).labelled(Path(checkpoint).name)


def chance(task: Task) -> float:
    """Return the percent of held-out paths that a guess among the known branches gets right."""
    if task.branches:
        return 100 / task.branches
    return path_chance(np.concatenate([task.train_paths.nodes, task.test_paths.nodes]))
