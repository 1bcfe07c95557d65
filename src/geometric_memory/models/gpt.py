"""The configurable GPT of the paper: every ablation is a choice of modules in the constructor.

What is unusual: learned positions drawn from N(0, 1) beside token embeddings of 0.02 (published
behaviour, section 4 of the contract), one weight for embedding and head by default, and a forward
pass over rectangles that returns hidden states of target positions only.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from geometric_memory.config import ModelSettings
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.layers import (
    MLP,
    Attention,
    AttentionLayer,
    Embedding,
    Linear,
    LinearMap,
    PositionwiseLayer,
    Sublayer,
    layer_norm,
)
from geometric_memory.models.rectangles import Layout, Rectangle, lay_out, lay_out_targets


class GPT(SequenceModel):
    """Token embedding, positions, layers, final norm; the head is `head_weight`."""

    def __init__(self, settings: ModelSettings, *, vocabulary_size: int, block_size: int) -> None:
        super().__init__()
        dimension = settings.embedding_dimension
        self.token_embedding = Embedding(vocabulary_size, dimension)
        if settings.use_positional_encoding:
            self.position_embedding = Embedding(block_size, dimension)
        self.layers = nn.ModuleList(
            _layer(settings) for _ in range(settings.transformer_layer_count)
        )
        self.final_norm = layer_norm(dimension) if settings.use_layer_norm else nn.Identity()
        if not settings.tie_input_output_embeddings:
            self.head = Linear(dimension, vocabulary_size, bias=False)
        self.positionwise = not settings.use_attention
        self.share_first_token = not (settings.use_mlp_only_blocks and settings.dropout_rate)
        if settings.freeze_token_embeddings:
            self.freeze_embeddings()

    def lay_out(self, rectangles: Sequence[Rectangle]) -> Layout:
        if self.positionwise:
            return lay_out_targets(rectangles)
        return lay_out(rectangles, share_first_token=self.share_first_token)

    def embed(self, layout: Layout) -> Float[Tensor, "laid d"]:
        hidden = super().embed(layout)
        if self.position_embedding is not None:
            hidden = hidden + self.position_embedding(layout.positions)
        return hidden


def _layer(settings: ModelSettings) -> nn.Module:
    dimension = settings.embedding_dimension
    norm, residual = settings.use_layer_norm, settings.use_residual_connections
    inner = (
        LinearMap(dimension, settings.dropout_rate)
        if settings.use_mlp_only_blocks
        else MLP(dimension)
    )
    mlp = Sublayer(dimension, inner, norm=norm, residual=residual)
    if not settings.use_attention:
        return PositionwiseLayer(mlp)
    attention = Attention(dimension, settings.attention_head_count)
    return AttentionLayer(Sublayer(dimension, attention, norm=norm, residual=residual), mlp)
