"""The loss: cross-entropy of a linear head at target positions, in bounded chunks.

The head of a graph with many nodes is the largest product of a step, and its logits the largest
array. They are made chunk by chunk of target rows, turned into loss and gradients at once, and
never kept: memory is bounded whatever the batch and the vocabulary. Targets of padding are ignored
exactly: they count in no mean and give no gradient.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
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
    hidden: Float[Tensor, "states d"],
    weight: Float[Tensor, "vocabulary d"],
    targets: Int[Tensor, " targets"],
    matrix_type: torch.dtype | None = None,
    states: Int[Tensor, " targets"] | None = None,
) -> tuple[Float[Tensor, ""], Bool[Tensor, " targets"]]:
    """Return the mean of -log softmax(hidden weight^T)[target], and which targets are the argmax.

    `states` are the rows of `hidden` that predict the targets, ascending and on the CPU; None is
    one target for each. Targets of one row share its logits, which are nearly all that they cost.
    Targets that are IGNORED are left out of the mean, and never the argmax.

    Matrix products are made in `matrix_type` (the type of `weight` when None), everything else in
    the type of `weight`. Differentiable once, in `hidden` and `weight`.
    """
    if states is None:
        states = torch.arange(len(targets))
    return _LinearCrossEntropy.apply(hidden, weight, targets, states, matrix_type or weight.dtype)


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, states: Tensor,
        matrix_type: torch.dtype,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        with torch.autocast(hidden.device.type, enabled=False):
            loss, correct, gradients = _loss_and_gradients(
                hidden, weight, _Targets(targets, states, len(hidden), weight.dtype),
                matrix_type, ctx.needs_input_grad[:2],
            )  # fmt: skip
        ctx.save_for_backward(*gradients)
        ctx.mark_non_differentiable(correct)
        return loss, correct

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved = (None if g is None else g.mul_(gradients[0]) for g in ctx.saved_tensors)
        return (*saved, None, None, None)


class _Targets:
    """Targets, the rows that predict them, and what they count."""

    def __init__(self, tokens: Tensor, rows: Tensor, row_count: int, dtype: torch.dtype) -> None:
        self._rows_here = rows.numpy()  # so that no step waits for a GPU
        self.tokens = tokens
        self.rows = rows.to(tokens.device, non_blocking=True)
        counts = (tokens != IGNORED).to(dtype)
        of_row = counts.new_zeros(row_count).index_add_(0, self.rows, counts)
        self.shares = counts / counts.sum()
        """Of all that counts, by target."""
        self.row_shares = of_row / counts.sum()
        """The same, by row."""
        self.shares_of_row = counts / of_row.clamp(min=1)[self.rows]
        """Of what counts in its row, by target."""

    def between(self, start: int, stop: int) -> slice:
        """Return which targets the rows from `start` to `stop` predict."""
        return slice(*np.searchsorted(self._rows_here, (start, stop)).tolist())


def _loss_and_gradients(
    hidden: Tensor,
    weight: Tensor,
    targets: _Targets,
    matrix_type: torch.dtype,
    needed: Sequence[bool],
) -> tuple[Tensor, Tensor, list[Tensor | None]]:
    """Return the mean loss, whether each target is the argmax, and gradients."""
    inputs, head = hidden.to(matrix_type), weight.to(matrix_type)
    gradients = [
        torch.zeros_like(x, dtype=weight.dtype) if need else None
        for x, need in zip((hidden, weight), needed, strict=True)
    ]
    losses, correct = [], []
    step = _rows_per_chunk(len(weight))
    for start in range(0, len(inputs), step):
        rows = slice(start, start + step)
        logits = _to_logits(inputs[rows], head)
        few = _rows_at_once(logits)
        for first in range(0, len(logits), few):
            part = logits[first : first + few]
            loss, right = _to_residuals(part, targets, start + first, weight.dtype)
            losses.append(loss)
            correct.append(right)
        share = targets.row_shares[rows, None]
        if gradients[0] is not None:
            gradients[0][rows] = (logits @ head) * share
        if gradients[1] is not None:
            _add_product(gradients[1], logits.T, (inputs[rows] * share).to(matrix_type))
    return (torch.cat(losses) * targets.shares).sum(), torch.cat(correct), gradients


def _to_residuals(
    logits: Float[Tensor, "rows vocabulary"], targets: _Targets, first: int, dtype: torch.dtype
) -> tuple[Float[Tensor, " targets"], Bool[Tensor, " targets"]]:
    """Turn logits where they lie into the gradient, by logits, of the mean loss of each row.

    Return the loss of every target of these rows, which begin with row `first`, and if it is right.
    """
    chosen = targets.between(first, first + len(logits))
    tokens, rows = targets.tokens[chosen], targets.rows[chosen] - first
    values = logits.to(dtype)
    places = rows * values.shape[1] + tokens.clamp(min=0)
    wanted = values.view(-1)[places]
    answers = argmax(values)
    best = values.gather(1, answers[:, None])
    torch.softmax(values, dim=1, out=values)
    # The best probability is exp(0) / normalizer: its log gives log-sum-exp without another pass.
    normalizers = (best - values.gather(1, answers[:, None]).log())[:, 0]
    values.view(-1).index_add_(0, places, targets.shares_of_row[chosen], alpha=-1)
    if values is not logits:
        logits.copy_(values)
    return normalizers[rows] - wanted, answers[rows] == tokens


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
