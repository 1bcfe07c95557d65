"""PCA, joint reduction, alignment: closed forms and laws."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.analysis.reduction import (
    aligned,
    clear_components,
    clear_pca,
    joint_pca,
    pca,
    principal_components,
    umap,
)
from geometric_memory.errors import ConfigurationError, DataError

SEEDS = st.integers(0, 10_000)


def turn(dim: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(dim, dim)))[0]


@given(SEEDS)
def test_pca_finds_the_circle_in_any_position(seed):
    rng = np.random.default_rng(seed)
    angles = 2 * np.pi * np.arange(10) / 10
    flat = np.stack([3 * np.cos(angles), np.sin(angles), np.zeros(10), np.zeros(10)], 1)
    found = principal_components(flat @ turn(4, rng) + rng.normal(size=4), 2)
    np.testing.assert_allclose(found.explained, [0.9, 0.1])
    placed = flat @ turn(4, rng)
    np.testing.assert_allclose(np.abs(pca(placed, 2)), np.abs(flat[:, :2]), atol=1e-9)


@given(SEEDS)
def test_pca_is_sign_fixed_and_isometric_in_full_rank(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(9, 4))
    found = principal_components(rows, 4)
    assert (found.directions.max(axis=1) >= np.abs(found.directions).max(axis=1) - 1e-9).all()
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(4), atol=1e-12)
    coordinates = pca(rows, 4)
    np.testing.assert_allclose(distances(coordinates), distances(rows), atol=1e-9)
    assert found.explained.sum() == pytest.approx(1)
    assert (np.diff(found.explained) <= 1e-12).all()


def distances(rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows[:, None] - rows, axis=-1)


def test_joint_pca_puts_all_snapshots_on_the_same_axes():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(8, 5))
    snapshots = np.stack([0.1 * rows, rows, rows])
    joint = joint_pca(snapshots)
    assert joint.shape == (3, 8, 3)
    np.testing.assert_array_equal(joint[1], joint[2])
    np.testing.assert_allclose(distances(joint[0]), 0.1 * distances(joint[1]), atol=1e-12)


def test_more_components_than_there_are_is_refused():
    with pytest.raises(DataError, match="4 principal components asked for, 3 are there"):
        pca(np.ones((3, 7)), 4)


@given(SEEDS)
def test_alignment_undoes_rotation_and_shift_and_keeps_distances(seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(6, 3))
    last = rows + 0.01 * rng.normal(size=(6, 3))
    snapshots = np.stack([rows @ turn(3, rng) + 5, rows @ turn(3, rng) - 2, last])
    moved = aligned(snapshots)
    np.testing.assert_allclose(moved[2], last - last.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(moved[0], moved[1], atol=1e-9)
    for before, after in zip(snapshots, moved, strict=True):
        np.testing.assert_allclose(distances(after), distances(before), atol=1e-9)


def test_a_missing_umap_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"geometric-memory\[umap\]"):
        umap(np.ones((5, 3)))


def folded_star():
    """Return coordinates whose widest component folds the arms of a star, and its edges.

    Along the first component every step leads to the far side; the next two are a map.
    """
    arms, length = 4, 4
    edges, rows = [], [(3.0, 0.0, 0.0)]
    for arm in range(arms):
        angle = 2 * np.pi * arm / arms
        for place in range(1, length + 1):
            node = len(rows)
            edges.append((node - 1 if place > 1 else 0, node))
            rows.append((3.0 * (-1) ** place, place * np.cos(angle), place * np.sin(angle)))
    return np.array(rows), np.array(edges)


def test_clear_components_are_those_along_which_neighbours_are_near():
    rows, edges = folded_star()
    turned = rows @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    found, chosen = clear_pca(turned, edges, count=2)
    assert chosen == (2, 3)
    assert abs(np.corrcoef(pca(turned, 1)[:, 0], rows[:, 0])[0, 1]) > 0.99
    lengths = np.linalg.norm(found[edges[:, 0]] - found[edges[:, 1]], axis=1)
    np.testing.assert_allclose(lengths, 1, atol=0.05)
    assert clear_components(rows, edges[:0]) == (0, 1, 2)


def test_named_components_are_taken_and_zeros_fill_up():
    rows, edges = folded_star()
    found, chosen = clear_pca(rows, edges, (3, 1))
    assert chosen == (3, 1)
    np.testing.assert_allclose(found[:, :2], pca(rows, 3)[:, [2, 0]])
    assert not found[:, 2].any()
    for wrong in ((0, 1), (4,), (2, 2), (1, 2, 3, 1)):
        with pytest.raises(ConfigurationError, match="components"):
            clear_pca(rows, edges, wrong)
    with pytest.raises(ConfigurationError, match="2 at most"):
        clear_pca(rows, edges, (1, 2, 3), count=2)


def test_snapshots_are_reduced_jointly_and_cleared_by_the_last():
    rows, edges = folded_star()
    snapshots = np.stack([0.1 * rows[:, ::-1], rows])
    found, chosen = clear_pca(snapshots, edges, count=2)
    axes = [place - 1 for place in chosen]
    np.testing.assert_allclose(found, joint_pca(snapshots, 3)[..., axes])
