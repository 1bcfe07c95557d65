"""Compiled models: one CUDA graph for each shape of batch, where that pays.

A step of a small model on a fast GPU is bound by launching kernels one by one. Compiled, a forward
or backward pass is one launch. Every shape is compiled anew, so batches are padded to a few numbers
of rows (`batches`). On a CPU the compiler takes longer than a short run (docs/performance.md).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from geometric_memory.config import TrainingSettings
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.layers import SeededDropout
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.training.batches import FEW_KINDS
from geometric_memory.training.precision import Arithmetic
from geometric_memory.training.stages import Stage
from geometric_memory.training.threads import step_flops

LONG_RUN = 2e16
"""Operations of a run from which compiling pays: half a minute of the fastest GPU."""
SHAPES_AT_MOST = 64


def compiled(model: SequenceModel) -> Callable[[Sequence[Rectangle]], Tensor]:
    """Return the forward pass of `model`, compiled when it is first called with a shape.

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
