"""Linear nets of any depth, many at once, on any facts.

A member reads node u and answers with the logits E' (W_L ... W_1 E_u): embeddings E, biased maps W
without anything between them, the head E' tied to E or not. The vocabulary is the nodes.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from geometric_memory.experiments.tiny.engine import Member, Problem, State, Trainer
from geometric_memory.experiments.tiny.stacked_linear import HEAD, TABLE, StackedLinear
from geometric_memory.models.initialization import WEIGHT_STD
from geometric_memory.randomness import stream_seed


@dataclass(frozen=True, kw_only=True)
class Start:
    """Initial weights of a member."""

    scale: float = WEIGHT_STD
    """Standard deviation of the embeddings, and of an untied head."""
    mapping: Literal["gaussian", "identity"] = "gaussian"
    """Maps drawn N(0, 0.02^2), or the identity."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What all members of a batch have in common."""

    width: int
    depth: int = 1
    """Maps one after the other."""
    tied: bool = True
    frozen: bool = False
    """Keep embeddings and head at their initial values."""


def linear_trainer(
    facts: Int[np.ndarray, "facts 2"],
    node_count: int,
    members: Sequence[Member],
    starts: Sequence[Start],
    shape: Shape,
) -> Trainer:
    """Return the trainer of one member per entry of `members`, each from its own start."""
    drawn = [
        _weights(member.seed, start, node_count, shape)
        for member, start in zip(members, starts, strict=True)
    ]
    return Trainer(
        StackedLinear([f"layers.{layer}" for layer in range(shape.depth)]),
        {name: torch.stack([weights[name] for weights in drawn]) for name in drawn[0]},
        members,
        Problem(
            facts=facts,
            node_count=node_count,
            vocabulary_size=node_count,
            frozen=(TABLE, HEAD) if shape.frozen else (),
        ),
    )


def trained(trainer: Trainer, steps: int) -> State:
    """Return the last state of `trainer` after `steps` updates."""
    return deque(trainer.run(steps), maxlen=1)[0]


def _weights(seed: int, start: Start, node_count: int, shape: Shape) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(stream_seed(seed, "init"))
    width = shape.width
    weights = {TABLE: start.scale * torch.randn(node_count, width, generator=generator)}
    if not shape.tied:
        weights[HEAD] = start.scale * torch.randn(node_count, width, generator=generator)
    for layer in range(shape.depth):
        gaussian = WEIGHT_STD * torch.randn(width, width, generator=generator)
        identity = start.mapping == "identity"
        weights[f"layers.{layer}.weight"] = torch.eye(width) if identity else gaussian
        weights[f"layers.{layer}.bias"] = torch.zeros(width)
    return weights
