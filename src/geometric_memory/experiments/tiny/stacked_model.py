"""Any sequence model with a leading dimension of members: tiny Mamba, and what comes after it.

Members go through the model one by one, inside one backward pass and one optimizer step. What is
stacked by hand (`stacked_gpt`) is faster; what is not works all the same.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call

from geometric_memory.config import ModelSettings, RunConfig, TrainingSettings
from geometric_memory.models.build import build_model
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.rectangles import Rectangle


class StackedModel:
    """Logits of stacked copies of one model after `[EDGE] u`."""

    def __init__(self, model: SequenceModel, edge_token: int) -> None:
        self.model = model.to("meta")
        self.edge_token = edge_token

    def logits(
        self, weights: dict[str, Tensor], nodes: Int[Tensor, " rows"], kept: Tensor | None = None
    ) -> Float[Tensor, "members rows vocabulary"]:
        """Return logits after each of `nodes`; there is no dropout."""
        inputs = torch.stack([torch.full_like(nodes, self.edge_token), nodes], 1)
        batch = [Rectangle(inputs=inputs, first_target=1, shared_first_token=True)]
        members = len(weights["token_embedding.weight"])
        rows = []
        for member in range(members):
            own = {name: weight[member] for name, weight in weights.items()}
            hidden = functional_call(self.model, own, (batch,))
            rows.append(hidden @ own.get("head.weight", own["token_embedding.weight"]).T)
        return torch.stack(rows)


def stacked_models(
    settings: ModelSettings, vocabulary_size: int, seeds: Sequence[int]
) -> tuple[SequenceModel, dict[str, Tensor]]:
    """Return the model of `settings`, and the weights of one member per seed, stacked."""
    models = [
        build_model(
            RunConfig(model=settings, training=TrainingSettings(seed=seed)),
            vocabulary_size=vocabulary_size,
        )
        for seed in seeds
    ]
    states = [dict(model.named_parameters()) for model in models]
    stacked = {name: torch.stack([s[name].detach() for s in states]) for name in states[0]}
    return models[0], stacked
