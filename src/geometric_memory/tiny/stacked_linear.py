"""Linear nets with a leading dimension of members, and their gradients in closed form.

With the embeddings E, maps W_l with biases b_l, and the head H (E itself when tied), node u gives

    h_0 = E_u + p,   h_l = W_l h_{l-1} + b_l,   logits = H h_L,

p the position of the node where there is one. Dropout masks h_L, for every fact anew, so that the
maps are applied once, whatever is masked. The gradients are three thin products a map, written out:
automatic differentiation adds a third to their time where the maps are wide (docs/tiny_graphs.md).
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

Weights = Mapping[str, Tensor]
TABLE = "token_embedding.weight"
HEAD = "head.weight"
POSITIONS = "position_embedding.weight"
LINEAR_MAP = "layers.0.mlp.inner.linear"
"""The one map of the published linear net, by its name in `models.gpt`."""


class StackedLinear:
    """Logits of all members after `[EDGE] u`; `layers` names the maps, first to last."""

    def __init__(self, layers: Sequence[str]) -> None:
        self.layers = tuple(layers)

    def logits(
        self, weights: Weights, nodes: Int[Tensor, " rows"]
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after each of `nodes`."""
        return self.forward(weights, nodes).logits

    def forward(self, weights: Weights, nodes: Int[Tensor, " rows"]) -> "LinearPass":
        """Read every one of `nodes`."""
        read = weights[TABLE].index_select(1, nodes)
        if POSITIONS in weights:
            read = read + weights[POSITIONS][:, 1:2]
        hidden = [read]
        for name in self.layers:
            weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
            hidden.append(torch.baddbmm(bias[:, None], hidden[-1], weight.transpose(1, 2)))
        return LinearPass(self.layers, weights, nodes, hidden)


class LinearPass:
    """What the nodes have become, layer by layer."""

    def __init__(
        self,
        layers: Sequence[str],
        weights: Weights,
        nodes: Int[Tensor, " rows"],
        hidden: list[Float[Tensor, "members rows d"]],
    ) -> None:
        self.layers, self.weights, self.nodes, self.hidden = tuple(layers), weights, nodes, hidden
        self.head = weights.get(HEAD, weights[TABLE])
        self.logits: Float[Tensor, "members rows vocabulary"] = torch.bmm(
            hidden[-1], self.head.transpose(1, 2)
        )
        """After each of the nodes."""

    def mask_logits(
        self, places: Int[Tensor, " facts"], mask: Float[Tensor, "members facts d"]
    ) -> Float[Tensor, "members facts vocabulary"]:
        """Return logits after the nodes at `places`, the last hidden state times `mask`."""
        return torch.bmm(self.hidden[-1][:, places] * mask, self.head.transpose(1, 2))

    def gradients(
        self, logits: Float[Tensor, "members rows vocabulary"]
    ) -> dict[str, Float[Tensor, "..."]]:
        """Return the gradient of every trained weight, given that of the logits."""
        return self._below(logits, self.hidden[-1], torch.bmm(logits, self.head))

    def mask_gradients(
        self,
        logits: Float[Tensor, "members facts vocabulary"],
        places: Int[Tensor, " facts"],
        mask: Float[Tensor, "members facts d"],
    ) -> dict[str, Float[Tensor, "..."]]:
        """Return the same, given the gradient of the masked logits."""
        masked = torch.bmm(logits, self.head) * mask
        last = torch.zeros_like(self.hidden[-1], dtype=masked.dtype)
        last.index_add_(1, places, masked)
        return self._below(logits, self.hidden[-1][:, places] * mask, last)

    def _below(self, logits: Tensor, answered: Tensor, last: Tensor) -> dict[str, Tensor]:
        """Return all gradients, given those of the logits and of the last hidden state."""
        found: dict[str, Tensor] = {}
        tables_trained = self.weights[TABLE].requires_grad
        for place, name in reversed(list(enumerate(self.layers))):
            # The gradient lies as the map does, transposed.
            weight = torch.bmm(self.hidden[place].transpose(1, 2), last).transpose(1, 2)
            found[f"{name}.weight"], found[f"{name}.bias"] = weight, last.sum(1)
            if place or tables_trained:
                last = torch.bmm(last, self.weights[f"{name}.weight"])
        if tables_trained:
            head = torch.bmm(logits.transpose(1, 2), answered)
            table = torch.zeros_like(head) if HEAD in self.weights else head
            found |= {HEAD: head, TABLE: table.index_add_(1, self.nodes, last)}
            if POSITIONS in self.weights:
                found[POSITIONS] = torch.zeros_like(self.weights[POSITIONS])
                found[POSITIONS][:, 1] = last.sum(1)
        return {name: found[name] for name in self.weights if name in found}
