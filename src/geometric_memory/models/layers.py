"""The parts of the GPT: attention over segments, MLPs, and the layers that join them.

What is unusual: hidden states are laid end to end ("laid d", see `rectangles`), so only attention
knows rows. Query, key and value are one linear map. Position 0 sees itself alone, so its attention
output is its own value.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from geometric_memory.models.rectangles import Segment, part


class Linear(nn.Linear):
    """A linear map whose values are yet to be drawn (`build`), so that none are wasted."""

    def reset_parameters(self) -> None:
        """Draw nothing from global randomness, and take no time for it."""


class Embedding(nn.Embedding):
    """An embedding whose values are yet to be drawn (`build`), so that none are wasted."""

    def reset_parameters(self) -> None:
        """Draw nothing from global randomness, and take no time for it."""


class Attention(nn.Module):
    """Causal softmax attention with biased projections, scale 1/sqrt(head dimension)."""

    def __init__(self, dimension: int, head_count: int) -> None:
        super().__init__()
        self.head_count = head_count
        self.query_key_value = Linear(dimension, 3 * dimension)
        self.output = Linear(dimension, dimension)

    def forward(
        self, hidden: Float[Tensor, "laid d"], segments: Sequence[Segment]
    ) -> Float[Tensor, "laid d"]:
        projected = self.query_key_value(hidden).unflatten(-1, (3, self.head_count, -1))
        return self.output(attend(projected, segments).flatten(1))


def attend(
    projected: Float[Tensor, "laid 3 h e"], segments: Sequence[Segment]
) -> Float[Tensor, "laid h e"]:
    """Return the attention outputs of all segments, end to end."""
    mixed = zip(part(projected, segments), segments, strict=True)
    return torch.cat([output for values, segment in mixed for output in _attend(*values, segment)])


def _attend(
    shared: Float[Tensor, "shared 3 h e"], own: Float[Tensor, "rows own 3 h e"], segment: Segment
) -> list[Tensor]:
    """Return the attention outputs of a segment, shared position first."""
    if not segment.shared:
        return [_causal(*own.unbind(2)).flatten(0, 1)]
    if segment.own == 1:
        query, key, value = own.unbind(2)
        _, shared_key, shared_value = shared[0].unbind(0)
        mixed = _pair(query, key, value, shared_key, shared_value)
    else:
        query, seen = own.split([1, 2], dim=2)
        first = shared[:, None, 1:].expand(segment.rows, -1, -1, -1, -1)
        mixed = _causal(query[:, :, 0], *torch.cat([first, seen], dim=1).unbind(2))
    return [shared[:, 2], mixed.flatten(0, 1)]


def _causal(
    query: Float[Tensor, "rows q h e"],
    key: Float[Tensor, "rows k h e"],
    value: Float[Tensor, "rows k h e"],
) -> Float[Tensor, "rows q h e"]:
    """Attend to every key up to the query's own; keys before the first query are seen by all."""
    seen = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device)
    seen = seen.tril(key.shape[1] - query.shape[1])
    mixed = _dot_product_attention(
        query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), seen
    )
    return mixed.transpose(1, 2).to(query.dtype)


def _dot_product_attention(
    query: Float[Tensor, "rows h q e"],
    key: Float[Tensor, "rows h k e"],
    value: Float[Tensor, "rows h k e"],
    seen: Bool[Tensor, "q k"],
) -> Float[Tensor, "rows h q e"]:
    """Attend; on a CPU in float32 at least, as products so small are slow in bfloat16."""
    if query.device.type != "cpu":
        return scaled_dot_product_attention(query, key, value, attn_mask=seen)
    exact = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast("cpu", enabled=False):
        return scaled_dot_product_attention(
            query.to(exact), key.to(exact), value.to(exact), attn_mask=seen
        )


def _pair(
    query: Float[Tensor, "rows 1 h e"],
    key: Float[Tensor, "rows 1 h e"],
    value: Float[Tensor, "rows 1 h e"],
    shared_key: Float[Tensor, "h e"],
    shared_value: Float[Tensor, "h e"],
) -> Float[Tensor, "rows 1 h e"]:
    """Attend to the shared position and oneself: a softmax over two is a sigmoid."""
    score = (query * (key - shared_key)).sum(-1, keepdim=True)
    weight = torch.sigmoid(score * query.shape[-1] ** -0.5)
    # Autocast on a GPU sums in float32, and lerp takes one type.
    return torch.lerp(shared_value.expand_as(value), value, weight.to(value.dtype))


class MLP(nn.Module):
    """Linear map to four times the width, GELU (`approximate` as in PyTorch), linear map back."""

    def __init__(self, dimension: int, *, approximate: str = "tanh") -> None:
        super().__init__()
        self.approximate = approximate
        self.up = Linear(dimension, 4 * dimension)
        self.down = Linear(4 * dimension, dimension)

    def forward(self, hidden: Float[Tensor, "laid d"]) -> Float[Tensor, "laid d"]:
        return self.down(gelu(self.up(hidden), approximate=self.approximate))


class LinearMap(nn.Module):
    """The MLP of MLP-only blocks: one biased linear map and dropout, no activation."""

    def __init__(self, dimension: int, dropout_rate: float) -> None:
        super().__init__()
        self.linear = Linear(dimension, dimension)
        self.dropout = SeededDropout(dropout_rate)

    def forward(self, hidden: Float[Tensor, "laid d"]) -> Float[Tensor, "laid d"]:
        return self.dropout(self.linear(hidden))


class SeededDropout(nn.Module):
    """Dropout that draws from a generator it is given, so that a step can be repeated exactly."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.generator: torch.Generator | None = None

    def forward(self, hidden: Float[Tensor, "laid d"]) -> Float[Tensor, "laid d"]:
        if not self.training or self.rate == 0:
            return hidden
        draws = torch.rand(hidden.shape, generator=self.generator, device=hidden.device)
        return hidden * (draws >= self.rate) / (1 - self.rate)


class Sublayer(nn.Module):
    """Norm, a map, and the residual connection around both, each of the outer two optional."""

    def __init__(self, dimension: int, inner: nn.Module, *, norm: bool, residual: bool) -> None:
        super().__init__()
        self.norm = layer_norm(dimension) if norm else nn.Identity()
        self.inner = inner
        self.join = torch.add if residual else _replace

    def forward(self, hidden: Float[Tensor, "laid d"], *context: object) -> Tensor:
        return self.join(hidden, self.inner(self.norm(hidden), *context))


class AttentionLayer(nn.Module):
    """Attention, then the MLP."""

    def __init__(self, attention: Sublayer, mlp: Sublayer) -> None:
        super().__init__()
        self.attention = attention
        self.mlp = mlp

    def forward(self, hidden: Float[Tensor, "laid d"], segments: Sequence[Segment]) -> Tensor:
        return self.mlp(self.attention(hidden, segments))


class PositionwiseLayer(nn.Module):
    """The MLP alone: no position sees another."""

    def __init__(self, mlp: Sublayer) -> None:
        super().__init__()
        self.mlp = mlp

    def forward(self, hidden: Float[Tensor, "laid d"], segments: Sequence[Segment]) -> Tensor:
        return self.mlp(hidden)


def layer_norm(dimension: int) -> nn.LayerNorm:
    """Return the LayerNorm used everywhere: eps 1e-5, with bias."""
    return nn.LayerNorm(dimension, eps=1e-5)


def _replace(hidden: Tensor, output: Tensor) -> Tensor:
    return output
