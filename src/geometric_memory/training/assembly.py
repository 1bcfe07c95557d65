"""A trainer as this machine serves it best: threads, memory, precision, compiling."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from geometric_memory.config import TrainingSettings
from geometric_memory.models.interface import SequenceModel
from geometric_memory.training.automatic_precision import settle_precision
from geometric_memory.training.compilation import pays_to_compile
from geometric_memory.training.memory import keep_freed_memory
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.processes import Processes
from geometric_memory.training.stages import Stage
from geometric_memory.training.threads import choose_threads
from geometric_memory.training.trainer import Trainer


def assemble_trainer(
    settings: TrainingSettings, model: SequenceModel, stages: Sequence[Stage], *,
    processes: Processes | None, tell: Callable[[str], None],
) -> Trainer:  # fmt: skip
    """Return the trainer of `model`; what was chosen for it by trial stands in its settings.

    `tell` is given a sentence about every choice that a user may want to know of.
    """
    torch.set_num_threads(choose_threads(model, tuple(stages)))
    keep_freed_memory()
    settings, trial = settle_precision(settings, model, stages)
    if trial is not None:
        tell(str(trial))
    arithmetic = choose_arithmetic(settings)
    if pays_to_compile(settings, arithmetic, model, stages):
        tell("compiling the model, which takes a minute or two (--compile off)")
        arithmetic = replace(arithmetic, compiled=True)
    return Trainer(model, stages, settings, arithmetic, processes)
