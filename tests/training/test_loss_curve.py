"""Making the engine faster leaves what it learns alone: a loss curve, as it was before."""

import numpy as np
import pytest
import torch
from small_models import CPU, small_config

from geometric_memory.models.build import build_model
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.precision import Arithmetic
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Totals, Trainer

ARMS, LENGTH = 60, 5
SETTINGS = {
    "transformer_layer_count": 2,
    "embedding_dimension": 48,
    "attention_head_count": 4,
    "path_length": LENGTH,
    "path_finetuning_batch_size": 64,
    "path_finetuning_warmup_steps": 40,
    "path_finetuning_learning_rate": 2e-3,
    "path_finetuning_epochs": 100,
}
# Mean loss of each ten of the first 200 steps, float32, as trained at commit 88d2545, before
# memory was reused and kernels were fused.
RECORDED = [
    5.514535, 5.461870, 5.337795, 5.207296, 5.036613, 4.936545, 4.790122, 4.818778, 4.733322,
    4.687455, 4.679031, 4.656743, 4.662573, 4.670848, 4.478620, 4.606363, 4.575149, 4.536898,
    4.488849, 4.523260,
]  # fmt: skip


def path_star_task(config):
    """Return the edges of a path-star in both directions, and three quarters of its arms."""
    arms = np.arange(ARMS * (LENGTH - 1)).reshape(ARMS, -1) + 1
    paths = np.concatenate([np.zeros((ARMS, 1), dtype=np.int64), arms], axis=1)
    forward = np.concatenate([paths[:, i : i + 2] for i in range(LENGTH - 1)])
    edges = np.concatenate([forward, forward[:, ::-1]])
    vocabulary = Vocabulary(1 + arms.size)

    def examples(chosen):
        return path_examples(
            chosen, vocabulary, config.task, full_path=True, include_start_node=False
        )

    return Task(
        vocabulary=vocabulary,
        edges=edges,
        edge_facts=edge_examples(edges, vocabulary, config.task),
        train_paths=examples(paths[: 3 * ARMS // 4]),
        test_paths=examples(paths[3 * ARMS // 4 :]),
    )


def loss_curve(matrix_type, tens):
    """Return the mean loss of each ten of the first steps."""
    config = small_config(**SETTINGS)
    task = path_star_task(config)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    arithmetic = Arithmetic(device=CPU, matrix_type=matrix_type)
    trainer = Trainer(model, build_stages(config, task), config.training, arithmetic)
    batches, losses = trainer.batches(), []
    steps = (batch for epoch in range(100) for batch in batches.epoch(epoch))
    for _ in range(tens):
        trainer.totals = Totals(CPU)
        for _ in range(10):
            trainer.train_step(next(steps))
        losses.append(trainer.totals.read()["loss"])
    return losses


def test_the_loss_curve_is_the_recorded_one():
    assert loss_curve(torch.float32, 20) == pytest.approx(RECORDED, rel=2e-4)


def test_bfloat16_products_follow_it_closely():
    assert loss_curve(torch.bfloat16, 5) == pytest.approx(RECORDED[:5], rel=1e-3)
