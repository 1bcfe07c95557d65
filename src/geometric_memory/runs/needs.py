"""What a run would need, before it is started: parameters, shapes, memory, disk, steps, time.

A few steps of every stage are made and timed, and one evaluation; their weights are thrown away.
What the backward pass keeps is counted, not guessed. Nothing is written outside a temporary folder.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain, count, islice, repeat
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from geometric_memory.config import LoggingSettings, RunConfig
from geometric_memory.console import make_console, say
from geometric_memory.datasets.files import find_dataset
from geometric_memory.errors import is_out_of_memory
from geometric_memory.files.whole import free_bytes
from geometric_memory.models.interface import SequenceModel
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import BYTES_PER_PARAMETER
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import TRACKED_PREDICTIONS, log_spaced
from geometric_memory.runs.measurement import path_metrics
from geometric_memory.runs.memory import free_memory, size_text
from geometric_memory.runs.preparation import prepare
from geometric_memory.tasks.task import Task
from geometric_memory.training.batches import Batch, Batches
from geometric_memory.training.evaluation import evaluate_edges
from geometric_memory.training.machine import ROWS, choose_threads, step_flops, time_loss
from geometric_memory.training.objective import LOGITS_PER_CHUNK, POSITIONS_PER_CHUNK
from geometric_memory.training.precision import EXACT
from geometric_memory.training.sampling import thin_task
from geometric_memory.training.stages import Stage
from geometric_memory.training.trainer import Position, Trainer

TIMED_STEPS = 5
SECONDS_PER_STAGE = 20.0
COUNTED_ROWS = 32
TIMED_PASSES, SECONDS_OF_PASSES = 20, 0.5
"""Most passes of an estimate, and about the time that they take."""
LONG = 600.0
"""Seconds of a job that is announced on a processor."""
SLOW_STEP, SLOW_FLOPS = 5e-3, 5e9
"""Seconds of a step beside its products, and their rate, on a slow processor."""


@dataclass(frozen=True, kw_only=True)
class StageNeed:
    """What one stage would need."""

    shapes: tuple[str, ...]
    steps: int
    evaluations: int
    kept_bytes: int
    """What the forward pass of the first batch keeps for the backward pass."""
    positions: int
    seconds_per_step: float
    compile_seconds: float
    """Of the first step of a compiled model, which compiles one shape of batch; else 0."""


def measure_stage(trainer: Trainer, index: int, timed_steps: int = TIMED_STEPS) -> StageNeed:
    """Make a few steps of a stage and count what they keep and take; the first is not timed.

    A compiled model meets one batch alone, so that no step that is timed compiles another shape.

    Raises:
        NonFiniteError: if a loss or gradient is not finite.
    """
    stage = trainer.stages[index]
    trainer.position = Position(stage=index)
    trainer.model.train()
    stream = chain.from_iterable(map(trainer.batches().epoch, count()))
    first = next(stream)
    with _counting(trainer) as seen:
        first_seconds = _time_step(trainer, first)
    compiled = trainer.arithmetic.compiled
    times: list[float] = []
    for batch in islice(repeat(first) if compiled else stream, timed_steps):
        times.append(_time_step(trainer, batch))
        if sum(times) > SECONDS_PER_STAGE:
            break
    alone = trainer.arithmetic.device.type == "cpu" and not compiled
    if alone and sum(times) < SECONDS_PER_STAGE:
        times.append(_seconds_alone(lambda: _time_step(trainer, first)))
    intervals = -(-stage.epochs // stage.eval_interval_epochs)
    return StageNeed(
        shapes=tuple(
            f"{len(kind)} {kind.kind} examples: {kind.inputs.shape[1]} tokens in, "
            f"{kind.targets.shape[1]} predicted"
            for kind in stage.examples
        ),
        steps=stage.steps, evaluations=intervals, kept_bytes=sum(seen.values()),
        positions=sum(rectangle.inputs.numel() for rectangle in first.rectangles),
        seconds_per_step=min(times, default=0.0),
        compile_seconds=first_seconds if compiled else 0.0,
    )  # fmt: skip


def estimate_seconds(model: SequenceModel, stages: Sequence[Stage], max_steps: int) -> float:
    """Return about how long training takes on this processor, evaluations left out.

    What is short even on a slow one is not timed; else a few passes over some rows of each stage.
    The quickest counts, or what one thread alone has worked on a pass, if that is less: threads
    that wait for each other on a busy machine take many times longer than on an idle one.
    """
    planned, left = [], max_steps or sum(stage.steps for stage in stages)
    for stage in stages:
        planned.append((stage, min(left, stage.steps)))
        left -= planned[-1][1]
    slow = sum(
        steps * (SLOW_STEP + step_flops(model, stage) / SLOW_FLOPS) for stage, steps in planned
    )
    if slow < LONG:
        return slow
    threads = choose_threads(model, stages)
    return sum(steps * _seconds_of_step(model, stage, threads) for stage, steps in planned if steps)


def announce_long_job(trainer: Trainer, console: Console) -> None:
    """Print how long a job takes that is long for a processor, and how to make it smaller."""
    if trainer.arithmetic.device.type != "cpu":
        return
    seconds = estimate_seconds(trainer.model, trainer.stages, trainer.settings.max_steps)
    if seconds < LONG:
        return
    most = "at most " if trainer.settings.stop_at_path_accuracy else ""
    say(
        console,
        f"note: on this processor the training takes {most}about {duration_text(seconds)}. "
        "To begin, --preset tiny takes seconds and --preset demo minutes; fewer nodes "
        "(--star_degree), layers (--transformer_layer_count) or epochs (--path_finetuning_epochs) "
        "make any job smaller, --max_steps 1000 ends it early, and --dry_run measures it first",
    )


def _seconds_of_step(model: SequenceModel, stage: Stage, threads: int) -> float:
    rows = min(ROWS, stage.batch_size, sum(map(len, stage.examples)))
    batches = Batches(stage.examples, rows, seed=0, stage=stage.name, device=EXACT.device)
    batch = next(batches.epoch(0))
    before, times = torch.get_num_threads(), []
    torch.set_num_threads(threads)
    while len(times) < 2 or (len(times) < TIMED_PASSES and sum(times) < SECONDS_OF_PASSES):
        times.append(time_loss(model, batch, EXACT)[0])
    torch.set_num_threads(before)
    times.append(_seconds_alone(lambda: time_loss(model, batch, EXACT)))
    return min(times) * min(stage.batch_size, sum(map(len, stage.examples))) / rows


def _seconds_alone(action: Callable[[], object]) -> float:
    """Return how long one thread works on `action`; what else the machine does adds nothing."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    action()
    begin = time.thread_time()
    action()
    seconds = time.thread_time() - begin
    torch.set_num_threads(threads)
    return seconds


