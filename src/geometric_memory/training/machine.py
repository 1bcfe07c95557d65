"""How this machine serves a training best: threads, kept memory, precision, compiling.

All are functions of the work alone, so that the same run gives the same bits each time, but for
one: bfloat16 products are fast where the processor has instructions for them, and slow elsewhere.
For large steps a few on one batch are timed in both precisions; the answer becomes a setting of the
run, in its config.json, so that whoever goes on with the run, measures it or repeats it does as it
did.
"""

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from geometric_memory.config import TrainingSettings
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.layers import SeededDropout
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.training.batches import FEW_KINDS, Batch, Batches
from geometric_memory.training.objective import linear_cross_entropy
from geometric_memory.training.precision import Arithmetic, choose_arithmetic
from geometric_memory.training.stages import Stage

FLOPS_PER_THREAD = 1e8
"""Operations of one step below which another thread does not pay."""


def choose_threads(model: SequenceModel, stages: Sequence[Stage]) -> int:
    """Return the threads for training: OMP_NUM_THREADS, else as many as the work needs.

    Small steps lose more by waiting for each other than they win by sharing.
    """
    available = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:
        return available
    largest = max((step_flops(model, stage) for stage in stages), default=0.0)
    return max(1, min(available, int(largest / FLOPS_PER_THREAD)))


def step_flops(model: SequenceModel, stage: Stage) -> float:
    """Return the operations of the matrix products of an average step, backward included.

    As if each fact had a row: that facts of a node share one makes a step cheaper than this.
    """
    rows = sum(len(kind) for kind in stage.examples)
    if not rows:
        return 0.0
    batch_share = min(1.0, stage.batch_size / rows)
    positions = sum(kind.inputs.size for kind in stage.examples)
    targets = sum(kind.targets.size for kind in stage.examples)
    head = model.head_weight.numel()
    embeddings = sum(
        module.weight.numel()
        for module in model.modules()
        if isinstance(module, torch.nn.Embedding)
    )
    inner = model.parameter_counts[0] - embeddings
    return 6.0 * batch_share * (positions * inner + targets * head)


TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Options of mallopt(3)."""
KEPT_AT_MOST = 2**31 - 1
"""Free bytes at the end of the heap beyond which they are returned after all."""


def keep_freed_memory() -> bool:
    """Ask the allocator to keep freed memory; False where it is not glibc and cannot be asked.

    By default glibc returns every large array to the system as soon as it is freed. The next one
    then comes in pages of 4 kB, each zeroed and mapped by an interrupt, which takes longer than the
    arithmetic on them (docs/performance.md).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, KEPT_AT_MOST))


LARGE_STEP = 2e9
"""Operations of a step from which the trial is made."""
ROWS = 256
"""Examples of the batch of the trial."""
TRIALS = 3
SPEEDUP_NEEDED = 1.2
HOPELESS = 2.0
"""Seconds in bfloat16 over seconds in float32 after which nothing more is tried."""
DIFFERENCE_ALLOWED = 0.01
"""Of the losses, relative."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a few steps in both precisions showed."""

    speedup: float
    """Seconds in float32 over seconds in bfloat16."""
    difference: float
    """Relative difference of the losses."""

    @property
    def precision(self) -> str:
        """The precision to take; a difference that is not a number is not small."""
        agrees = self.difference <= DIFFERENCE_ALLOWED
        return "bf16" if agrees and self.speedup >= SPEEDUP_NEEDED else "fp32"

    def __str__(self) -> str:
        return (
            f"bf16 is {self.speedup:.1f} times as fast as fp32 here, and its loss differs by "
            f"{100 * self.difference:.2g} %: taking {self.precision} (--precision says otherwise)"
        )


