"""Rewired graphs keep degrees and simplicity, and leave the graph behind."""

from itertools import islice

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.analysis.rewiring import rewired_graphs


@given(st.integers(0, 10_000))
def test_rewired_graphs_are_simple_and_keep_every_degree(seed):
    rng = np.random.default_rng(seed)
    pairs = np.sort(rng.integers(0, 9, (14, 2)), axis=1)
    edges = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    for graph in islice(rewired_graphs(edges, 9, rng), 3):
        assert (graph[:, 0] < graph[:, 1]).all()
        assert len(np.unique(graph, axis=0)) == len(edges)
        np.testing.assert_array_equal(
            np.bincount(graph.ravel(), minlength=9), np.bincount(edges.ravel(), minlength=9)
        )


def test_a_cycle_is_left_behind_and_a_clique_stays():
    forward = np.stack([np.arange(30), (np.arange(30) + 1) % 30], 1)
    graph = next(rewired_graphs(forward, 30, np.random.default_rng(0)))
    kept = set(map(tuple, np.sort(forward, 1))) & set(map(tuple, graph))
    assert len(kept) < 10
    clique = np.argwhere(np.triu(np.ones((4, 4)), 1))
    stays = next(rewired_graphs(clique, 4, np.random.default_rng(0)))
    assert set(map(tuple, stays)) == set(map(tuple, clique))
