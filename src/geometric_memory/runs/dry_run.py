"""What a run would need, before it is started: parameters, shapes, memory, disk, steps, time.

A few steps of every stage are made and timed, and one evaluation; their weights are thrown away.
What the backward pass keeps is counted, not guessed. Nothing is written outside a temporary folder.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from rich.console import Console

from geometric_memory.config import LoggingSettings, RunConfig
from geometric_memory.console import make_console
from geometric_memory.datasets.files import find_dataset
from geometric_memory.files.whole import free_bytes
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.history import log_spaced
from geometric_memory.runs.launch import BYTES_PER_PARAMETER
from geometric_memory.runs.measurement import path_metrics
from geometric_memory.runs.memory import free_memory, size_text
from geometric_memory.runs.preparation import prepare
from geometric_memory.runs.stage_needs import StageNeed, duration_text, measure_stage
from geometric_memory.runs.tracking import TRACKED_PREDICTIONS
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import evaluate_edges
from geometric_memory.training.logits import POSITIONS_PER_CHUNK
from geometric_memory.training.objective import LOGITS_PER_CHUNK
from geometric_memory.training.sampling import thinned_task
from geometric_memory.training.stages import Stage
from geometric_memory.training.trainer import Trainer

OPTIMIZER_BYTES = 16
"""Of a trained parameter in memory: weight, gradient and two moments, float32."""
LAYERS_HELD = 2
"""Layers whose intermediate values an evaluation holds at once."""


def dry_run(config: RunConfig, console: Console) -> list[str]:
    """Return the lines of the report; a line that begins with `warning:` is one.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    config = resolve_sizes(config)
    with tempfile.TemporaryDirectory() as temporary:
        lines = []
        if not config.task.in_context and find_dataset(config) is None:
            lines = ["data set: not there yet; the run will build it"]
            config = replace(config, dataset=replace(config.dataset, dataset_root=temporary))
            console = make_console(quiet=True)
        ready = prepare(config, console)
    trainer, task = ready.trainer, ready.task
    lines += parameter_lines(trainer)
    needs = [measure_stage(trainer, index) for index in range(len(trainer.stages))]
    evaluation = _evaluation_seconds(trainer, task)
    for stage, need in zip(trainer.stages, needs, strict=True):
        lines += _stage_lines(stage, need)
    steps = trainer.total_steps
    lines.append(f"steps: {steps} in all")
    lines += memory_lines(trainer, needs)
    lines += disk_lines(config.logging, trainer, task, free_bytes(_log_root(config)))
    training = sum(need.steps * need.seconds_per_step for need in needs)
    training *= steps / max(sum(need.steps for need in needs), 1)
    evaluations = sum(need.evaluations for need in needs)
    lines.append(
        f"time: {duration_text(training)} of training, "
        f"{duration_text(evaluations * evaluation)} of {evaluations} evaluations, "
        "by the quickest of some steps made now"
    )
    compiling = max((need.compile_seconds for need in needs), default=0.0)
    if compiling:
        lines.append(
            f"compiling: {duration_text(compiling)} at each of the first few shapes of batches"
        )
    if evaluations * evaluation > training:
        lines.append("warning: evaluations take longer than training; raise their interval")
    return lines


def parameter_lines(trainer: Trainer) -> list[str]:
    """Return the number of parameters of every part of the model."""
    counts: dict[str, int] = {}
    frozen: set[str] = set()
    for name, weight in trainer.model.named_parameters():
        part = name.split(".")[0].replace("_", " ")
        counts[part] = counts.get(part, 0) + weight.numel()
        if not weight.requires_grad:
            frozen.add(part)
    lines = [f"parameters: {sum(counts.values()):,}"]
    for part, count in counts.items():
        lines.append(f"  {part}: {count:,}" + (" (frozen)" if part in frozen else ""))
    return lines


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """Bytes that a run holds at most, by what they are for."""

    fixed: int
    """Weights and optimizer."""
    kept: int
    """Kept for the backward pass."""
    logits: int
    evaluation: int

    @property
    def total(self) -> int:
        """All that is held at one time."""
        return self.fixed + self.logits + max(self.kept, self.evaluation)


