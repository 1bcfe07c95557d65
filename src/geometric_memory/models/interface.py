"""What every sequence model offers: hidden states of target positions, and a linear head."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from geometric_memory.models.rectangles import Rectangle


class SequenceModel(nn.Module, ABC):
    """A causal model; logits are `model(rectangles) @ model.head_weight.T`. No loss, no metrics."""

    token_embedding: nn.Embedding

    @property
    @abstractmethod
    def head_weight(self) -> Tensor:
        """Weight of the head without bias ("vocabulary d"); the token embedding when tied."""

    @abstractmethod
    def forward(self, rectangles: Sequence[Rectangle]) -> Float[Tensor, "targets d"]:
        """Return hidden states of target positions: by rectangle, then row, then position."""

    def node_embeddings(self, node_count: int) -> Float[Tensor, "nodes d"]:
        """Return a copy of the embeddings of the nodes, float32 on the CPU."""
        return self.token_embedding.weight[:node_count].detach().float().cpu().clone()
