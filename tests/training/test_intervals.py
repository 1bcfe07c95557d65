"""Evaluation takes a bounded share of the work, counted and never timed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import small_config

from geometric_memory.config import LoggingSettings
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.stages import build_stages, stretch_interval

LENGTH = 4


def task_of(nodes, facts, train, test):
    """Return a task of so many nodes, edge facts, train paths and test paths."""
    config, vocabulary = small_config(), Vocabulary(nodes)
    edges = np.stack([np.arange(facts) % nodes] * 2, axis=1)
    paths = np.zeros((train + test, LENGTH), dtype=np.int64)
    rows = path_examples(
        paths, vocabulary, config.task, full_path=True, include_start_node=False
    )  # fmt: skip
    held_out = path_examples(
        paths[train:], vocabulary, config.task, full_path=True, include_start_node=False
    )  # fmt: skip
    return Task(
        vocabulary=vocabulary,
        edges=edges,
        edge_facts=edge_examples(edges, vocabulary, config.task),
        train_paths=rows,
        test_paths=held_out,
    )


def interval_of(task, interval, share, *, evaluates_paths=True):
    trained = (task.edge_facts, task.train_paths)
    settings = LoggingSettings(evaluation_share=share)
    return stretch_interval(interval, task, trained, settings, evaluates_paths=evaluates_paths)


counts = st.integers(1, 200)


@given(counts, counts, counts, counts, st.integers(1, 9), st.sampled_from([0.02, 0.1, 0.5, 1.0]))
def test_matrix_work_of_evaluation_stays_below_the_share(nodes, facts, train, test, set_to, share):
    """Counted by hand: every source, every held-out path, and every later token decoded anew."""
    task = task_of(nodes, facts, train, test)
    interval = interval_of(task, set_to, share)
    assert interval % set_to == 0
    epoch = 3 * (facts + LENGTH * (train + test))
    evaluation = min(nodes, facts) + test * LENGTH + test * (LENGTH - 1)
    assert evaluation / (interval * epoch) <= share
    assert interval <= interval_of(task, set_to, share / 2)


def test_the_interval_stays_where_it_is_cheap_and_where_stretching_is_off():
    task = task_of(nodes=2, facts=200, train=50, test=1)
    assert interval_of(task, 1, 0.1) == 1
    dear = task_of(nodes=200, facts=200, train=1, test=100)
    assert interval_of(dear, 1, 0.0) == 1
    assert interval_of(dear, 1, 0.1) > 5
    assert interval_of(dear, 1000, 0.1) == 1000
    assert interval_of(dear, 1, 0.1, evaluates_paths=False) < interval_of(dear, 1, 0.1)


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_stages_use_it(share):
    config = small_config(evaluation_share=share, edge_memorization_eval_interval_epochs=3)
    (stage,) = build_stages(config, task_of(50, 50, 5, 5))
    assert (stage.eval_interval_epochs == 1) == (share == 0)
