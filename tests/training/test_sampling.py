"""Evaluating fewer examples: evenly spaced, sources whole, and each measured as before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import FLOAT32, small_config
from test_loss_curve import SETTINGS, path_star_task

from geometric_memory.models.build import build_model
from geometric_memory.training import sampling
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths
from geometric_memory.training.sampling import thin_facts, thin_rows, thin_task

CONFIG = small_config(**SETTINGS)
TASK = path_star_task(CONFIG)


@given(st.integers(1, 400))
def test_sources_keep_all_their_facts_and_are_evenly_spaced(most):
    facts = thin_facts(TASK.edge_facts, most)
    sources, degrees = np.unique(facts.prompts[:, 1], return_counts=True)
    every, whole = np.unique(TASK.edge_facts.prompts[:, 1], return_counts=True)
    assert len(sources) == min(most, len(every))
    places = np.searchsorted(every, sources)
    assert degrees.tolist() == whole[places].tolist()
    gaps = np.diff(places)
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


@given(st.integers(1, 40))
def test_rows_are_evenly_spaced_and_stay_together(most):
    rows = thin_rows(TASK.test_paths, most)
    assert len(rows) == min(most, len(TASK.test_paths))
    assert (rows.prompts[:, -2] == rows.targets[:, -1]).all()
    assert len(rows.inputs) == len(rows.targets)


def test_zero_is_all():
    same = thin_task(TASK, 0)
    assert same.edge_facts is TASK.edge_facts
    assert same.test_paths is TASK.test_paths


def test_training_paths_are_as_many_as_those_held_out_within_bounds(monkeypatch):
    monkeypatch.setattr(sampling, "FEWEST_TRAINED", 3)
    thinned = thin_task(TASK, 0)
    assert len(thinned.train_paths) == min(len(TASK.test_paths), len(TASK.train_paths)) > 3
    assert len(thin_task(TASK, 2).train_paths) == 3
    monkeypatch.setattr(sampling, "MOST_TRAINED", 4)
    assert len(thin_task(TASK, 0).train_paths) == 4
    rows = {tuple(row) for row in TASK.train_paths.targets.tolist()}
    assert {tuple(row) for row in thinned.train_paths.targets.tolist()} <= rows


def test_the_parts_of_a_split_average_to_the_whole():
    """Facts of even and odd sources, measured apart, are all facts."""
    model = build_model(CONFIG, vocabulary_size=TASK.vocabulary.size)
    whole = evaluate_edges(model, TASK.edge_facts, FLOAT32)
    half = thin_facts(TASK.edge_facts, 120)
    sources = np.unique(half.prompts[:, 1])
    inside = np.isin(TASK.edge_facts.prompts[:, 1], sources)
    rest = thin_facts(TASK.edge_facts, 1)
    assert inside.sum() == len(half) > len(rest)
    part = evaluate_edges(model, half, FLOAT32)
    assert part.loss == pytest.approx(whole.loss, rel=0.05)
    assert part.loss != whole.loss
    paths = evaluate_paths(model, thin_rows(TASK.test_paths, 5), FLOAT32)
    assert len(paths.targets) == 5
