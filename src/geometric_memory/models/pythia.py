"""Pythia (GPT-NeoX): rotary positions, attention and MLP side by side, a head of its own.

What is unusual: the first quarter of every head is turned by an angle that grows with the position
(Su et al. 2021), and a layer adds attention and MLP of the *same* input: x + attn(norm x) +
mlp(norm' x). Position 0 of rows that share their first token is turned alike in all of them, so the
engine computes it once here too (see `rectangles`).
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from geometric_memory.config import ModelSettings
from geometric_memory.config.model import ROTARY_SHARE
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.layers import MLP, Attention, Embedding, Linear, attend, layer_norm
from geometric_memory.models.rectangles import Layout, Rectangle, Segment, lay_out

ROTARY_BASE = 10_000


class Pythia(SequenceModel):
    """Token embedding, parallel layers, final norm; the head is tied only when asked."""

    def __init__(self, settings: ModelSettings, *, vocabulary_size: int) -> None:
        super().__init__()
        dimension, heads = settings.embedding_dimension, settings.attention_head_count
        self.token_embedding = Embedding(vocabulary_size, dimension)
        self.layers = nn.ModuleList(
            PythiaLayer(dimension, heads) for _ in range(settings.transformer_layer_count)
        )
        self.final_norm = layer_norm(dimension)
        if not settings.tie_input_output_embeddings:
            self.head = Linear(dimension, vocabulary_size, bias=False)
        self.turned = dimension // heads // ROTARY_SHARE
        if settings.freeze_token_embeddings:
            self.freeze_embeddings()

    def lay_out(self, rectangles: Sequence[Rectangle]) -> Layout:
        return lay_out(rectangles, share_first_token=True)

    def context(self, layout: Layout) -> tuple[Any, ...]:
        return layout.segments, rotations(layout.positions, self.turned)


class PythiaLayer(nn.Module):
    """Attention and MLP of the same input, both added to it."""

    def __init__(self, dimension: int, head_count: int) -> None:
        super().__init__()
        self.attention_norm = layer_norm(dimension)
        self.attention = RotaryAttention(dimension, head_count)
        self.mlp_norm = layer_norm(dimension)
        self.mlp = MLP(dimension, approximate="none")

    def forward(
        self,
        hidden: Float[Tensor, "laid d"],
        segments: Sequence[Segment],
        rotation: Float[Tensor, "2 laid turned"],
    ) -> Float[Tensor, "laid d"]:
        attended = self.attention(self.attention_norm(hidden), segments, rotation)
        return hidden + attended + self.mlp(self.mlp_norm(hidden))


class RotaryAttention(Attention):
    """Causal softmax attention whose queries and keys are turned by their position."""

    def forward(  # type: ignore[override]
        self,
        hidden: Float[Tensor, "laid d"],
        segments: Sequence[Segment],
        rotation: Float[Tensor, "2 laid turned"],
    ) -> Float[Tensor, "laid d"]:
        projected = self.query_key_value(hidden).unflatten(-1, (3, self.head_count, -1))
        projected = torch.cat([turn(projected[:, :2], rotation), projected[:, 2:]], dim=1)
        return self.output(attend(projected, segments).flatten(1))


def rotations(positions: Int[Tensor, " laid"], turned: int) -> Float[Tensor, "2 laid turned"]:
    """Return cosine and sine of every position's angles, position / 10000^(2i / turned)."""
    powers = torch.arange(0, turned, 2, device=positions.device, dtype=torch.float32) / turned
    angles = positions[:, None] * ROTARY_BASE**-powers
    angles = torch.cat([angles, angles], dim=-1)
    return torch.stack([angles.cos(), angles.sin()])


def turn(
    values: Float[Tensor, "laid 2 h e"], rotation: Float[Tensor, "2 laid turned"]
) -> Float[Tensor, "laid 2 h e"]:
    """Turn the first `turned` numbers of every head: number i is paired with i + turned / 2."""
    cosine, sine = rotation[:, :, None, None, :].to(values.dtype)
    count = rotation.shape[-1]
    first, second = values[..., :count].chunk(2, dim=-1)
    crossed = torch.cat([-second, first], dim=-1)
    turned = values[..., :count] * cosine + crossed * sine
    return torch.cat([turned, values[..., count:]], dim=-1)
