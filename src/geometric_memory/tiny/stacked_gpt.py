"""One-layer GPTs with a leading dimension of members: the arithmetic of `models.gpt` by bmm.

An edge fact is read as `[EDGE] u`, so a member answers all nodes in one product. Position 1 holds
the node; position 0 holds `[EDGE]` in every row, so of it only key and value are needed. Weights
carry the names of `models.gpt` and are stacked, members first.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from geometric_memory.config import ModelSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.tiny.forward_pass import AutogradPass

Weights = Mapping[str, Tensor]


class StackedGPT:
    """Logits of all members after `[EDGE] u`."""

    def __init__(self, settings: ModelSettings, edge_token: int) -> None:
        if settings.transformer_layer_count != 1 or settings.attention_head_count != 1:
            raise ConfigurationError(["tiny models have one layer and one attention head"])
        if settings.use_mlp_only_blocks:
            raise ConfigurationError(["a network of linear maps is a StackedLinear"])
        self.settings = settings
        self.edge_token = edge_token

    def forward(self, weights: Weights, nodes: Int[Tensor, " rows"]) -> AutogradPass:
        """Read every one of `nodes`."""
        return AutogradPass(weights, lambda: self.logits(weights, nodes))

    def logits(
        self, weights: Weights, nodes: Int[Tensor, " rows"]
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after each of `nodes`."""
        settings = self.settings
        table = weights["token_embedding.weight"]
        hidden = table.index_select(1, nodes)
        if settings.use_positional_encoding:
            hidden = hidden + weights["position_embedding.weight"][:, 1:2]
        if settings.use_attention:
            hidden = self._join(hidden, self._attention(weights, table, hidden))
        hidden = self._join(hidden, self._mlp(weights, self._norm(weights, "mlp.norm", hidden)))
        hidden = self._norm(weights, "final_norm", hidden)
        head = table if settings.tie_input_output_embeddings else weights["head.weight"]
        return torch.bmm(hidden, head.transpose(1, 2))

    def _attention(self, weights: Weights, table: Tensor, hidden: Tensor) -> Tensor:
        """Attend to position 0 and oneself: a softmax over two is a sigmoid."""
        first = table[:, self.edge_token : self.edge_token + 1]
        if self.settings.use_positional_encoding:
            first = first + weights["position_embedding.weight"][:, 0:1]
        both = self._norm(weights, "attention.norm", torch.cat([first, hidden], dim=1))
        projected = linear(weights, "attention.inner.query_key_value", both)
        query, key, value = projected.chunk(3, dim=2)
        score = (query[:, 1:] * (key[:, 1:] - key[:, :1])).sum(-1, keepdim=True)
        weight = torch.sigmoid(score * query.shape[-1] ** -0.5)
        mixed = torch.lerp(value[:, :1].expand_as(value[:, 1:]), value[:, 1:], weight)
        return linear(weights, "attention.inner.output", mixed)

    def _mlp(self, weights: Weights, hidden: Tensor) -> Tensor:
        raised = linear(weights, "mlp.inner.up", hidden)
        return linear(weights, "mlp.inner.down", gelu(raised, approximate="tanh"))

    def _norm(self, weights: Weights, name: str, hidden: Tensor) -> Tensor:
        if not self.settings.use_layer_norm:
            return hidden
        prefix = name if name == "final_norm" else f"layers.0.{name}"
        scale, shift = (weights[f"{prefix}.{kind}"][:, None] for kind in ("weight", "bias"))
        return torch.addcmul(shift, layer_norm(hidden, hidden.shape[-1:], eps=1e-5), scale)

    def _join(self, hidden: Tensor, output: Tensor) -> Tensor:
        return hidden + output if self.settings.use_residual_connections else output


def linear(weights: Weights, name: str, hidden: Tensor) -> Tensor:
    """Apply the stacked linear map `name` of the layer."""
    weight, bias = (weights[f"layers.0.{name}.{kind}"] for kind in ("weight", "bias"))
    return torch.baddbmm(bias[:, None], hidden, weight.transpose(1, 2))