def settle_precision(
    settings: TrainingSettings, model: SequenceModel, stages: Sequence[Stage]
) -> tuple[TrainingSettings, Trial | None]:
    """Return `settings` with `auto` settled if that takes a trial, and the trial."""
    arithmetic = choose_arithmetic(settings)
    large = [stage for stage in stages if step_flops(model, stage) >= LARGE_STEP]
    if settings.precision != "auto" or arithmetic.device.type != "cpu" or not large:
        return settings, None
    trial = try_precisions(model, large[0], settings.seed)
    return replace(settings, precision=trial.precision), trial


def try_precisions(model: SequenceModel, stage: Stage, seed: int) -> Trial:
    """Time forward and backward passes of one batch in both precisions, taken in turns."""
    cpu = torch.device("cpu")
    batches = Batches(stage.examples, ROWS, seed=seed, stage=stage.name, device=cpu)
    batch = next(batches.epoch(0))
    types = torch.float32, torch.bfloat16
    results: list[list[tuple[float, float]]] = []
    for _ in range(TRIALS):
        found = [time_loss(model, batch, Arithmetic(device=cpu, matrix_type=t)) for t in types]
        results.append(found)
        if found[1][0] > HOPELESS * found[0][0]:
            break
    exact, rounded = zip(*results, strict=True)
    seconds = [min(second for second, _ in trials) for trials in (exact, rounded)]
    return Trial(
        speedup=seconds[0] / seconds[1],
        difference=abs(rounded[0][1] - exact[0][1]) / max(abs(exact[0][1]), 1e-30),
    )


def time_loss(model: SequenceModel, batch: Batch, arithmetic: Arithmetic) -> tuple[float, float]:
    """Return seconds and loss of one forward and backward pass; no gradient is left."""
    was_training = model.training
    model.eval()
    begin = time.perf_counter()
    with arithmetic.autocast(model):
        hidden = model(batch.rectangles)
    loss, _ = linear_cross_entropy(
        hidden, model.head_weight, batch.targets, arithmetic.matrix_type, batch.states
    )
    loss.backward()
    seconds = time.perf_counter() - begin
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    return seconds, loss.item()


LONG_RUN = 2e16
"""Operations of a run from which compiling pays: half a minute of the fastest GPU."""
SHAPES_AT_MOST = 64


def compile_model(model: SequenceModel) -> Callable[[Sequence[Rectangle]], Tensor]:
    """Return the forward pass of `model`, compiled when it is first called with a shape.

    A step of a small model on a fast GPU is bound by launching kernels one by one; compiled, a
    forward or backward pass is one launch. Batches are padded to few shapes for it (`batches`).

    Shapes beyond SHAPES_AT_MOST go through the model as it is.
    """
    torch._dynamo.config.cache_size_limit = SHAPES_AT_MOST  # pyright: ignore[reportPrivateUsage]
    on_gpu = next(model.parameters()).is_cuda
    compiled_model = torch.compile(
        model, dynamic=False, fullgraph=True, mode="reduce-overhead" if on_gpu else None
    )
    known: set[tuple[torch.Size, ...]] = set()

    def forward(rectangles: Sequence[Rectangle]) -> Tensor:
        shapes = tuple(rectangle.inputs.shape for rectangle in rectangles)
        if shapes not in known and len(known) == SHAPES_AT_MOST:
            return model(rectangles)
        known.add(shapes)
        return compiled_model(rectangles)

    return forward


def pays_to_compile(
    settings: TrainingSettings,
    arithmetic: Arithmetic,
    model: SequenceModel,
    stages: Sequence[Stage],
) -> bool:
    """Whether the settings ask for compiling, or it will save more time than it takes.

    Dropout is never compiled: what it drops follows from the seed, kernel by kernel. Text tokens
    are when that is asked for: padded to one shape, a batch has many rows that do not count.
    """
    if any(isinstance(module, SeededDropout) and module.rate for module in model.modules()):
        return False
    if settings.compile != "auto":
        return settings.compile == "on"
    if any(len(stage.examples) > FEW_KINDS for stage in stages):
        return False
    work = sum(stage.steps * step_flops(model, stage) for stage in stages)
    return arithmetic.device.type == "cuda" and work >= LONG_RUN
