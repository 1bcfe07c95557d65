"""Recipes as data: which stages, which examples, which settings."""

import numpy as np
import pytest
from small_models import small_config

from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.stages import build_stages, constant

EDGE_SETTINGS = {
    "edge_memorization_batch_size": 5,
    "edge_memorization_learning_rate": 0.3,
    "edge_memorization_warmup_steps": 7,
    "edge_memorization_epochs": 11,
    "evaluation_share": 0,
    "edge_memorization_eval_interval_epochs": 13,
    "enable_edge_memorization_early_stopping": True,
}
PATH_SETTINGS = {
    "path_finetuning_batch_size": 3,
    "path_finetuning_learning_rate": 0.2,
    "path_finetuning_warmup_steps": 17,
    "path_finetuning_epochs": 19,
    "path_finetuning_eval_interval_epochs": 23,
}


def task():
    vocabulary = Vocabulary(8)
    edges = np.stack([np.arange(8), (np.arange(8) + 1) % 8], axis=1)
    paths = (np.arange(6)[:, None] + np.arange(4)) % 8
    settings = small_config().task
    rows = path_examples(paths, vocabulary, settings, full_path=True, include_start_node=False)
    return Task(
        vocabulary=vocabulary,
        edges=edges,
        edge_facts=edge_examples(edges, vocabulary, settings),
        train_paths=rows,
        test_paths=rows,
    )


def stages(**settings):
    facts = task()
    return facts, build_stages(small_config(**EDGE_SETTINGS, **PATH_SETTINGS, **settings), facts)


def settings_of(stage):
    return (
        stage.batch_size, stage.learning_rate, stage.warmup_steps, stage.epochs,
        stage.eval_interval_epochs, stage.early_stopping,
    )  # fmt: skip


@pytest.mark.parametrize("targets", ["full_path", "hardest_token"])
def test_staged_is_edges_then_paths_each_with_its_settings(targets):
    facts, (first, second) = stages(training_recipe=f"staged_{targets}")
    assert (first.name, second.name) == ("edge_memorization", "path_finetuning")
    assert first.examples == (facts.edge_facts,)
    assert second.examples == (facts.train_paths,)
    assert settings_of(first) == (5, 0.3, 7, 11, 13, True)
    assert settings_of(second) == (3, 0.2, 17, 19, 23, False)
    assert (first.memorizes_edges, second.memorizes_edges) == (True, False)


@pytest.mark.parametrize("targets", ["full_path", "hardest_token"])
def test_mixed_is_one_stage_with_the_settings_of_paths(targets):
    facts, (only,) = stages(training_recipe=f"mixed_{targets}")
    assert only.name == "joint_training"
    assert only.examples == (facts.edge_facts, facts.train_paths)
    assert settings_of(only) == (3, 0.2, 17, 19, 23, False)
    assert only.memorizes_edges


def test_steps_count_the_last_short_batch():
    _, (first, second) = stages(training_recipe="staged_full_path")
    assert (first.steps_per_epoch, first.steps) == (2, 22)
    assert (second.steps_per_epoch, second.steps) == (2, 38)
    _, (mixed,) = stages()
    assert (mixed.steps_per_epoch, mixed.steps) == (5, 95)


def test_skipping_the_edges_leaves_the_paths():
    _, found = stages(
        training_recipe="staged_full_path",
        skip_edge_memorization=True,
        edge_memorization_checkpoint_path="somewhere",
    )
    assert [stage.name for stage in found] == ["path_finetuning"]


def test_the_schedule_ends_with_the_stage_at_a_tenth_of_the_peak():
    _, (first, second) = stages(
        training_recipe="staged_full_path", decay_path_finetuning_learning_rate=False
    )
    assert first.schedule.rate(7) == pytest.approx(0.3)
    assert first.schedule.rate(22) == pytest.approx(0.03)
    assert second.schedule == constant(0.2)
