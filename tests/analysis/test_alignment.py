"""Leaves against first hops: closed forms of the alignment."""

import numpy as np
import pytest

from geometric_memory.analysis.arms import leaf_hop_alignment
from geometric_memory.errors import DataError

PATHS = np.array([[0, 1, 4], [0, 2, 5], [0, 3, 6]])


def embeddings(hops, leaves):
    return np.concatenate([np.zeros((1, 3)), hops, leaves])


def test_arms_in_directions_of_their_own_are_perfectly_aligned():
    found = leaf_hop_alignment(embeddings(np.eye(3), 5 * np.eye(3)), PATHS)
    assert (found.alignment, found.contrast, found.retrieval) == (1.0, 1.0, 100.0)


def test_arms_that_point_at_each_other_are_not():
    found = leaf_hop_alignment(embeddings(np.eye(3), np.eye(3)[[1, 2, 0]]), PATHS)
    assert found.alignment == pytest.approx(0.25)  # below one other leaf's, level with the third
    assert found.contrast == pytest.approx(-0.5)
    assert found.retrieval == 0.0


def test_equal_embeddings_say_nothing():
    found = leaf_hop_alignment(np.ones((7, 3)), PATHS)
    assert found.alignment == 0.5
    assert found.contrast == pytest.approx(0.0)
    assert found.retrieval == 0.0  # ties are no hits


def test_a_leaf_is_looked_for_among_all_arms(monkeypatch):
    """Held-out arms alone are told apart, but one trained on lies nearer to one of the leaves."""
    monkeypatch.setattr("geometric_memory.analysis.arms.MOST_COSINES", 1)
    rows = embeddings(np.eye(3)[[0, 1, 0]] + 0.1 * np.eye(3)[[1, 1, 2]], np.eye(3))
    few, many = leaf_hop_alignment(rows, PATHS[:2]), leaf_hop_alignment(rows, PATHS[:2], PATHS)
    assert few.retrieval == 100.0
    assert many.retrieval == 50.0
    with pytest.raises(DataError, match="two arms"):
        leaf_hop_alignment(rows, PATHS[:1])


def test_random_embeddings_are_near_one_half():
    rng = np.random.default_rng(0)
    paths = np.arange(900).reshape(300, 3)
    found = leaf_hop_alignment(rng.standard_normal((900, 16)), paths)
    assert abs(found.alignment - 0.5) < 0.05
