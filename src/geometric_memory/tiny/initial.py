"""Initial weights of tiny models: seed s gives what the published release drew for seed s.

It made its modules first (head, embedding, the layer; each draws PyTorch's own initial weights, all
thrown away), then redrew head, embedding and linear weights in that order, tied the embedding to
the head, and drew the positions last. Read off from published checkpoints whose embeddings were
frozen and from rows of positions that no gradient reaches.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from geometric_memory.config import ModelSettings, RunConfig, TrainingSettings
from geometric_memory.models.build import WEIGHT_STD, build_model

POSITIONS = 64


def stack_weights(
    settings: ModelSettings, vocabulary_size: int, seeds: Sequence[int], scales: Sequence[float]
) -> dict[str, Tensor]:
    """Return the weights of one member per seed, under the names of `models.gpt`, stacked."""
    drawn = [
        published_weights(settings, vocabulary_size, seed, scale)
        for seed, scale in zip(seeds, scales, strict=True)
    ]
    return {name: torch.stack([weights[name] for weights in drawn]) for name in drawn[0]}


def own_weights(
    settings: ModelSettings, vocabulary_size: int, seeds: Sequence[int], scale: float
) -> dict[str, Tensor]:
    """Return the weights of one member per seed as `geomem train` draws them, stacked.

    For what the release never trained at this size. `scale` multiplies all maps and embeddings.
    """
    drawn = []
    for seed in seeds:
        config = RunConfig(model=settings, training=TrainingSettings(seed=seed))
        model = build_model(config, vocabulary_size=vocabulary_size)
        drawn.append({name: weight.detach() for name, weight in model.named_parameters()})
    stacked = {name: torch.stack([weights[name] for weights in drawn]) for name in drawn[0]}
    scaled = ("embedding.weight", "proj.weight", "conv1d.weight")
    return {n: scale * w if n.endswith(scaled) else w for n, w in stacked.items()}


def published_weights(
    settings: ModelSettings, vocabulary_size: int, seed: int, scale: float = 1.0
) -> dict[str, Tensor]:
    """Draw the weights of a GPT of one layer, or none, as the release drew them.

    `scale` multiplies all but the positions. A tied model has no head of its own.
    """
    generator = torch.Generator().manual_seed(seed)
    width = settings.embedding_dimension
    table = (vocabulary_size, width)
    linears = _linear_shapes(settings)

    def normal(shape: tuple[int, int], std: float) -> Tensor:
        return torch.empty(shape).normal_(std=std, generator=generator)

    torch.empty(table).uniform_(generator=generator)
    normal(table, 1.0)
    for rows, columns in linears.values():
        torch.empty(rows * columns).uniform_(generator=generator)
        torch.empty(rows).uniform_(generator=generator)
    unit = settings.weight_init_mode == "non_geometric"
    head = scale * normal(table, 1.0 if unit else WEIGHT_STD)
    embedding = scale * normal(table, WEIGHT_STD)
    drawn = {name: scale * normal(shape, WEIGHT_STD) for name, shape in linears.items()}
    positions = normal((POSITIONS, width), 1.0)
    weights = {"token_embedding.weight": embedding, "head.weight": head}
    if settings.tie_input_output_embeddings:
        weights = {"token_embedding.weight": head}
    if settings.use_positional_encoding:
        weights["position_embedding.weight"] = positions
    weights |= _layer(drawn)
    return weights | _norms(settings)


def _linear_shapes(settings: ModelSettings) -> dict[str, tuple[int, int]]:
    """Return the linear maps of the layer in the order in which they were drawn."""
    if not settings.transformer_layer_count:
        return {}
    width = settings.embedding_dimension
    square = (width, width)
    shapes = {}
    if settings.use_attention:
        shapes = dict.fromkeys(("query", "key", "value", "attention.inner.output"), square)
    if settings.use_mlp_only_blocks:
        return {**shapes, "mlp.inner.linear": square}
    return {**shapes, "mlp.inner.up": (4 * width, width), "mlp.inner.down": (width, 4 * width)}


def _layer(drawn: dict[str, Tensor]) -> dict[str, Tensor]:
    stacked = [drawn.pop(name) for name in ("query", "key", "value") if name in drawn]
    if stacked:
        drawn["attention.inner.query_key_value"] = torch.cat(stacked)
    weights = {}
    for name, weight in drawn.items():
        weights[f"layers.0.{name}.weight"] = weight
        weights[f"layers.0.{name}.bias"] = torch.zeros(len(weight))
    return weights


def _norms(settings: ModelSettings) -> dict[str, Tensor]:
    if not settings.use_layer_norm:
        return {}
    width = settings.embedding_dimension
    names = ["layers.0.mlp.norm", "final_norm"]
    if settings.use_attention:
        names.append("layers.0.attention.norm")
    return {
        f"{name}.{kind}": value
        for name in names
        for kind, value in (("weight", torch.ones(width)), ("bias", torch.zeros(width)))
    }
