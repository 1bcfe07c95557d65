"""Linear nets of any depth, many at once, on any facts.

A member reads node u and answers with the logits E' (W_L ... W_1 E_u): embeddings E, biased maps W
without anything between them, the head E' tied to E or not. The vocabulary is the nodes.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from geometric_memory.limits import Count, Rate
from geometric_memory.models.build import WEIGHT_STD
from geometric_memory.randomness import stream_seed
from geometric_memory.tiny.engine import Problem, State, Trainer
from geometric_memory.tiny.sections import TinyModel
from geometric_memory.tiny.stacked_linear import HEAD, TABLE, StackedLinear
from geometric_memory.tiny.training import members_of


class LinearNet(TinyModel):
    """A linear net of any depth."""

    depth: Count = 1
    """Maps one after the other."""
    deviation: Rate = WEIGHT_STD
    """Standard deviation of the initial embeddings, and of an untied head."""
    mapping: Literal["gaussian", "identity"] = "gaussian"
    """Initial maps: drawn N(0, 0.02^2), or the identity."""


def linear_trainer(
    facts: Int[np.ndarray, "facts 2"],
    node_count: int,
    nets: Sequence[LinearNet],
    seeds: Sequence[int],
) -> Trainer:
    """Return the trainer of nets of one shape: one member per net and seed, in this order."""
    drawn = [_weights(net, seed, node_count) for net in nets for seed in seeds]
    first = nets[0]
    return Trainer(
        StackedLinear([f"layers.{layer}" for layer in range(first.depth)]),
        {name: torch.stack([weights[name] for weights in drawn]) for name in drawn[0]},
        members_of(nets, seeds),
        Problem(
            facts=facts,
            node_count=node_count,
            vocabulary_size=node_count,
            frozen=(TABLE, HEAD) if first.frozen else (),
        ),
    )


def trained(trainer: Trainer, steps: int) -> State:
    """Return the last state of `trainer` after `steps` updates."""
    return deque(trainer.run(steps), maxlen=1)[0]


def _weights(net: LinearNet, seed: int, node_count: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
    width = net.width
    weights = {TABLE: net.deviation * torch.randn(node_count, width, generator=generator)}
    if not net.tied:
        weights[HEAD] = net.deviation * torch.randn(node_count, width, generator=generator)
    for layer in range(net.depth):
        gaussian = WEIGHT_STD * torch.randn(width, width, generator=generator)
        identity = net.mapping == "identity"
        weights[f"layers.{layer}.weight"] = torch.eye(width) if identity else gaussian
        weights[f"layers.{layer}.bias"] = torch.zeros(width)
    return weights
