"""Families made by networkx: their sizes, their seeds, and paths that are shortest paths."""

from random import Random

import networkx as nx
import pytest

from geometric_memory.config import GraphSettings
from geometric_memory.errors import DataError
from geometric_memory.graphs.build import build_graph

FAMILIES = {
    "tree": ({"tree_branching": 3, "tree_depth": 3}, 40, 39),
    "torus": ({"grid_rows": 4, "grid_cols": 5}, 20, 40),
    "hypercube": ({"hypercube_dimension": 4}, 16, 32),
    "erdos_renyi": ({"total_nodes": 40, "edge_probability": 0.1}, 40, None),
    "barabasi_albert": ({"total_nodes": 30, "attachment_count": 2}, 30, 56),
    "watts_strogatz": ({"total_nodes": 30, "nearest_neighbours": 4}, 30, 60),
    "stochastic_block": ({"total_nodes": 42, "block_count": 4}, 42, None),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    settings, nodes, edges = FAMILIES[request.param]
    return GraphSettings(graph_type=request.param, path_length=4, **settings), nodes, edges


def test_the_family_has_its_size(family):
    settings, nodes, edges = family
    graph = build_graph(settings, Random(5))
    assert graph.node_count == nodes == settings.family.node_count
    assert edges in (None, len(graph.edges))
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all()
    assert graph.family == settings.graph_type


def test_paths_are_distinct_shortest_paths_one_per_node(family):
    settings, nodes, _ = family
    graph = build_graph(settings, Random(5))
    whole = graph.to_networkx()
    paths = list(map(tuple, graph.paths.tolist()))
    assert len(set(paths)) == len(paths) == nodes
    for path in paths:
        assert nx.is_path(whole, path)
        assert nx.shortest_path_length(whole, path[0], path[-1]) == 3


def test_one_seed_is_one_graph(family):
    settings, _, _ = family
    one, two, three = (build_graph(settings, Random(seed)) for seed in (1, 1, 2))
    assert one.edges.tolist() == two.edges.tolist()
    assert one.paths.tolist() == two.paths.tolist()
    assert one.paths.tolist() != three.paths.tolist()


def test_a_tree_knows_its_root():
    assert build_graph(GraphSettings(graph_type="tree", path_length=3), Random(0)).root == 0


def test_a_torus_numbers_its_nodes_by_rows():
    settings = GraphSettings(graph_type="torus", grid_rows=3, grid_cols=4, path_length=3)
    edges = build_graph(settings, Random(0)).edges.tolist()
    assert [0, 1] in edges
    assert [0, 4] in edges
    assert [0, 3] in edges


def test_a_graph_without_edges_is_refused():
    settings = GraphSettings(graph_type="erdos_renyi", total_nodes=5, edge_probability=0.0)
    with pytest.raises(DataError, match="no edges"):
        build_graph(settings, Random(0))
