"""Sequence models: hidden states of target positions, a linear head, weights that fit or not."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from geometric_memory.models.rectangles import Layout, Rectangle

MOST_MISFITS = 40
"""Sentences about weights that do not fit; there may be thousands."""


class SequenceModel(nn.Module, ABC):
    """A causal model; logits are `model(rectangles) @ model.head_weight.T`. No loss, no metrics."""

    token_embedding: nn.Embedding
    layers: nn.ModuleList
    final_norm: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.position_embedding: nn.Embedding | None = None
        self.head: nn.Linear | None = None
        """None where the token embedding is the head."""

    @property
    def head_weight(self) -> Tensor:
        """Weight of the head without bias ("vocabulary d"); the token embedding when tied."""
        return self.token_embedding.weight if self.head is None else self.head.weight

    @property
    def parameter_counts(self) -> tuple[int, int]:
        """Numbers of all weights, and of those that are trained."""
        counts = [(p.numel(), p.requires_grad) for p in self.parameters()]
        return sum(count for count, _ in counts), sum(count for count, trained in counts if trained)

    def forward(self, rectangles: Sequence[Rectangle]) -> Float[Tensor, "targets d"]:
        """Return hidden states of target positions: by rectangle, then row, then position."""
        layout = self.lay_out(rectangles)
        hidden, context = self.embed(layout), self.context(layout)
        for layer in self.layers:
            hidden = layer(hidden, *context)
        return self.final_norm(layout.targets_of(hidden))

    @abstractmethod
    def lay_out(self, rectangles: Sequence[Rectangle]) -> Layout:
        """Return the positions that are computed, end to end."""

    def embed(self, layout: Layout) -> Float[Tensor, "laid d"]:
        """Return what the first layer reads."""
        return self.token_embedding(layout.tokens)

    def context(self, layout: Layout) -> tuple[Any, ...]:
        """Return what every layer is given beside the hidden states."""
        return (layout.segments,)

    def freeze_embeddings(self) -> None:
        """Keep embedding, head and positions at their present values."""
        for module in (self.token_embedding, self.position_embedding, self.head):
            if module is not None:
                module.requires_grad_(False)

    def node_embeddings(self, node_count: int) -> Float[Tensor, "nodes d"]:
        """Return a copy of the embeddings of the nodes, float32 on the CPU."""
        return self.token_embedding.weight[:node_count].detach().float().cpu().clone()

    def misfits(self, tensors: Mapping[str, Tensor], *, allow_nonfinite: bool = False) -> list[str]:
        """Return, as sentences, why `tensors` cannot be this model's weights; nothing if they can.

        NaN and infinity are among the reasons unless `allow_nonfinite`.
        """
        expected = self.state_dict()
        problems = [f"{name}: not in the file" for name in expected if name not in tensors]
        for name, tensor in tensors.items():
            if name not in expected:
                problems.append(f"{name:.100}: not in the model")
            elif tensor.shape != expected[name].shape:
                here, there = tuple(expected[name].shape), tuple(tensor.shape)
                problems.append(f"{name}: shape {there} in the file, {here} in the model")
            elif not tensor.is_floating_point():
                problems.append(f"{name}: holds {tensor.dtype}, not numbers with a fraction")
            elif not (allow_nonfinite or bool(tensor.float().isfinite().all())):
                problems.append(f"{name}: holds NaN or infinity")
        more = len(problems) - MOST_MISFITS
        return problems if more <= 0 else [*problems[:MOST_MISFITS], f"and {more} more"]
