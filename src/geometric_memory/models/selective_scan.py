"""The selective scan of Mamba for short sequences: parallel over rows, one step per position.

Glossary (Gu & Dao 2023, section 3 and algorithm 2):

    x_t             input of the state space                                 "rows length e"
    Δ_t             step size, positive                                      "rows length e"
    u_t = Δ_t x_t   input times its step                                     "rows length e"
    A               decay rates, negative                                    "n e"
    B_t, C_t        how the input enters the state, how the output reads it  "rows length n"
    h_t             state                                                    "rows n e"
    y_t             output                                                   "rows length e"

    h_t = exp(Δ_t A) h_{t-1} + B_t u_t    (2a; zero-order hold (4) for A, Euler's step for B)
    y_t = C_t h_t                         (2b)

What is unusual: n stands before e, so that every product runs along contiguous memory; rows are
taken in chunks that stay in the cache; and nothing but the inputs is kept for the backward pass,
which makes the states of a chunk again, as the fused kernel does. No tensor of all rows, positions
and states ever exists. The initial state, when given, is one for all rows: that after a shared
token. On a CUDA device with `mamba_ssm` installed its kernel is used, which knows no initial state.
"""

import math
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

HAS_FUSED_KERNEL = find_spec("mamba_ssm") is not None
"""Found out once: the compiler of PyTorch 2.11 cannot follow the search."""
NUMBERS_IN_CACHE = 2**17
"""Numbers in the states of one chunk at one position; what stays in the cache of a core."""
NUMBERS_ON_ACCELERATOR = 2**27
"""Numbers in the states of one chunk at all positions, where memory is the only bound."""


def selective_scan(
    x: Float[Tensor, "rows length e"],
    delta: Float[Tensor, "rows length e"],
    A: Float[Tensor, "n e"],
    B: Float[Tensor, "rows length n"],
    C: Float[Tensor, "rows length n"],
    initial: Float[Tensor, "n e"] | None = None,
) -> Float[Tensor, "rows length e"]:
    """Return y; `initial` is the state before the first position (zero when None).

    Computed in the type of `A`, whatever autocast says. Differentiable once, in everything.
    """
    x, delta, B, C = (value.to(A.dtype) for value in (x, delta, B, C))
    if initial is None and uses_fused_kernel(x.device):
        channels_first = (value.transpose(1, 2).contiguous() for value in (x, delta, B, C))
        x, delta, B, C = channels_first
        return _fused_kernel()(x, delta, A.T.contiguous(), B, C).transpose(1, 2)
    start = None if initial is None else initial.to(A.dtype)
    return _SelectiveScan.apply(delta * x, delta, A, B, C, start)


def uses_fused_kernel(device: torch.device) -> bool:
    """Whether the kernel of `mamba_ssm` is there for `device`."""
    return device.type == "cuda" and HAS_FUSED_KERNEL


@cache
def _fused_kernel() -> Callable[..., Tensor]:
    return import_module("mamba_ssm.ops.selective_scan_interface").selective_scan_fn


class _SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        ctx.save_for_backward(*inputs)
        u, delta, A, B, C, initial = inputs
        y = torch.empty_like(u)
        rates = A * math.log2(math.e)
        with torch.autocast(u.device.type, enabled=False):
            for rows in _chunks(u, A):
                state = initial
                for t in range(u.shape[1]):
                    _, state = _step(rates, delta[rows, t], B[rows, t], u[rows, t], state)
                    y[rows, t] = _read(C[rows, t], state)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        u, delta, A, B, C, initial = ctx.saved_tensors
        du, ddelta, dB, dC = (torch.empty_like(x) for x in (u, delta, B, C))
        dA, dinitial = torch.zeros_like(A), torch.zeros_like(A)
        for rows in _chunks(u, A):
            parts = _chunk_gradients(
                *(x[rows] for x in (u, delta, B, C, gradients[0])), A=A, initial=initial
            )
            du[rows], ddelta[rows], dB[rows], dC[rows] = parts[:4]
            dA += parts[4]
            dinitial += parts[5]
        return du, ddelta, dA, dB, dC, None if initial is None else dinitial


def _chunk_gradients(  # noqa: PLR0913 - the symbols of the equation
    u: Tensor, delta: Tensor, B: Tensor, C: Tensor, dy: Tensor, *, A: Tensor, initial: Tensor | None
) -> tuple[Tensor, ...]:
    """Return d loss / d (u, Δ, B, C, A, h_0) of some rows, by going back through the positions.

    With G_t = d loss / d h_t = C_t dy_t + exp(Δ_{t+1} A) G_{t+1}:
    dC_t = h_t dy_t, dB_t = G_t u_t, du_t = B_t G_t, and through the decay
    Q_t = exp(Δ_t A) G_t h_{t-1}: dΔ_t = sum_n Q_t A, dA = sum_{rows, t} Q_t Δ_t.
    """
    length = u.shape[1]
    rates = A * math.log2(math.e)
    decays: list[Tensor | None] = []
    states: list[Tensor] = []
    for t in range(length):
        before = states[-1] if states else initial
        decay, state = _step(rates, delta[:, t], B[:, t], u[:, t], before)
        decays.append(decay)
        states.append(state)
    du, dB, dC = (torch.empty_like(x) for x in (u, B, C))
    ddelta = torch.zeros_like(delta)
    dA = u.new_zeros(len(u), *A.shape)
    carried = None
    for t in reversed(range(length)):
        G = C[:, t, :, None] * dy[:, t, None, :]
        if carried is not None:
            G += carried
        dC[:, t] = (states[t] * dy[:, t, None, :]).sum(-1)
        dB[:, t] = (G * u[:, t, None, :]).sum(-1)
        du[:, t] = _read(B[:, t], G)
        decay, before = decays[t], states[t - 1] if t else initial
        if decay is not None and before is not None:
            carried = G.mul_(decay)
            Q = carried * before
            dA.addcmul_(Q, delta[:, t, None, :])
            ddelta[:, t] = Q.mul_(A).sum(1)
    dinitial = torch.zeros_like(A) if carried is None or initial is None else carried.sum(0)
    return du, ddelta, dB, dC, dA.sum(0), dinitial


def _step(
    rates: Tensor, delta: Tensor, B: Tensor, u: Tensor, before: Tensor | None
) -> tuple[Tensor | None, Tensor]:
    """Return exp(Δ_t A) and h_t; powers of two are quicker than powers of e."""
    inflow = B[:, :, None] * u[:, None, :]
    if before is None:
        return None, inflow
    decay = (delta[:, None, :] * rates).exp2_()
    return decay, inflow.addcmul_(decay, before)


def _read(weights: Tensor, state: Tensor) -> Tensor:
    """Return the sum over n of `weights` ("rows n") times `state` ("rows n e")."""
    return torch.bmm(weights[:, None, :], state)[:, 0]


def _chunks(u: Tensor, A: Tensor) -> list[slice]:
    rows, length, _ = u.shape
    if u.device.type == "cpu":
        size = NUMBERS_IN_CACHE // A.numel()
    else:
        size = NUMBERS_ON_ACCELERATOR // (A.numel() * max(length, 1))
    step = max(1, size)
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]
