"""Mamba in plain PyTorch: no compiled extension, and quick on the short sequences of this task.

Glossary (Gu & Dao 2023, figure 3 and algorithm 2; parameter names are those of `mamba_ssm` and of
transformers, so that weights move between the three unchanged):

    d           width of the model (--embedding_dimension)
    e           inner width, d times --mamba_expand_factor
    n           size of the state of each inner channel (--mamba_state_dimension)
    k           taps of the causal convolution (--mamba_convolution_kernel)
    r           rank of the time-step projection, d/16 rounded up
    x, z        the two halves of the input projection: the path through the state, and its gate
    Δ, B, C     time step, input map and output map: functions of x, hence *selective*
    A = -exp(A_log), D    decay rates and skip weights: parameters

What is unusual: hidden states are laid end to end (see `rectangles`), and only convolution and scan
know rows. Position 0 of a rectangle whose rows share their first token is computed once; the other
positions start from its state. The published variant (section 4 of the contract) has no residual
connection, no final norm and no positions; the standard one is Mamba as released by its authors.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, pad, silu, softplus

from geometric_memory.config import ModelSettings
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.layers import Embedding, Linear, layer_norm
from geometric_memory.models.rectangles import Layout, Parted, Rectangle, Segment, lay_out, part
from geometric_memory.models.selective_scan import selective_scan, uses_fused_kernel


class Mamba(SequenceModel):
    """Token embedding, layers, and the embedding again as head."""

    def __init__(self, settings: ModelSettings, *, vocabulary_size: int) -> None:
        super().__init__()
        dimension = settings.embedding_dimension
        standard = settings.mamba_variant == "standard"
        self.token_embedding = Embedding(vocabulary_size, dimension)
        self.layers = nn.ModuleList(
            MambaLayer(Mixer(settings), _norm(dimension, standard=standard), residual=standard)
            for _ in range(settings.transformer_layer_count)
        )
        self.final_norm = _norm(dimension, standard=True) if standard else nn.Identity()
        if settings.freeze_token_embeddings:
            self.freeze_embeddings()

    def lay_out(self, rectangles: Sequence[Rectangle]) -> Layout:
        fused = uses_fused_kernel(self.token_embedding.weight.device)
        return lay_out(rectangles, share_first_token=not fused)


class MambaLayer(nn.Module):
    """Norm and mixer, with the residual connection around both or without."""

    def __init__(self, mixer: "Mixer", norm: nn.Module, *, residual: bool) -> None:
        super().__init__()
        self.norm = norm
        self.mixer = mixer
        self.residual = residual

    def forward(
        self, hidden: Float[Tensor, "laid d"], segments: Sequence[Segment]
    ) -> Float[Tensor, "laid d"]:
        mixed = self.mixer(self.norm(hidden), segments)
        return hidden + mixed if self.residual else mixed


class Mixer(nn.Module):
    """The Mamba mixer: convolution and selective scan, gated (figure 3 of the paper)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        dimension, state = settings.embedding_dimension, settings.mamba_state_dimension
        inner, rank = settings.mamba_expand_factor * dimension, math.ceil(dimension / 16)
        self.widths = (rank, state, state)
        self.in_proj = Linear(dimension, 2 * inner, bias=False)
        self.conv1d = Taps(inner, settings.mamba_convolution_kernel)
        self.x_proj = Linear(inner, sum(self.widths), bias=False)
        self.dt_proj = Linear(rank, inner)
        self.A_log = nn.Parameter(torch.empty(inner, state))
        self.D = nn.Parameter(torch.empty(inner))
        self.out_proj = Linear(inner, dimension, bias=False)

    def forward(
        self, hidden: Float[Tensor, "laid d"], segments: Sequence[Segment]
    ) -> Float[Tensor, "laid d"]:
        x, z = self.in_proj(hidden).chunk(2, dim=-1)
        taps = self.conv1d.weight[:, 0].T
        x = torch.cat([y for pair in part(x, segments) for y in _convolve(*pair, taps)])
        x = silu(x + self.conv1d.bias)
        step, B, C = self.x_proj(x).split(self.widths, dim=-1)  # algorithm 2, lines 2 to 4
        delta = softplus(linear(step, self.dt_proj.weight) + self.dt_proj.bias)
        A = -torch.exp(self.A_log.T)
        parts = zip(*(part(value, segments) for value in (x, delta, B, C)), strict=True)
        y = torch.cat([each for inputs in parts for each in _scan(A, *inputs)])
        return self.out_proj((y + self.D * x) * silu(z))


class Taps(nn.Module):
    """Weights of a depthwise convolution, in the shapes and under the names of `nn.Conv1d`."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, 1, kernel))
        self.bias = nn.Parameter(torch.empty(channels))


def _convolve(
    shared: Float[Tensor, "shared e"], own: Float[Tensor, "rows own e"], taps: Float[Tensor, "k e"]
) -> tuple[Tensor, Tensor]:
    """Return the causal convolution of a segment: shifted copies, added."""
    reach = len(taps) - 1
    seen = torch.cat([shared.expand(len(own), -1, -1), own], dim=1) if len(shared) else own
    length = seen.shape[1]
    convolved = own * taps[reach]
    for shift in range(1, min(reach + 1, length)):
        shifted = seen[:, : length - shift] * taps[reach - shift]
        convolved = convolved + pad(shifted, (0, 0, shift - len(shared), 0))
    return shared * taps[reach], convolved.flatten(0, 1)


def _scan(
    A: Float[Tensor, "n e"], x: Parted, delta: Parted, B: Parted, C: Parted
) -> tuple[Tensor, Tensor]:
    """Return the scan of a segment; the state of its shared position is where all rows start."""
    if not len(x.shared):
        return x.shared, selective_scan(x.own, delta.own, A, B.own, C.own).flatten(0, 1)
    initial = B.shared.T * (delta.shared * x.shared)  # (2a) from h = 0
    y_0 = (C.shared.T * initial).sum(0, keepdim=True)  # (2b)
    return y_0, selective_scan(x.own, delta.own, A, B.own, C.own, initial).flatten(0, 1)


def _norm(dimension: int, *, standard: bool) -> nn.Module:
    return nn.RMSNorm(dimension, eps=1e-5) if standard else layer_norm(dimension)
