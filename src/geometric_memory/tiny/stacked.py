"""One-layer GPTs and Mambas with a leading dimension of members, by batched products.

An edge fact is read as `[EDGE] u`, so a member answers all nodes in one product. Position 1 holds
the node; position 0 holds `[EDGE]` in every row, and is computed once. Weights carry the names of
`models.gpt` and `models.mamba` and are stacked, members first. `torch.func` over those models takes
1.8 times (16 members) to 2.8 times (one) as long, and cannot map over Mamba's scan.
"""

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, pad, silu, softplus

from geometric_memory.config import ModelSettings
from geometric_memory.errors import ConfigurationError

Weights = Mapping[str, Tensor]
MIXER = "layers.0.mixer."


class AutogradPass:
    """Logits, and the gradients that torch finds from theirs."""

    def __init__(self, weights: Weights, logits_of: Callable[[], Tensor]) -> None:
        self.weights = weights
        with torch.enable_grad():
            self._logits = logits_of()
        self.logits: Float[Tensor, "members rows vocabulary"] = self._logits.detach()
        """After each of the nodes read."""

    def gradients(
        self, logits: Float[Tensor, "members rows vocabulary"]
    ) -> dict[str, Float[Tensor, "..."]]:
        """Return the gradient of every weight that logits depend on, given that of the logits."""
        self._logits.backward(logits)
        found: dict[str, Tensor] = {}
        for name, weight in self.weights.items():
            if weight.grad is not None:
                found[name], weight.grad = weight.grad, None
        return found


class Differentiated:
    """A network of stacked members that torch differentiates."""

    def logits(
        self, weights: Weights, nodes: Int[Tensor, " rows"]
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after `[EDGE] u` for every u of `nodes`."""
        raise NotImplementedError

    def forward(self, weights: Weights, nodes: Int[Tensor, " rows"]) -> AutogradPass:
        """Return the same logits, ready for their gradients."""
        return AutogradPass(weights, lambda: self.logits(weights, nodes))


class StackedGPT(Differentiated):
    """One-layer GPTs with one head."""

    def __init__(self, settings: ModelSettings, edge_token: int) -> None:
        if settings.transformer_layer_count != 1 or settings.attention_head_count != 1:
            raise ConfigurationError(["tiny models have one layer and one attention head"])
        if settings.use_mlp_only_blocks:
            raise ConfigurationError(["a network of linear maps is a StackedLinear"])
        self.settings = settings
        self.edge_token = edge_token

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
        projected = _linear(weights, "layers.0.attention.inner.query_key_value", both)
        query, key, value = projected.chunk(3, dim=2)
        score = (query[:, 1:] * (key[:, 1:] - key[:, :1])).sum(-1, keepdim=True)
        weight = torch.sigmoid(score * query.shape[-1] ** -0.5)
        mixed = torch.lerp(value[:, :1].expand_as(value[:, 1:]), value[:, 1:], weight)
        return _linear(weights, "layers.0.attention.inner.output", mixed)

    def _mlp(self, weights: Weights, hidden: Tensor) -> Tensor:
        raised = _linear(weights, "layers.0.mlp.inner.up", hidden)
        return _linear(weights, "layers.0.mlp.inner.down", gelu(raised, approximate="tanh"))

    def _norm(self, weights: Weights, name: str, hidden: Tensor) -> Tensor:
        if not self.settings.use_layer_norm:
            return hidden
        return _norm(weights, name if name == "final_norm" else f"layers.0.{name}", hidden)

    def _join(self, hidden: Tensor, output: Tensor) -> Tensor:
        return hidden + output if self.settings.use_residual_connections else output


class StackedMamba(Differentiated):
    """The published variant of Mamba, with the recurrence over both positions written out.

    With Δ, B and C of the glossary in `models.mamba`, the state after `[EDGE]` is
    h_0 = B_0 Δ_0 x_0, one for all rows, and the output at the node

        y = sum_n C_n (exp(Δ A_n) h_0n + B_n Δ x) = sum_n C_n B_0n exp(Δ A_n) Δ_0 x_0 + (C . B) Δ x.
    """

    def __init__(self, settings: ModelSettings, edge_token: int) -> None:
        if settings.transformer_layer_count != 1 or settings.mamba_variant != "published":
            raise ConfigurationError(["tiny Mambas have one layer, of the published variant"])
        self.edge_token = edge_token

    def logits(
        self, weights: Weights, nodes: Int[Tensor, " rows"]
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after each of `nodes`."""
        table = weights["token_embedding.weight"]
        first = table[:, self.edge_token : self.edge_token + 1]
        hidden = torch.cat([first, table.index_select(1, nodes)], dim=1)
        normed = _norm(weights, "layers.0.norm", hidden)
        return torch.bmm(_mix(weights, normed), table.transpose(1, 2))


def _mix(
    weights: Weights, hidden: Float[Tensor, "members laid d"]
) -> Float[Tensor, "members rows d"]:
    """Return the mixer's output at the nodes; `[EDGE]` is laid first, the nodes after it."""
    x, z = _linear(weights, f"{MIXER}in_proj", hidden).chunk(2, dim=-1)
    x = _convolve(weights, x)
    state = weights[f"{MIXER}A_log"].shape[-1]
    rank = weights[f"{MIXER}dt_proj.weight"].shape[-1]
    step, B, C = _linear(weights, f"{MIXER}x_proj", x).split((rank, state, state), dim=-1)
    raised = torch.bmm(step, weights[f"{MIXER}dt_proj.weight"].transpose(1, 2))
    delta = softplus(raised + weights[f"{MIXER}dt_proj.bias"][:, None])
    A = -torch.exp(weights[f"{MIXER}A_log"])
    inflow = delta * x
    B_0, B, C = B[:, :1], B[:, 1:], C[:, 1:]
    decay = torch.exp(delta[:, 1:, :, None] * A[:, None])  # members rows e n
    y = (decay @ (C * B_0)[..., None])[..., 0] * inflow[:, :1]
    y = y + (C * B).sum(-1, keepdim=True) * inflow[:, 1:]
    y = y + weights[f"{MIXER}D"][:, None] * x[:, 1:]
    return _linear(weights, f"{MIXER}out_proj", y * silu(z[:, 1:]))


def _convolve(
    weights: Weights, x: Float[Tensor, "members laid e"]
) -> Float[Tensor, "members laid e"]:
    """Return the causal convolution: a node sees itself by the last tap, `[EDGE]` by the next."""
    taps = weights[f"{MIXER}conv1d.weight"][:, :, 0]
    own = torch.addcmul(weights[f"{MIXER}conv1d.bias"][:, None], x, taps[:, None, :, -1])
    if taps.shape[-1] > 1:
        seen = x[:, :1] * taps[:, None, :, -2]
        own = own + pad(seen.expand(-1, x.shape[1] - 1, -1), (0, 0, 1, 0))
    return silu(own)


def _norm(weights: Weights, name: str, hidden: Tensor) -> Tensor:
    scale, shift = (weights[f"{name}.{kind}"][:, None] for kind in ("weight", "bias"))
    return torch.addcmul(shift, layer_norm(hidden, hidden.shape[-1:], eps=1e-5), scale)


def _linear(weights: Weights, name: str, hidden: Tensor) -> Tensor:
    """Apply the stacked linear map `name`, biased or not."""
    weight = weights[f"{name}.weight"].transpose(1, 2)
    bias = weights.get(f"{name}.bias")
    if bias is None:
        return torch.bmm(hidden, weight)
    return torch.baddbmm(bias[:, None], hidden, weight)
