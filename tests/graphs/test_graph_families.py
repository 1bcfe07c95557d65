"""Laws of the published families, for any size and seed."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.config import GraphSettings
from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.families.grid import Grid
from geometric_memory.graphs.families.irregular import NEIGHBOURS
from geometric_memory.topic import unchecked

seeds = st.integers(0, 2**32)


def built(seed=0, **settings):
    return build_graph(GraphSettings(**settings), Random(seed))


def steps(graph):
    return {tuple(sorted(pair)) for path in graph.paths.tolist() for pair in pairwise(path)}


def pairs(graph):
    return set(map(tuple, graph.undirected_edges.tolist()))


# Made into settings by the tests: the checker of types samples at random, and hypothesis wants none
# of that inside a strategy.
settings_of_any_family = st.one_of(
    st.builds(
        dict,
        graph_type=st.just("star"),
        star_degree=st.integers(1, 6),
        star_subtree_degree=st.integers(1, 3),
        path_length=st.integers(2, 5),
        randomize_node_ids=st.booleans(),
    ),
    st.builds(
        dict,
        graph_type=st.just("cycle"),
        total_nodes=st.integers(6, 30),
        path_length=st.integers(2, 6),
    ),
    st.builds(
        dict,
        graph_type=st.just("grid"),
        grid_rows=st.integers(3, 6),
        grid_cols=st.integers(3, 6),
        path_length=st.integers(3, 6),
    ),
    st.builds(dict, graph_type=st.just("irregular"), path_length=st.integers(2, 8)),
)


@given(settings_of_any_family, seeds)
def test_edges_are_sorted_and_paths_follow_them(chosen, seed):
    settings = GraphSettings(**chosen)
    graph = build_graph(settings, Random(seed))
    edges = graph.edges.tolist()
    assert edges == sorted(edges)
    assert len(set(map(tuple, edges))) == len(edges)
    assert graph.node_count == settings.family.node_count
    assert graph.paths.shape == (settings.family.path_total, settings.path_length)
    assert steps(graph) <= pairs(graph)
    assert sorted(graph.order.tolist()) == list(range(graph.node_count))


@given(st.integers(1, 9), st.integers(1, 3), st.integers(2, 5), seeds)
def test_a_star_is_a_tree_of_equal_arms(arms, branching, length, seed):
    graph = built(
        seed, star_degree=arms, star_subtree_degree=branching, path_length=length
    )  # fmt: skip
    assert len(graph.edges) == graph.node_count - 1
    out_degree = np.bincount(graph.edges[:, 0], minlength=graph.node_count)
    assert out_degree[graph.root] == arms
    assert (graph.paths[:, 0] == graph.root).all()
    leaves = graph.paths[:, -1]
    assert len(set(leaves.tolist())) == len(leaves) == arms * branching ** (length - 2)
    assert (out_degree[leaves] == 0).all()
    assert (np.bincount(graph.edges[:, 1], minlength=graph.node_count) <= 1).all()


def test_a_star_without_shuffling_counts_arm_by_arm():
    graph = built(star_degree=2, path_length=3, randomize_node_ids=False)
    assert graph.paths.tolist() == [[0, 1, 2], [0, 3, 4]]
    assert graph.edges.tolist() == [[0, 1], [0, 3], [1, 2], [3, 4]]


def test_a_tree_star_is_dealt_level_by_level():
    graph = built(star_degree=2, star_subtree_degree=2, path_length=4, randomize_node_ids=False)
    arm = [[0, 1, 2, 4], [0, 1, 2, 5], [0, 1, 3, 6], [0, 1, 3, 7]]
    other = [[0, 8, 9, 11], [0, 8, 9, 12], [0, 8, 10, 13], [0, 8, 10, 14]]
    assert graph.paths.tolist() == arm + other


def test_spare_nodes_of_a_star_have_no_edge_and_come_last():
    graph = built(star_degree=2, path_length=3, total_nodes=7, randomize_node_ids=False)
    assert graph.order.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert graph.edges.max() == 4
    assert graph.to_networkx().number_of_nodes() == 7


def test_the_order_of_a_star_goes_from_the_root_arm_by_arm():
    graph = built(seed=3, star_degree=3, path_length=4)
    assert graph.order[0] == graph.root
    assert graph.order[1:].reshape(3, 3).tolist() == graph.paths[:, 1:].tolist()


def test_a_cycle_has_one_forward_path_per_node():
    graph = built(graph_type="cycle", total_nodes=5, path_length=3)
    assert graph.edges.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0]]
    assert graph.paths.tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0], [4, 0, 1]]
    assert graph.order.tolist() == [0, 1, 2, 3, 4]


def test_a_grid_has_its_edges_and_distinct_paths_that_do_not_turn_back():
    graph = built(graph_type="grid", grid_rows=3, grid_cols=4, path_length=4)
    assert len(graph.edges) == 3 * 3 + 2 * 4
    assert len(set(map(tuple, graph.paths.tolist()))) == 12
    assert (graph.paths[:, 2:] != graph.paths[:, :-2]).all()


def test_a_grid_with_too_few_paths_is_refused(monkeypatch):
    monkeypatch.setattr("geometric_memory.graphs.families.grid.MAXIMUM_TRIES", 2)
    with pytest.raises(DataError, match=r"fewer than 9 paths of 5 nodes \([12] found\)"):
        built(graph_type="grid", grid_rows=3, grid_cols=3, path_length=5)
    with pytest.raises(DataError, match="fewer than 1 paths"):
        unchecked(Grid, {"grid_rows": 1, "grid_cols": 1, "path_length": 3}).build(Random(0))


def test_the_irregular_graph_has_20_edges_in_two_parts():
    graph = built(graph_type="irregular", path_length=5)
    assert len(graph.edges) == sum(map(len, NEIGHBOURS)) // 2 == 20
    assert graph.paths[:, 0].tolist() == list(range(16))
    assert ((graph.paths >= 12).all(axis=1) == (graph.paths[:, 0] >= 12)).all()


def test_the_same_seed_gives_the_same_graph_and_another_seed_another():
    same = [built(seed, star_degree=20, path_length=3).paths.tolist() for seed in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_unusable_settings_are_refused_together():
    with pytest.raises(ConfigurationError, match="must be 20") as caught:
        built(graph_type="irregular", irregular_edge_count=21, total_nodes=3)
    assert len(caught.value.problems) == 2
