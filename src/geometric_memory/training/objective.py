"""The loss: cross-entropy of a linear head at target positions, in bounded chunks.

The head of a graph with many nodes is the largest product of a step, and its logits the largest
array. They are made chunk by chunk of target rows, turned into loss and gradients at once, and
never kept: memory is bounded whatever the batch and the vocabulary. Targets of padding are ignored
exactly: they count in no mean and give no gradient.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle
from geometric_memory.training.precision import Arithmetic

LOGITS_PER_CHUNK = 2**25
"""Entries of one chunk of logits (128 MiB in float32)."""
LOGITS_IN_CACHE = 2**19
"""Entries that are small enough (2 MiB in float32) to stay in a processor's cache."""
COLUMNS_PER_BLOCK = 512
"""Tokens whose logits one thread makes at a time on a CPU."""


IGNORED = -1
"""Target of a padded row."""


def _rows_per_chunk(vocabulary_size: int) -> int:
    """Return how many rows of logits are held at once."""
    return max(1, LOGITS_PER_CHUNK // vocabulary_size)


def _rows_at_once(logits: Float[Tensor, "rows vocabulary"]) -> int:
    """Return how many rows go through all operations before the next.

    On a CPU these are few, because memory is slow and their float32 form fits the cache.
    """
    if logits.device.type != "cpu":
        return max(1, len(logits))
    return max(8, LOGITS_IN_CACHE // logits.shape[1])


def _to_logits(
    inputs: Float[Tensor, "rows d"], head: Float[Tensor, "vocabulary d"]
) -> Float[Tensor, "rows vocabulary"]:
    """Return inputs head^T.

    Few terms make an entry, so that a CPU spends as long on writing it as on the product. Of few
    tokens at a time the entries stay in its cache until they are whole.
    """
    if inputs.device.type != "cpu" or inputs.dtype == torch.bfloat16:
        return inputs @ head.T
    logits = inputs.new_empty(len(inputs), len(head))
    few = COLUMNS_PER_BLOCK * torch.get_num_threads()
    for block, part in zip(logits.split(few, dim=1), head.split(few), strict=True):
        torch.mm(inputs, part.T, out=block)
    return logits


def linear_cross_entropy(
    hidden: Float[Tensor, "targets d"],
    weight: Float[Tensor, "vocabulary d"],
    targets: Int[Tensor, " targets"],
    matrix_type: torch.dtype | None = None,
) -> tuple[Float[Tensor, ""], Bool[Tensor, " targets"]]:
    """Return the mean of -log softmax(hidden weight^T)[target], and which targets are the argmax.

    Targets that are IGNORED are left out of the mean, and never the argmax.

    Matrix products are made in `matrix_type` (the type of `weight` when None), everything else in
    the type of `weight`. Differentiable once, in `hidden` and `weight`.
    """
    return _LinearCrossEntropy.apply(hidden, weight, targets, matrix_type or weight.dtype)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, matrix_type: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(hidden.device.type, enabled=False):
            losses, correct, gradients = _loss_and_gradients(
                hidden, weight, targets, matrix_type, ctx.needs_input_grad[:2]
            )
        ctx.save_for_backward(*gradients)
        ctx.mark_non_differentiable(correct)
        return losses.sum(), correct

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved = (None if g is None else g.mul_(gradients[0]) for g in ctx.saved_tensors)
        return (*saved, None, None)


def _loss_and_gradients(
    hidden: Tensor,
    weight: Tensor,
    targets: Tensor,
    matrix_type: torch.dtype,
    needed: Sequence[bool],
) -> tuple[Tensor, Tensor, list[Tensor | None]]:
    """Return each target's part of the mean loss, whether it is the argmax, and gradients."""
    inputs, head = hidden.to(matrix_type), weight.to(matrix_type)
    gradients = [
        torch.zeros_like(x, dtype=weight.dtype) if need else None
        for x, need in zip((hidden, weight), needed, strict=True)
    ]
    losses = torch.empty(len(targets), dtype=weight.dtype, device=weight.device)
    correct = torch.empty_like(targets, dtype=torch.bool)
    counts = targets != IGNORED
    share = counts.to(weight.dtype) / counts.sum()
    step = _rows_per_chunk(len(weight))
    for start in range(0, len(targets), step):
        rows = slice(start, start + step)
        logits = _to_logits(inputs[rows], head)
        losses[rows], correct[rows] = _to_residuals(logits, targets[rows], weight.dtype)
        if gradients[0] is not None:
            gradients[0][rows] = (logits @ head) * share[rows, None]
        if gradients[1] is not None:
            scaled = (inputs[rows] * share[rows, None]).to(matrix_type)
            _add_product(gradients[1], logits.T, scaled)
    return losses * share, correct, gradients


def _to_residuals(
    logits: Float[Tensor, "rows vocabulary"], targets: Int[Tensor, " rows"], dtype: torch.dtype
) -> tuple[Float[Tensor, " rows"], Bool[Tensor, " rows"]]:
    """Turn logits into d loss / d logits where they lie; return losses and if each is right."""
    few = _rows_at_once(logits)
    parts = [
        _part_to_residuals(part, wanted, dtype)
        for part, wanted in zip(logits.split(few), targets.split(few), strict=True)
    ]
    losses, correct = zip(*parts, strict=True)
    return torch.cat(losses), torch.cat(correct)


def _part_to_residuals(
    logits: Tensor, targets: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    values = logits.to(dtype)
    index = targets.clamp(min=0)[:, None]
    wanted = values.gather(1, index)
    answers = argmax(values)
    best = values.gather(1, answers[:, None])
    torch.softmax(values, dim=1, out=values)
    # The best probability is exp(0) / normalizer: its log gives log-sum-exp without another pass.
    losses = best - wanted - values.gather(1, answers[:, None]).log()
    values.scatter_add_(1, index, torch.full_like(losses, -1))
    if values is not logits:
        logits.copy_(values)
    return losses[:, 0], answers == targets


def argmax(logits: Float[Tensor, "rows vocabulary"]) -> Int[Tensor, " rows"]:
    """Return the first index of the greatest entry of every row.

    On a CPU NumPy finds it ten times as fast as PyTorch, which does not use vector instructions.
    """
    if logits.device.type == "cpu" and logits.dtype != torch.bfloat16:
        return torch.from_numpy(logits.detach().numpy().argmax(axis=1))
    return logits.max(dim=1).indices  # on a CPU several times as fast as argmax


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    if left.dtype == total.dtype:
        total.addmm_(left, right)
    else:
        total += (left @ right).to(total.dtype)  # adding what is of another type is slow


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
    with arithmetic.autocast(model):
        return model([rectangle])


def logit_chunks(
    hidden: Float[Tensor, "targets d"], weight: Float[Tensor, "vocabulary d"],
    arithmetic: Arithmetic,
) -> Iterator[tuple[slice, Tensor]]:  # fmt: skip
    """Yield float32 logits of bounded chunks of rows, each to be used before the next is made."""
    head = weight.to(arithmetic.matrix_type)
    start = 0
    for inputs in hidden.split(_rows_per_chunk(len(weight))):
        logits = _to_logits(inputs.to(arithmetic.matrix_type), head)
        for part in logits.split(_rows_at_once(logits)):
            yield slice(start, start + len(part)), part.to(weight.dtype)
            start += len(part)


def losses_and_answers(
    hidden: Float[Tensor, "targets d"],
    weight: Float[Tensor, "vocabulary d"],
    targets: Int[Tensor, " targets"],
    arithmetic: Arithmetic,
) -> tuple[Float[Tensor, " targets"], Int[Tensor, " targets"]]:
    """Return the loss at every target, and the argmax."""
    losses, answers = [], []
    for part, logits in logit_chunks(hidden, weight, arithmetic):
        losses.append(cross_entropy(logits, targets[part], reduction="none"))
        answers.append(argmax(logits))
    return torch.cat(losses), torch.cat(answers)
