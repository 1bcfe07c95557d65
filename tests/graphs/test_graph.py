"""Laws of the graph itself: facts, names, networkx and back, and what all families agree on."""

from dataclasses import fields
from itertools import pairwise
from random import Random
from typing import get_type_hints

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.config import GraphSettings
from geometric_memory.errors import DataError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.settings import TINY, tiny_settings

pairs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=25)
proper = pairs.filter(lambda edges: any(u != v for u, v in edges))


@given(proper, st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_facts_come_in_the_published_order(edges, directed, forward, backward, self_edges):
    """As the contract says it, in plain Python."""
    graph = Graph.from_edges(edges, range(9), directed=directed)
    listed = [tuple(edge) for edge in graph.edges.tolist()]
    wanted = listed * forward + [(v, u) for u, v in listed] * backward
    wanted += [(node, node) for node in range(graph.node_count)] * self_edges
    if not wanted:
        return
    found = graph.facts(forward=forward, backward=backward, self_edges=self_edges)
    assert list(map(tuple, found.tolist())) == list(dict.fromkeys(wanted))


@given(proper, st.booleans())
def test_networkx_goes_there_and_back(edges, directed):
    theirs = (nx.DiGraph if directed else nx.Graph)(edges)
    theirs.add_node(99)
    ours = Graph.from_networkx(theirs)
    assert ours.names == tuple(map(str, sorted(theirs.nodes)))
    back = nx.relabel_nodes(ours.to_networkx(), dict(enumerate(map(int, ours.names))))
    theirs.remove_edges_from(list(nx.selfloop_edges(theirs)))
    assert back.is_directed() == directed
    assert set(back.nodes) == set(theirs.nodes)
    assert nx.to_dict_of_dicts(back) == nx.to_dict_of_dicts(theirs)
    dense = nx.to_numpy_array(theirs.to_undirected(), nodelist=sorted(theirs.nodes))
    np.testing.assert_array_equal(ours.adjacency.toarray(), dense)


def test_names_and_labels_of_a_networkx_graph():
    graph = nx.Graph([("u1", "u2"), ("u2", (3, 4))])
    assert Graph.from_networkx(graph).labels == ("u1", "u2", "(3, 4)")
    nx.set_node_attributes(graph, {"u1": "Ann", "u2": "Ben", (3, 4): "Cleo"}, "label")
    named = Graph.from_networkx(graph)
    assert named.names == ("u1", "u2", "(3, 4)")
    assert named.labels == ("Ann", "Ben", "Cleo")
    assert [named.node(name) for name in ("u2", "Cleo", "(3, 4)")] == [1, 2, 2]
    graph.add_node("(3, 4)")
    with pytest.raises(DataError, match="the same name once written"):
        Graph.from_networkx(graph)


def test_what_is_dropped_is_noted():
    graph = Graph.from_edges([("a", "b"), ("b", "a"), ("a", "a"), ("b", "c")])
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.notes == (
        "the graph: 1 self-loops dropped",
        "the graph: 1 repeated edges dropped",
    )
    with pytest.raises(DataError, match="the graph has no edges"):
        Graph.from_edges([("a", "a")])


def test_a_node_is_found_by_name_or_place():
    star = build_graph(tiny_settings("star"), Random(7))
    assert star.names == star.labels == tuple(map(str, range(17)))
    assert star.node("5") == star.node(5) == 5
    assert star.node("root") == star.root
    assert [star.node(f"leaf {k}") for k in range(4)] == star.paths[:, -1].tolist()
    for absent in ("17", "leaf 4", "leaf x", "leaf -1", "Rome"):
        with pytest.raises(DataError, match="has no node"):
            star.node(absent)
    with pytest.raises(DataError, match="has no node"):
        Graph.from_edges([("a", "b")]).node("root")


@given(proper, st.integers(2, 4))
def test_sampled_paths_are_shortest_paths(edges, length):
    graph = Graph.from_edges(edges)
    theirs = graph.to_networkx()
    try:
        paths = graph.sample_paths(length, Random(0)).paths
    except DataError:
        known = dict(nx.all_pairs_shortest_path_length(theirs))
        assert all(d < length - 1 for row in known.values() for d in row.values())
        return
    for path in paths.tolist():
        assert nx.shortest_path_length(theirs, path[0], path[-1]) == length - 1
        assert all(theirs.has_edge(u, v) for u, v in pairwise(path))


@given(st.integers(1, 6), st.integers(1, 3), st.integers(2, 4), st.integers(0, 99))
def test_the_groups_of_a_star_are_its_arms(arms, branching, length, seed):
    settings = GraphSettings(star_degree=arms, star_subtree_degree=branching, path_length=length)
    graph = build_graph(settings, Random(seed))
    groups = graph.groups
    assert groups[graph.root] == -1
    apart = graph.to_networkx()
    apart.remove_node(graph.root)
    parts = list(nx.connected_components(apart))
    assert len(parts) == arms
    assert all(len({int(groups[node]) for node in part}) == 1 for part in parts)
    assert len(set(groups.tolist()) - {-1}) == arms


@pytest.mark.parametrize("family", TINY)
def test_every_family_has_a_tiny_member(family):
    settings = tiny_settings(family)
    graph = build_graph(settings, Random(7))
    assert graph.family == family
    assert 2 <= graph.node_count == settings.family.node_count <= 32
    assert len(graph.edges)
    assert sorted(graph.order.tolist()) == list(range(graph.node_count))
    assert FAMILIES[family].title


def test_families_that_share_a_setting_mean_the_same_by_it():
    known = {}
    for family in FAMILIES.values():
        hints = get_type_hints(family, include_extras=True)
        for field in fields(family):
            seen = known.setdefault(field.name, (hints[field.name], field.default))
            assert seen == (hints[field.name], field.default), (family.name, field.name)
    settings = {field.name: field.default for field in fields(GraphSettings)}
    assert settings == {"graph_type": "star"} | {
        name: default for name, (_, default) in known.items()
    }


def test_settings_know_the_family_they_are_for():
    settings = GraphSettings(graph_type="torus", grid_rows=3, star_degree=9)
    assert type(settings.family) is FAMILIES["torus"]
    assert settings.family.grid_rows == 3
    assert not hasattr(settings.family, "star_degree")