def duration_text(seconds: float) -> str:
    """Return a duration to two or three digits."""
    for length, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.6 * length:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{seconds:.1f} s"


def _bytes_per_row(trainer: Trainer) -> float:
    """Return what one row keeps for the backward pass, 0 if there is no memory to find out."""
    try:
        batches = Batches(
            trainer.stage.examples, COUNTED_ROWS, seed=0, stage=trainer.stage.name,
            device=trainer.arithmetic.device,
        )  # fmt: skip
        batch = next(batches.epoch(0))
        with _counting(trainer) as seen:
            trainer.backward(batch)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return 0.0
    return sum(seen.values()) / sum(len(rectangle.inputs) for rectangle in batch.rectangles)


def _time_step(trainer: Trainer, batch: Batch) -> float:
    begin = time.perf_counter()
    trainer.train_step(batch)
    trainer.check_finite()  # and wait for the device
    return time.perf_counter() - begin


@contextmanager
def _counting(trainer: Trainer) -> Iterator[dict[int, int]]:
    """Collect the bytes of all storages but weights that the backward pass keeps."""
    weights = {p.untyped_storage().data_ptr() for p in trainer.model.parameters()}
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield seen


SPARED = 0.5
"""Share of the free memory that a suggested batch leaves alone."""


def describe_shortage(trainer: Trainer, folder: RunFolder, *, evaluating: bool) -> str:
    """Return what ran out of memory, what it needs, and how to go on."""
    stage, step = trainer.stage, trainer.position.step
    free = free_memory(trainer.arithmetic.device)
    what = f"out of memory in step {step + 1} ({stage.name}), "
    advice = "take a smaller batch or model"
    if evaluating:
        what, advice = f"out of memory in the evaluation after step {step}, ", "free some memory"
    elif (per_row := _bytes_per_row(trainer)) and free is not None:
        rows = min(stage.batch_size, sum(map(len, stage.examples)))
        what += f"whose {rows} rows take about {size_text(int(per_row * rows))}, "
        advice = f"try --{stage.topic}_batch_size {_fitting(per_row, free, rows)}"
    known = "" if free is None else f"{size_text(free)} free: "
    return (
        f"{what}{known}{advice}. Earlier checkpoints are whole: where there is more memory, "
        f"--resume {folder.path} goes on from the last"
    )


