"""Pairs of nodes: which are drawn, and the statistics on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, spearmanr

from geometric_memory.analysis.node_pairs import (
    NodePairs,
    bootstrap_intervals,
    sampled_pairs,
    statistics,
    weighted_statistics,
)


def pairs_with(hops: np.ndarray) -> NodePairs:
    return NodePairs(np.arange(len(hops)), np.arange(len(hops)), hops)


@given(st.integers(0, 10_000))
def test_statistics_agree_with_scipy(seed):
    rng = np.random.default_rng(seed)
    hops = np.concatenate([[2, 3], rng.integers(2, 6, 20)]).astype(float)
    distances = rng.integers(0, 9, 22).astype(float) + np.arange(22) // 21
    correlation, auc = statistics(pairs_with(hops), distances)
    assert correlation == pytest.approx(spearmanr(distances, hops).statistic)
    far, near = distances[hops > 2], distances[hops == 2]
    assert auc == pytest.approx(mannwhitneyu(far, near).statistic / (len(far) * len(near)))


def test_a_weight_is_a_repetition():
    rng = np.random.default_rng(0)
    hops, times = np.array([2.0, 2, 3, 4, 5]), np.array([2, 1, 3, 0, 1])
    ranks = rng.permutation(np.arange(1.0, 6))
    weighted = weighted_statistics(pairs_with(hops), ranks, times.astype(float))
    repeated = np.repeat(ranks, times)
    share = (repeated[:3][:, None] < repeated[3:]).mean()
    assert weighted[1] == pytest.approx(share)
    hop_ranks = np.repeat(pairs_with(hops).hop_ranks, times)
    assert weighted[0] == pytest.approx(np.corrcoef(repeated, hop_ranks)[0, 1])


def test_small_graphs_give_every_pair_once(cycle):
    pairs = sampled_pairs(cycle(9), 10, np.random.default_rng(0), 64, 128)
    assert (pairs.left < pairs.right).all()
    assert len(pairs.hops) == 9 * 6 // 2
    np.testing.assert_array_equal(np.unique(pairs.hops), [2, 3, 4])


def test_big_graphs_give_a_budget_that_covers_near_and_far(cycle):
    pairs = sampled_pairs(cycle(1000), 1000, np.random.default_rng(0), 20, 50)
    assert (np.bincount(pairs.left)[np.unique(pairs.left)] == 50).all()
    expected = np.minimum(np.abs(pairs.left - pairs.right), 1000 - np.abs(pairs.left - pairs.right))
    np.testing.assert_array_equal(pairs.hops, expected)
    assert pairs.near.sum() > 20
    assert (pairs.hops > 100).sum() > 100


def test_distances_are_euclidean_in_any_chunk(cycle):
    rows = np.random.default_rng(0).normal(size=(200, 3))
    pairs = sampled_pairs(cycle(200), 200, np.random.default_rng(0), 200, 200)
    assert len(pairs.hops) > 4096
    expected = np.linalg.norm(rows[pairs.left] - rows[pairs.right], axis=1)
    np.testing.assert_allclose(pairs.distances(rows), expected)


def test_bootstrap_intervals_hold_the_value_and_shrink_with_nodes(cycle):
    widths = []
    for count in (12, 60):
        rng = np.random.default_rng(0)
        pairs = sampled_pairs(cycle(count), count, rng, 64, 128)
        distances = pairs.hops + rng.normal(size=len(pairs.hops))
        interval, _ = bootstrap_intervals(pairs, distances, rng, 100)
        assert interval[0] < statistics(pairs, distances)[0] < interval[1]
        widths.append(interval[1] - interval[0])
    assert widths[1] < widths[0]
