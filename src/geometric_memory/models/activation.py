"""The tanh form of GELU, with its gradient in few passes.

    gelu(x) = x/2 (1 + tanh(u/2)) = x sigmoid(u),    u = 2 sqrt(2/pi) (x + 0.044715 x^3)

The sigmoid is the cheaper of the two forms where a vectorized tanh is slow, as on CPUs.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import gelu

LINEAR = 2 * math.sqrt(2 / math.pi)
CUBIC = LINEAR * 0.044715


def tanh_gelu(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return GELU in its tanh approximation (Hendrycks and Gimpel, arXiv 1606.08415)."""
    if x.device.type != "cpu":
        return gelu(x, approximate="tanh")
    return _TanhGELU.apply(x)


class _TanhGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        weight = (x * x).mul_(CUBIC).add_(LINEAR).mul_(x).sigmoid_()
        ctx.save_for_backward(x, weight)
        return x * weight

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        x, weight = ctx.saved_tensors
        slope = (x * x).mul_(3 * CUBIC).add_(LINEAR).mul_(x)
        slope.mul_(1 - weight).add_(1).mul_(weight)
        return slope.mul_(gradients[0])
