"""A model on plain tokens, (batch, length), for those who want to look inside it.

Nothing is shared or left out as in training: every position of every row is computed, and the
weights are the model's own, so that logits are those that the model was trained to give.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from geometric_memory.errors import DataError
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle

Tokens = Tensor | np.ndarray | Sequence[Sequence[int]]
"""Integers of shape (batch, length)."""


class PlainModel(nn.Module):
    """A trained model in evaluation mode: `model(tokens)` returns logits.

    `hidden_states(tokens)` returns what led to them.

    Hooks of PyTorch work: `layers[i].register_forward_hook` sees the residual stream before and
    after layer i, (batch, length, d), and what it returns replaces it. Modules further inside, such
    as `model.layers[i].attention`, see the positions of all rows end to end, (batch * length, d).
    """

    def __init__(self, model: SequenceModel) -> None:
        super().__init__()
        self.model = model
        self.layers = nn.ModuleList(PlainLayer(layer) for layer in model.layers)
        self.eval()

    def forward(self, tokens: Tokens) -> Float[Tensor, "batch length vocabulary"]:
        """Return the logits at every position: of the token after it.

        Raises:
            DataError: if `tokens` is of another shape, or holds what the model does not know.
        """
        return self.model.final_norm(self._run(tokens)[-1]) @ self.model.head_weight.T

    def hidden_states(self, tokens: Tokens) -> Float[Tensor, "states batch length d"]:
        """Return the residual stream: the embedding of the tokens, then after every layer.

        There are layers + 1 of them, before the final norm; logits are the head applied to
        `model.final_norm` of the last.

        Raises:
            DataError: as `forward` does.
        """
        return torch.stack(self._run(tokens))

    def _run(self, tokens: Tokens) -> list[Tensor]:
        rows = self._check_tokens(torch.as_tensor(tokens, device=self.model.head_weight.device))
        layout = self.model.lay_out([Rectangle(inputs=rows, first_target=0)])
        context = self.model.context(layout)
        states = [self.model.embed(layout).unflatten(0, rows.shape)]
        for layer in self.layers:
            states.append(layer(states[-1], *context))
        return states

    def _check_tokens(self, tokens: Tensor) -> Int[Tensor, "batch length"]:
        if tokens.ndim != 2 or tokens.is_floating_point() or not tokens.numel():
            raise DataError(
                f"tokens of shape {tuple(tokens.shape)} and type {tokens.dtype}: "
                "expected integers of shape (batch, length)"
            )
        size = len(self.model.token_embedding.weight)
        wrong = tokens[(tokens < 0) | (tokens >= size)]
        if len(wrong):
            raise DataError(f"token {int(wrong[0])}: the model knows tokens 0 to {size - 1}")
        positions = self.model.position_embedding
        if positions is not None and tokens.shape[1] > len(positions.weight):
            raise DataError(
                f"{tokens.shape[1]} tokens in a row: the model knows {len(positions.weight)} "
                "positions"
            )
        return tokens.long()


class PlainLayer(nn.Module):
    """A layer on hidden states of shape (batch, length, d)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, hidden: Float[Tensor, "batch length d"], *context: object
    ) -> Float[Tensor, "batch length d"]:
        return self.layer(hidden.flatten(0, 1), *context).unflatten(0, hidden.shape[:2])
