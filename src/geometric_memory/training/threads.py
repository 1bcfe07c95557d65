"""How many threads a step deserves: small steps lose more by waiting than they win by sharing.

The choice is a function of the work alone, never of a timing, so that the same run gives the same
bits each time on one machine.
"""

import os

import torch

from geometric_memory.models.interface import SequenceModel
from geometric_memory.training.stages import Stage

FLOPS_PER_THREAD = 1e8
"""Operations of one step below which another thread does not pay."""


def choose_threads(model: SequenceModel, stages: tuple[Stage, ...]) -> int:
    """Return the threads for training: as many as OMP_NUM_THREADS says, else as the work needs."""
    available = torch.get_num_threads()
    if "OMP_NUM_THREADS" in os.environ:
        return available
    largest = max((step_flops(model, stage) for stage in stages), default=0.0)
    return max(1, min(available, int(largest / FLOPS_PER_THREAD)))


def step_flops(model: SequenceModel, stage: Stage) -> float:
    """Return the operations of the matrix products of an average step, backward included."""
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
    inner = sum(p.numel() for p in model.parameters()) - embeddings
    return 6.0 * batch_share * (positions * inner + targets * head)
