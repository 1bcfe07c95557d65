"""Sampling of shortest paths."""

from collections import Counter
from itertools import product
from random import Random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.shortest_paths import ShortestPaths


def shortest(edges, *, node_count, path_length, directed=False):
    listed = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return ShortestPaths(
        listed, node_count=node_count, directed=directed, path_length=path_length
    )  # fmt: skip


def all_shortest_paths(graph, path_length):
    found = set()
    for start, distances in nx.all_pairs_shortest_path_length(graph):
        for end, distance in distances.items():
            if distance == path_length - 1:
                found |= set(map(tuple, nx.all_shortest_paths(graph, start, end)))
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1),
    st.integers(2, 5),
    st.booleans(),
    st.integers(0, 99),
)
def test_asking_for_more_than_there_are_gives_all(edges, path_length, directed, seed):
    proper = sorted((u, v) for u, v in edges if u != v and (directed or u < v))
    graph = (nx.DiGraph if directed else nx.Graph)(proper)
    expected = all_shortest_paths(graph, path_length)
    paths = shortest(proper, node_count=8, path_length=path_length, directed=directed)
    if not expected:
        with pytest.raises(DataError):
            paths.sample(10_000, seed)
        return
    drawn = list(map(tuple, paths.sample(10_000, seed).tolist()))
    assert len(drawn) == len(expected)
    assert set(drawn) == expected


def copies(edges, node_count, times):
    """Edges of `times` graphs beside each other; node `k` of the first is `k` modulo its size."""
    shifts = np.arange(times)[:, None, None] * node_count
    return (np.array(edges) + shifts).reshape(-1, 2)


def test_starts_and_ends_are_uniform():
    # Stars with 3 leaves: each of the 6 ordered pairs of leaves is as likely.
    edges = copies([(0, 1), (0, 2), (0, 3)], 4, 10_000)
    paths = shortest(edges, node_count=40_000, path_length=3).sample(6000, 0)
    drawn = Counter(map(tuple, (paths % 4).tolist()))
    assert len(drawn) == 6
    assert all(abs(count - 1000) < 150 for count in drawn.values())


def test_paths_between_one_pair_are_equally_likely():
    # From 0 to 4 there are three ways: one over 1, two over 2 or 3 by way of 5.
    edges = [(0, 1), (1, 6), (6, 4), (0, 5), (5, 2), (5, 3), (2, 4), (3, 4)]
    many = copies(edges, 7, 10_000)
    paths = shortest(many, node_count=70_000, path_length=4, directed=True)
    drawn = Counter(map(tuple, (paths.sample(3000, 0) % 7).tolist()))
    assert set(drawn) == {(0, 1, 6, 4), (0, 5, 2, 4), (0, 5, 3, 4)}
    assert all(abs(count - 1000) < 150 for count in drawn.values())


def test_starts_around_which_all_nodes_lie_give_several_paths_each():
    # From each of 50,000 leaves all others are two steps away: 2.5 billion paths.
    leaves = np.arange(1, 50_001)
    star = np.stack([np.zeros_like(leaves), leaves], axis=1)
    paths = shortest(star, node_count=50_001, path_length=3).sample(1000, 0)
    assert (paths[:, 1] == 0).all()
    assert len(np.unique(paths, axis=0)) == 1000
    assert len(np.unique(paths[:, -1])) > 900  # of 50,000 that are drawn from uniformly
    with pytest.raises(DataError, match=r"of those from 16 nodes has 3"):
        shortest(star, node_count=50_001, path_length=6).sample(10, 0)


def test_fewer_paths_than_asked_for_are_noted():
    line = Graph.from_edges([(0, 1), (1, 2), (2, 3)])
    drawn = line.sample_paths(3, Random(0), 1000)
    assert drawn.notes == ("4 paths of 3 nodes, of the 1000 asked for: there are no more",)
    assert not line.sample_paths(3, Random(0)).notes


def test_no_path_that_long_names_the_longest():
    line = [(0, 1), (1, 2), (2, 3)]
    with pytest.raises(DataError, match=r"no shortest path of 6 nodes: .* --path_length 4 or less"):
        shortest(line, node_count=4, path_length=6).sample(3, 0)


def test_directed_paths_follow_the_direction():
    line = [(0, 1), (1, 2), (2, 3)]
    paths = shortest(line, node_count=4, path_length=3, directed=True).sample(9, 0)
    assert sorted(paths.tolist()) == [[0, 1, 2], [1, 2, 3]]


def test_counts_beyond_floats_are_drawn():
    # Each step of a ladder of diamonds doubles the number of shortest paths: 2^1100 of them.
    edges = [
        pair
        for k in range(0, 3300, 3)
        for pair in ((k, k + 1), (k, k + 2), (k + 1, k + 3), (k + 2, k + 3))
    ]
    paths = shortest(edges, node_count=3301, path_length=2061, directed=True)
    assert len(paths.sample(2, 0)) == 2


def test_zero_paths_is_refused():
    with pytest.raises(DataError, match="--path_count 0"):
        shortest([(0, 1)], node_count=2, path_length=2).sample(0, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1),
    st.integers(2, 5),
    st.booleans(),
)
def test_answers_are_counted_and_known_as_networkx_lists_them(edges, path_length, directed):
    proper = sorted((u, v) for u, v in edges if u != v and (directed or u < v))
    graph = (nx.DiGraph if directed else nx.Graph)(proper)
    every = sorted(all_shortest_paths(graph, path_length))
    paths = shortest(proper, node_count=8, path_length=path_length, directed=directed)
    walks = np.array(list(product(range(-1, 9), repeat=2))).repeat(path_length, axis=1)
    walks = walks[:, :path_length]
    assert not paths.are_shortest(walks[(walks < 0).any(axis=1) | (walks > 7).any(axis=1)]).any()
    everything = np.array(list(product(range(8), repeat=min(path_length, 4))))
    if path_length < 5:
        right = [tuple(path) in set(every) for path in everything.tolist()]
        assert paths.are_shortest(everything).tolist() == right
    if every:
        asked = np.array(every)
        by_end, by_ends = Counter(p[-1] for p in every), Counter((p[0], p[-1]) for p in every)
        found = paths.answer_counts(asked, with_start=False)
        assert found.tolist() == [by_end[path[-1]] for path in every]
        found = paths.answer_counts(asked, with_start=True)
        assert found.tolist() == [by_ends[path[0], path[-1]] for path in every]
