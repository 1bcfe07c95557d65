"""Logits of an evaluation, in chunks that bound the memory at any vocabulary."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.training.objective import rows_per_chunk
from geometric_memory.training.precision import Arithmetic

POSITIONS_PER_CHUNK = 2**14
"""Positions that one forward pass of an evaluation holds."""


def row_chunks(count: int, length: int) -> Iterator[slice]:
    """Yield slices of rows of `length` tokens that fit one forward pass."""
    step = max(1, POSITIONS_PER_CHUNK // length)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def hidden_states(
    model: SequenceModel, rectangle: Rectangle, arithmetic: Arithmetic
) -> Float[Tensor, "targets d"]:
    """Return the hidden states of the targets of one rectangle."""
    with arithmetic.autocast():
        return model([rectangle])


def logit_chunks(
    hidden: Float[Tensor, "targets d"], weight: Float[Tensor, "vocabulary d"],
    arithmetic: Arithmetic,
) -> Iterator[tuple[slice, Tensor]]:  # fmt: skip
    """Yield float32 logits of bounded chunks of rows."""
    head = weight.to(arithmetic.matrix_type)
    step = rows_per_chunk(len(weight))
    for start in range(0, len(hidden), step):
        part = slice(start, min(start + step, len(hidden)))
        yield part, (hidden[part].to(arithmetic.matrix_type) @ head.T).to(weight.dtype)


def losses_and_answers(
    hidden: Float[Tensor, "targets d"],
    weight: Float[Tensor, "vocabulary d"],
    targets: Int[Tensor, " targets"],
    arithmetic: Arithmetic,
) -> tuple[Float[Tensor, " targets"], Int[Tensor, " targets"]]:
    """Return the loss at every target, and the argmax."""
    losses, answers = [], []
    for part, logits in logit_chunks(hidden, weight, arithmetic):
        wanted = logits.gather(1, targets[part, None])[:, 0]
        losses.append(logits.logsumexp(dim=1) - wanted)
        answers.append(logits.max(dim=1).indices)  # several times faster than argmax
    return torch.cat(losses), torch.cat(answers)
