"""A training run from its configuration to its summary."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.datasets.files import find_dataset
from geometric_memory.datasets.reader import Dataset, read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.models.build import build_model
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.pretrained import load_pretrained
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import CheckpointStore, load_model
from geometric_memory.runs.environment import describe_environment
from geometric_memory.runs.evaluations import EarlyStopping, Evaluations
from geometric_memory.runs.files import write_json
from geometric_memory.runs.folder import RunFolder, create_run_folder
from geometric_memory.runs.history import Tracker
from geometric_memory.runs.metrics import MetricLog
from geometric_memory.runs.progress import Progress
from geometric_memory.runs.wandb_mirror import WandbMirror, require_wandb
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths, top_predictions
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.stages import build_stages
from geometric_memory.training.threads import choose_threads
from geometric_memory.training.trainer import Callback, Trainer

TRACKED_PREDICTIONS = 5


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """Where a run lies, and its summary."""

    folder: RunFolder
    summary: dict[str, Any]


def run_training(config: RunConfig, console: Console) -> RunResult:
    """Train as `config` says, building the data set first if it is not there.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong; before the first step, nothing
            but the data set has then been written.
    """
    config = resolve_sizes(config)
    arithmetic = choose_arithmetic(config.training)
    if config.logging.enable_wandb and config.logging.wandb_mode != "disabled":
        require_wandb()
    dataset = prepare_dataset(config, console)
    task = build_task(dataset, config)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    if config.model.uses_pretrained:
        load_pretrained(model, config.model)
    if config.training.skip_edge_memorization:
        load_model(model, Path(config.training.edge_memorization_checkpoint_path))
    stages = build_stages(config, task)
    torch.set_num_threads(choose_threads(model, stages))
    trainer = Trainer(model, stages, config.training, arithmetic)
    folder = create_run_folder(config, datetime.now())
    write_json(folder.environment, describe_environment(arithmetic))
    console.print(f"run folder: {folder.path}", soft_wrap=True)
    return _train(config, task, trainer, folder, console)


def prepare_dataset(config: RunConfig, console: Console) -> Dataset:
    """Return the data set of `config`, building it if it is not there, and saying so."""
    if find_dataset(config) is None:
        files = build_dataset(config)
        console.print(f"built the data set: {files.pretrain}", soft_wrap=True)
    dataset = read_dataset(config)
    for note in dataset.notes:
        console.print(f"note: {note}", soft_wrap=True)
    return dataset


def load_run(folder: RunFolder, checkpoint: str) -> tuple[RunConfig, Task, SequenceModel]:
    """Return configuration, task and model of a finished run; `checkpoint` is a label or a folder.

    Raises:
        CheckpointError: if the run or the checkpoint is missing or damaged.
    """
    config = folder.read_config()
    task = build_task(read_dataset(config), config)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    store = CheckpointStore(folder.checkpoints)
    named = folder.checkpoints / checkpoint
    load_model(model, named if named.is_dir() else store.labelled(checkpoint))
    return config, task, model


def _train(
    config: RunConfig, task: Task, trainer: Trainer, folder: RunFolder, console: Console
) -> RunResult:
    mirrors = _mirrors(config, folder)
    log = MetricLog(folder.metrics, mirrors)
    store = CheckpointStore(folder.checkpoints)
    progress = Progress(console)
    evaluations = Evaluations(task, log, store, folder.predictions, progress, config.logging)
    callbacks: list[Callback] = [
        progress, *_trackers(config, task, folder), EarlyStopping(store), evaluations,
    ]  # fmt: skip
    begin = time.perf_counter()
    progress.start(trainer.total_steps)
    try:
        trainer.run(callbacks)
    finally:
        progress.stop()
        log.close()
    for mirror in mirrors:
        if mirror.failure:
            console.print(f"warning: {mirror.failure}", soft_wrap=True)
    seconds = time.perf_counter() - begin
    summary = _summary(task, trainer, evaluations, seconds)
    write_json(folder.summary, summary)
    return RunResult(folder=folder, summary=summary)


def _mirrors(config: RunConfig, folder: RunFolder) -> list[WandbMirror]:
    if not config.logging.enable_wandb or config.logging.wandb_mode == "disabled":
        return []
    return [WandbMirror(config, folder.path)]


def _trackers(config: RunConfig, task: Task, folder: RunFolder) -> Sequence[Callback]:
    logging, node_count = config.logging, task.vocabulary.node_count
    trackers = []
    if logging.track_embedding_evolution:
        trackers.append(
            Tracker(
                folder.artifacts / "embedding_evolution",
                lambda trainer: trainer.model.node_embeddings(node_count),
                schedule=logging.tracking_schedule,
            )
        )
    if logging.track_top_k_predictions:

        def predictions(trainer: Trainer) -> torch.Tensor:
            sources, best = top_predictions(
                trainer.model, task.edge_facts, TRACKED_PREDICTIONS, trainer.arithmetic
            )
            by_node = np.full((node_count, TRACKED_PREDICTIONS), -1)
            by_node[sources] = best
            return torch.from_numpy(by_node)

        trackers.append(
            Tracker(
                folder.artifacts / "top_k_predictions",
                predictions,
                schedule=logging.tracking_schedule,
            )
        )
    return trackers


def _summary(
    task: Task, trainer: Trainer, evaluations: Evaluations, seconds: float
) -> dict[str, Any]:
    parameters = list(trainer.model.parameters())
    steps = trainer.position.step
    return {
        "status": "finished" if steps >= trainer.total_steps else "stopped early",
        "steps": steps,
        "seconds": round(seconds, 3),
        "evaluation_seconds": round(evaluations.seconds, 3),
        "steps_per_second": round(steps / max(seconds - evaluations.seconds, 1e-9), 3),
        "parameters": sum(p.numel() for p in parameters),
        "trained_parameters": sum(p.numel() for p in parameters if p.requires_grad),
        "nodes": task.vocabulary.node_count,
        "edge_facts": len(task.edge_facts),
        "train_paths": len(task.train_paths),
        "test_paths": len(task.test_paths),
        "chance": chance(task),
        "final": evaluations.latest,
        "best": evaluations.best,
    }


def chance(task: Task) -> float:
    """Return the percent of held-out paths that a guess among the known first targets gets right.

    The guess knows everything but which branch to take: one over the number of distinct nodes
    that stand where the branch is chosen (paper B.4: 1/d for a path-star).
    """
    targets = np.concatenate([task.train_paths.targets, task.test_paths.targets])
    if not len(targets):
        return 0.0
    choices = [len(np.unique(column)) for column in targets.T]
    return 100 / max(choices)


def evaluate_run(folder: RunFolder, checkpoint: str) -> dict[str, float]:
    """Return the metrics of a checkpoint of a run, as logged while training.

    Raises:
        CheckpointError: if the run or the checkpoint is missing or damaged.
    """
    config, task, model = load_run(folder, checkpoint)
    arithmetic = choose_arithmetic(config.training)
    model.to(arithmetic.device)
    metrics = evaluate_edges(model, task.edge_facts, arithmetic).metrics()
    if len(task.test_paths):
        metrics |= evaluate_paths(model, task.test_paths, arithmetic).metrics()
    return metrics
