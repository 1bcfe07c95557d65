"""Geometric levels, similarity and adjacency, hop profiles: closed forms, laws, golden numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csgraph

from geometric_memory.analysis.cosines import (
    cosine_similarity,
    geometric_level,
    geometric_levels,
    non_edge_level,
)
from geometric_memory.analysis.geometry import (
    adjacency_matrix,
    hop_distances,
    hop_profile,
    symmetric_adjacency,
)
from geometric_memory.errors import DataError

RNG_SEEDS = st.integers(0, 10_000)


def circle(count: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], 1)


def rotation(dim: int, rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(dim, dim)))[0]


PUBLISHED_CONTRASTS = {  # mean cosine of non-edges, level of centred embeddings
    "base_star_transformer_d32": (-0.0450, 0.2644),
    "base_cycle_node2vec": (0.4468, 0.9135),
    "self_irregular_node2vec": (0.2784, 0.9152),
}


def test_golden_levels(checkpoint):
    levels = geometric_levels(checkpoint.embeddings, checkpoint.edges)
    assert levels.published == pytest.approx(checkpoint.metrics["geometric_level"], abs=2e-6)
    assert levels.without_self_pairs == pytest.approx(
        checkpoint.metrics["geometric_level_no_self"], abs=2e-6
    )
    if checkpoint.name in PUBLISHED_CONTRASTS:
        contrasts = (levels.non_edges, levels.centred)
        assert contrasts == pytest.approx(PUBLISHED_CONTRASTS[checkpoint.name], abs=6e-5)


def test_circle_in_closed_form(cycle):
    levels = geometric_levels(circle(12), cycle(12))
    edge = np.cos(2 * np.pi / 12)
    assert levels.published == pytest.approx(edge, abs=1e-7)
    assert levels.non_edges == pytest.approx(-(1 + 2 * edge) / 9)
    assert levels.centred == pytest.approx(edge, abs=1e-7)


def test_collapse_has_level_one_and_no_contrast(cycle):
    levels = geometric_levels(np.ones((8, 3)), cycle(8))
    assert levels.published == pytest.approx(1)
    assert levels.without_self_pairs - levels.non_edges == pytest.approx(0, abs=1e-7)
    assert levels.centred == 0


def test_self_pairs_raise_the_published_level_alone(cycle):
    rows = np.random.default_rng(0).normal(size=(8, 50))
    own = np.stack([np.arange(8)] * 2, 1)
    plain = geometric_levels(rows, cycle(8))
    mixed = geometric_levels(rows, np.concatenate([cycle(8), own]))
    assert mixed.published == pytest.approx((2 * plain.published + 1) / 3)
    assert mixed.without_self_pairs == plain.without_self_pairs
    assert mixed.non_edges == plain.non_edges


@given(RNG_SEEDS)
def test_levels_ignore_rotation_scale_and_node_names(seed):
    rng = np.random.default_rng(seed)
    rows, edges = rng.normal(size=(7, 4)), rng.integers(0, 7, (9, 2))
    edges = np.concatenate([edges, [[0, 1]]])
    before = geometric_levels(rows, edges)
    names = rng.permutation(7)
    moved = np.empty_like(rows)
    moved[names] = 3 * rows @ rotation(4, rng)
    after = geometric_levels(moved, names[edges])
    for name in ("published", "without_self_pairs", "non_edges", "centred", "centred_non_edges"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), abs=1e-6, nan_ok=True)
    assert -1 <= before.published <= 1


@given(RNG_SEEDS)
def test_non_edges_are_what_the_definition_says(seed):
    rng = np.random.default_rng(seed)
    rows, edges = rng.normal(size=(6, 3)), rng.integers(0, 6, (7, 2))
    cosines, linked = cosine_similarity(rows), adjacency_matrix(edges, 6)
    apart = ~(linked | linked.T | np.eye(6, dtype=bool))
    expected = cosines[apart].mean() if apart.any() else np.nan
    assert non_edge_level(rows, edges) == pytest.approx(expected, nan_ok=True)


def test_no_pairs_give_nan_and_unknown_nodes_are_refused():
    assert np.isnan(geometric_level(np.ones((3, 2)), np.empty((0, 2), dtype=np.int64)))
    with pytest.raises(DataError, match="node 5, but the nodes are 0 to 2"):
        geometric_level(np.ones((3, 2)), np.array([[0, 5]]))
    with pytest.raises(DataError, match="node -1"):
        adjacency_matrix(np.array([[0, -1]]), 3)


def test_similarity_and_adjacency_follow_the_order():
    rows, edges = np.random.default_rng(0).normal(size=(4, 3)), np.array([[0, 2], [3, 3]])
    order = np.array([2, 0, 3])
    np.testing.assert_allclose(
        cosine_similarity(rows, order), cosine_similarity(rows)[np.ix_(order, order)]
    )
    shown = adjacency_matrix(edges, 4, order)
    np.testing.assert_array_equal(shown, [[0, 0, 0], [1, 0, 0], [0, 0, 1]])


def test_symmetric_adjacency_drops_loops_direction_and_repetition():
    edges = np.array([[0, 1], [0, 1], [1, 0], [2, 2], [1, 2]])
    expected = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(symmetric_adjacency(edges, 3).toarray(), expected)
    looped = symmetric_adjacency(edges, 3, self_loops=True).toarray()
    np.testing.assert_array_equal(looped, expected + np.diag([0, 0, 1]))


def test_hops_on_a_cycle_and_across_components(cycle):
    hops = hop_distances(symmetric_adjacency(cycle(6), 7))
    np.testing.assert_array_equal(hops[0], [0, 1, 2, 3, 2, 1, np.inf])


def test_hops_of_big_graphs_equal_those_of_dijkstra(path_star):
    rng = np.random.default_rng(0)
    adjacency = symmetric_adjacency(np.concatenate([path_star(90, 7), [[600, 601]]]), 603)
    sources = rng.choice(603, 20, replace=False)
    expected = csgraph.dijkstra(adjacency, indices=sources, unweighted=True)
    assert np.isinf(expected).any()
    np.testing.assert_array_equal(hop_distances(adjacency, sources), expected)


def test_hop_profile_of_a_circle(cycle):
    profile = hop_profile(circle(9), symmetric_adjacency(cycle(9), 9), np.array([0, 4]))
    np.testing.assert_array_equal(profile.hops, [1, 2, 3, 4])
    np.testing.assert_array_equal(profile.pairs, [4, 4, 4, 4])
    np.testing.assert_allclose(profile.cosine, np.cos(2 * np.pi * profile.hops / 9))
    np.testing.assert_allclose(profile.centred_cosine, profile.cosine)