def _fitting(per_row: float, free: int, rows: int) -> int:
    """Return the largest power of two that fits, below the batch that did not."""
    most = max(1, min(int(SPARED * free / per_row), rows // 2))
    return 1 << (most.bit_length() - 1)


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
    free = free_bytes(Path(config.logging.experiment_log_root))
    lines += disk_lines(config.logging, trainer, task, free)
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
    for part, size in counts.items():
        lines.append(f"  {part}: {size:,}" + (" (frozen)" if part in frozen else ""))
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
    parameters, trained = trainer.model.parameter_counts
    layers = max(1, len(trainer.model.layers))
    rows = max([POSITIONS_PER_CHUNK, *(need.positions for need in needs)])
    per_position = max((need.kept_bytes / max(need.positions, 1) for need in needs), default=0)
    return MemoryNeed(
        fixed=4 * parameters + (OPTIMIZER_BYTES - 4) * trained,
        kept=max((need.kept_bytes for need in needs), default=0),
        logits=4 * 2 * min(LOGITS_PER_CHUNK, rows * len(trainer.model.head_weight)),
        evaluation=int(per_position * POSITIONS_PER_CHUNK * LAYERS_HELD / layers),
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
    parameters, _ = trainer.model.parameter_counts
    count = _most_checkpoints(logging, trainer)
    each = BYTES_PER_PARAMETER * parameters
    checkpoints = count * each
    nodes, dimension = task.vocabulary.node_count, trainer.model.head_weight.shape[1]
    per_step = 4 * nodes * dimension * logging.track_embedding_evolution
    per_step += 8 * nodes * TRACKED_PREDICTIONS * logging.track_top_k_predictions
    stored = sum(
        _count_stored_steps(stage.steps, logging.tracking_schedule)
        for stage in trainer.stages
        if stage.memorizes_edges
    )
    histories = per_step * stored
    lines = [
        f"disk: up to {size_text(checkpoints)} for {count} checkpoints of {size_text(each)}, "
        f"{size_text(histories)} for histories; {size_text(free)} are free"
    ]
    if checkpoints + histories > free:
        what = "a history" if histories > checkpoints else "the checkpoints"
        advice = " use --tracking_schedule log" if histories > checkpoints else " free some space"
        lines.append(f"warning: {what} would not fit on the disk;{advice}")
    return lines


def _most_checkpoints(logging: LoggingSettings, trainer: Trainer) -> int:
    """Return how many are kept at most: those named, the latest, and two labels of every stage."""
    count = logging.latest_kept + len(logging.kept_steps) + 2 * len(trainer.stages)
    if logging.keep_checkpoints == "all":
        count += sum(stage.epochs // logging.checkpoint_interval_epochs for stage in trainer.stages)
        if logging.checkpoint_interval_steps:
            count += trainer.total_steps // logging.checkpoint_interval_steps
    return count


def _stage_lines(stage: Stage, need: StageNeed) -> list[str]:
    lines = [
        f"stage {stage.name}: {need.steps} steps ({stage.epochs} epochs of "
        f"{stage.steps_per_epoch}, batch {stage.batch_size}), "
        f"{1e3 * need.seconds_per_step:.1f} ms per step"
    ]
    return lines + [f"  {shape}" for shape in need.shapes]


def _evaluation_seconds(trainer: Trainer, task: Task) -> float:
    begin = time.perf_counter()
    if len(task.edge_facts):
        evaluate_edges(trainer.model, task.edge_facts, trainer.arithmetic)
    path_metrics(trainer.model, thin_task(task, 0), trainer.arithmetic)
    return time.perf_counter() - begin


def _count_stored_steps(steps: int, schedule: str) -> int:
    if schedule == "every":
        return steps + 1
    return 1 + sum(map(log_spaced, range(1, min(steps, 10_000) + 1))) + steps // 10_000
