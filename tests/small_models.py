"""Small configurations, examples and models, for tests of several rooms."""

import torch

from geometric_memory.config import RunConfig
from geometric_memory.models.gpt import GPT
from geometric_memory.models.published import from_published
from geometric_memory.settings import assemble
from geometric_memory.training.batches import Batch, DeviceExamples
from geometric_memory.training.objective import linear_cross_entropy
from geometric_memory.training.precision import Arithmetic

CPU = torch.device("cpu")
FLOAT32 = Arithmetic(device=CPU, matrix_type=torch.float32)
FLOAT64 = Arithmetic(device=CPU, matrix_type=torch.float64)

SMALL = {
    "graph_type": "cycle",
    "total_nodes": 8,
    "path_length": 4,
    "transformer_layer_count": 1,
    "embedding_dimension": 16,
    "attention_head_count": 2,
}


def small_config(**settings) -> RunConfig:
    """Return a checked configuration, small unless `settings` say otherwise."""
    return assemble(RunConfig, SMALL | settings)


def published_gpt(config, state, vocabulary_size):
    """Return a GPT with the weights of `state`, which has published names, in their precision."""
    model = GPT(config.model, vocabulary_size=vocabulary_size, block_size=config.block_size)
    model.to(state["embed_tokens.weight"].dtype).load_state_dict(from_published(state))
    return model


def batch_of(*examples) -> Batch:
    """Return all rows of several kinds of examples as one batch."""
    kinds = [DeviceExamples(kind, CPU) for kind in examples]
    targets = torch.cat([kind.targets.reshape(-1) for kind in kinds])
    return Batch(
        rectangles=tuple(kind.rectangle(slice(None)) for kind in kinds),
        targets=targets,
        states=torch.arange(len(targets)),
        target_counts=tuple(kind.target_count for kind in kinds),
        target_rows=tuple(map(len, kinds)),
        counted_rows=tuple(map(len, kinds)),
    )


def loss_of(model, batch):
    """Return the loss of a batch, and which targets are right, as a training step computes them."""
    return linear_cross_entropy(model(batch.rectangles), model.head_weight, batch.targets)
