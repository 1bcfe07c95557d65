"""What a network of stacked members offers: a reading of nodes, its logits and their gradients."""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@runtime_checkable
class ForwardPass(Protocol):
    """Logits, and the gradients that follow from theirs."""

    logits: Float[Tensor, "members rows vocabulary"]
    """After each of the nodes read."""

    def gradients(
        self, logits: Float[Tensor, "members rows vocabulary"]
    ) -> dict[str, Float[Tensor, "..."]]:
        """Return the gradient of every weight that logits depend on, given that of the logits."""
        ...


@runtime_checkable
class Network(Protocol):
    """Logits of stacked members."""

    def logits(
        self, weights: dict[str, Tensor], nodes: Int[Tensor, " rows"]
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after `[EDGE] u` for every u of `nodes`."""
        ...

    def forward(self, weights: dict[str, Tensor], nodes: Int[Tensor, " rows"]) -> ForwardPass:
        """Return the same logits, ready for their gradients."""
        ...


class AutogradPass:
    """A pass that torch differentiates."""

    def __init__(self, weights: Mapping[str, Tensor], answered: Callable[[], Tensor]) -> None:
        self.weights = weights
        with torch.enable_grad():
            self._logits = answered()
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
