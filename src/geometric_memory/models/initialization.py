"""Initial weights: one function per named scheme, called once, last.

| parameter                         | default      | non_geometric |
| linear weights                    | N(0, 0.02^2) | N(0, 0.02^2)  |
| biases                            | 0            | 0             |
| norm weights, norm biases         | 1, 0         | 1, 0          |
| token embedding, head, when tied  | N(0, 0.02^2) | N(0, 1)       |
| token embedding, when untied      | N(0, 0.02^2) | N(0, 0.02^2)  |
| head, when untied                 | N(0, 0.02^2) | N(0, 1)       |
| positions                         | N(0, 1)      | N(0, 1)       |

There is no depth scaling. Positions of unit size beside embeddings of 0.02 are what the published
numbers were made with.
"""

import torch
from torch import Tensor, nn

from geometric_memory.models.gpt import GPT

WEIGHT_STD = 0.02


def initialize_gpt(model: GPT, mode: str, generator: torch.Generator) -> None:
    """Draw every weight of `model` from the scheme `mode`, on the CPU."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            _normal(module.weight, WEIGHT_STD, generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            module.reset_parameters()
    _normal(model.token_embedding.weight, WEIGHT_STD, generator)
    if model.position_embedding is not None:
        _normal(model.position_embedding.weight, 1.0, generator)
    if mode == "non_geometric":
        _normal(model.head_weight, 1.0, generator)


def _normal(weight: Tensor, std: float, generator: torch.Generator) -> None:
    nn.init.normal_(weight, std=std, generator=generator)