def memory_need(trainer: Trainer, needs: Sequence[StageNeed]) -> MemoryNeed:
    """Return what training and evaluation hold at most."""
    parameters = list(trainer.model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    rows = max([POSITIONS_PER_CHUNK, *(need.positions for need in needs)])
    per_position = max((need.kept_bytes / max(need.positions, 1) for need in needs), default=0)
    return MemoryNeed(
        fixed=4 * sum(p.numel() for p in parameters) + (OPTIMIZER_BYTES - 4) * trained,
        kept=max((need.kept_bytes for need in needs), default=0),
        logits=4 * 2 * min(LOGITS_PER_CHUNK, rows * len(trainer.model.head_weight)),
        evaluation=int(per_position * POSITIONS_PER_CHUNK * LAYERS_HELD / _layer_count(trainer)),
    )


def memory_lines(trainer: Trainer, needs: Sequence[StageNeed]) -> list[str]:
    """Return what training and evaluation hold at most, with a warning if it would not fit."""
    need = memory_need(trainer, needs)
    lines = [
        f"memory: about {size_text(need.total)}: weights and optimizer {size_text(need.fixed)}, "
        f"kept for the backward pass {size_text(need.kept)}, logits {size_text(need.logits)}; "
        f"an evaluation {size_text(need.evaluation)} at most"
    ]
    free = free_memory(trainer.arithmetic.device)
    if free is not None and need.total > free:
        larger = "training" if need.kept >= need.evaluation else "an evaluation"
        lines.append(
            f"warning: {larger} would not fit: {size_text(free)} of memory are free; "
            "lower the batch size or the model"
        )
    return lines


def disk_lines(logging: LoggingSettings, trainer: Trainer, task: Task, free: int) -> list[str]:
    """Return what checkpoints and histories take, with a warning if it would not fit."""
    parameters = sum(p.numel() for p in trainer.model.parameters())
    count = logging.checkpoints_kept + 2 * len(trainer.stages)
    checkpoints = count * BYTES_PER_PARAMETER * parameters
    nodes, dimension = task.vocabulary.node_count, trainer.model.head_weight.shape[1]
    per_step = 4 * nodes * dimension * logging.track_embedding_evolution
    per_step += 8 * nodes * TRACKED_PREDICTIONS * logging.track_top_k_predictions
    stored = sum(
        _stored_steps(stage.steps, logging.tracking_schedule)
        for stage in trainer.stages
        if stage.memorizes_edges
    )
    histories = per_step * stored
    lines = [
        f"disk: up to {size_text(checkpoints)} for {count} checkpoints, {size_text(histories)} for "
        f"histories; {size_text(free)} are free"
    ]
    if checkpoints + histories > free:
        what = "a history" if histories > checkpoints else "the checkpoints"
        advice = " use --tracking_schedule log" if histories > checkpoints else " free some space"
        lines.append(f"warning: {what} would not fit on the disk;{advice}")
    return lines


def _stage_lines(stage: Stage, need: StageNeed) -> list[str]:
    lines = [
        f"stage {stage.name}: {need.steps} steps ({stage.epochs} epochs of "
        f"{stage.steps_per_epoch}, batch {stage.batch_size}), "
        f"{1e3 * need.seconds_per_step:.1f} ms per step"
    ]
    return lines + [f"  {shape}" for shape in need.shapes]


def _layer_count(trainer: Trainer) -> int:
    layers = getattr(trainer.model, "layers", None)
    return len(layers) if isinstance(layers, torch.nn.ModuleList) else LAYERS_HELD


def _evaluation_seconds(trainer: Trainer, task: Task) -> float:
    begin = time.perf_counter()
    if len(task.edge_facts):
        evaluate_edges(trainer.model, task.edge_facts, trainer.arithmetic)
    path_metrics(trainer.model, thinned_task(task, 0), trainer.arithmetic)
    return time.perf_counter() - begin


def _stored_steps(steps: int, schedule: str) -> int:
    if schedule == "every":
        return steps + 1
    return 1 + sum(map(log_spaced, range(1, min(steps, 10_000) + 1))) + steps // 10_000


def _log_root(config: RunConfig) -> Path:
    return Path(config.logging.experiment_log_root)
