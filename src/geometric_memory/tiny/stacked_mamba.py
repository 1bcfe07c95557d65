"""One-layer Mambas with a leading dimension of members: the arithmetic of `models.mamba` by bmm.

An edge fact is read as `[EDGE] u`: two positions, so the recurrence is written out. With Δ, B and C
of the glossary in `models.mamba`, the state after `[EDGE]` is h_0 = B_0 Δ_0 x_0, one for all rows,
and the output at the node

    y = sum_n C_n (exp(Δ A_n) h_0n + B_n Δ x) = sum_n C_n B_0n exp(Δ A_n) Δ_0 x_0 + (C . B) Δ x.

Weights carry the names of `models.mamba` and are stacked, members first.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import layer_norm, pad, silu, softplus

from geometric_memory.config import ModelSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.tiny.forward_pass import AutogradPass

Weights = Mapping[str, Tensor]
MIXER = "layers.0.mixer."


class StackedMamba:
    """Logits of all members after `[EDGE] u`; the published variant of Mamba."""

    def __init__(self, settings: ModelSettings, edge_token: int) -> None:
        if settings.transformer_layer_count != 1 or settings.mamba_variant != "published":
            raise ConfigurationError(["tiny Mambas have one layer, of the published variant"])
        self.edge_token = edge_token

    def forward(self, weights: Weights, nodes: Int[Tensor, " rows"]) -> AutogradPass:
        """Read every one of `nodes`."""
        return AutogradPass(weights, lambda: self.logits(weights, nodes))

    def logits(
        self, weights: Weights, nodes: Int[Tensor, " rows"]
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after each of `nodes`."""
        table = weights["token_embedding.weight"]
        first = table[:, self.edge_token : self.edge_token + 1]
        hidden = torch.cat([first, table.index_select(1, nodes)], dim=1)
        scale, shift = (weights[f"layers.0.norm.{kind}"][:, None] for kind in ("weight", "bias"))
        normed = torch.addcmul(shift, layer_norm(hidden, hidden.shape[-1:], eps=1e-5), scale)
        return torch.bmm(_mixed(weights, normed), table.transpose(1, 2))


def _mixed(
    weights: Weights, hidden: Float[Tensor, "members laid d"]
) -> Float[Tensor, "members rows d"]:
    """Return the mixer's output at the nodes; `[EDGE]` is laid first, the nodes after it."""
    x, z = _linear(weights, "in_proj", hidden).chunk(2, dim=-1)
    x = _convolved(weights, x)
    state = weights[f"{MIXER}A_log"].shape[-1]
    rank = weights[f"{MIXER}dt_proj.weight"].shape[-1]
    step, B, C = _linear(weights, "x_proj", x).split((rank, state, state), dim=-1)
    bias = weights[f"{MIXER}dt_proj.bias"][:, None]
    delta = softplus(_linear(weights, "dt_proj", step) + bias)
    A = -torch.exp(weights[f"{MIXER}A_log"])
    inflow = delta * x
    B_0, B, C = B[:, :1], B[:, 1:], C[:, 1:]
    decay = torch.exp(delta[:, 1:, :, None] * A[:, None])  # members rows e n
    y = (decay @ (C * B_0)[..., None])[..., 0] * inflow[:, :1]
    y = y + (C * B).sum(-1, keepdim=True) * inflow[:, 1:]
    y = y + weights[f"{MIXER}D"][:, None] * x[:, 1:]
    return _linear(weights, "out_proj", y * silu(z[:, 1:]))


def _convolved(
    weights: Weights, x: Float[Tensor, "members laid e"]
) -> Float[Tensor, "members laid e"]:
    """Return the causal convolution: a node sees itself by the last tap, `[EDGE]` by the next."""
    taps = weights[f"{MIXER}conv1d.weight"][:, :, 0]
    own = torch.addcmul(weights[f"{MIXER}conv1d.bias"][:, None], x, taps[:, None, :, -1])
    if taps.shape[-1] > 1:
        seen = x[:, :1] * taps[:, None, :, -2]
        own = own + pad(seen.expand(-1, x.shape[1] - 1, -1), (0, 0, 1, 0))
    return silu(own)


def _linear(weights: Weights, name: str, hidden: Tensor) -> Tensor:
    return torch.bmm(hidden, weights[f"{MIXER}{name}.weight"].transpose(1, 2))
