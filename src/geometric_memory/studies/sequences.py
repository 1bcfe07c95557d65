"""Small Transformers on plain rows of tokens, for studies whose facts are no edges of a graph."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from geometric_memory.config import RunConfig
from geometric_memory.models.build import build_model
from geometric_memory.models.plain import PlainModel
from geometric_memory.settings import assemble

WIDTH, LAYERS, HEADS = 64, 2, 4
WARMUP = 50
"""Updates."""


def small_transformer(*, vocabulary: int, positions: int, seed: int) -> PlainModel:
    """Return a Transformer of two layers that starts as GPT-2 does."""
    settings = {
        "model_family": "gpt2", "transformer_layer_count": LAYERS, "embedding_dimension": WIDTH,
        "attention_head_count": HEADS, "position_count": positions, "path_length": 2, "seed": seed,
    }  # fmt: skip
    return PlainModel(build_model(assemble(RunConfig, settings), vocabulary_size=vocabulary))


def descend(
    model: PlainModel, loss: Callable[[], Tensor], *, steps: int, rate: float, weight_decay: float
) -> Iterator[int]:
    """Make AdamW updates of `model` on what `loss` returns; yield how many after each."""
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=rate, weight_decay=weight_decay, betas=(0.9, 0.99)
    )
    for step in range(1, steps + 1):
        optimizer.param_groups[0]["lr"] = rate * min(1, step / WARMUP)
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield step
