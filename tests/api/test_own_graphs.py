"""Graphs through the front door: families, networkx, pairs, files; trained on, asked, scored."""

import json

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import geometric_memory as gm
from geometric_memory.api.train import node_link
from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.graphs.files import read_graph_file

MADE = {
    "path_star": (lambda: gm.path_star(5, 4), {"star_degree": 5, "path_length": 4}, 16),
    "tree_star": (lambda: gm.path_star(2, 3, branching=2), {"star_subtree_degree": 2}, 7),
    "tree": (lambda: gm.tree(3, 2, length=3), {"tree_branching": 3, "tree_depth": 2}, 13),
    "grid": (lambda: gm.grid(2, 5), {"grid_rows": 2, "grid_cols": 5}, 10),
    "cycle": (lambda: gm.cycle(9), {"total_nodes": 9}, 9),
    "irregular": (lambda: gm.irregular(), {}, 16),
    "hypercube": (lambda: gm.graph("hypercube", hypercube_dimension=3, path_length=3), {}, 8),
}
SHORT = {"preset": "tiny", "max_steps": 3, "quiet": True}


@pytest.mark.parametrize("name", MADE)
def test_a_graph_remembers_what_it_was_made_from_and_a_run_is_trained_on_it(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make, settings, nodes = MADE[name]
    graph = make()
    assert graph.node_count == nodes
    assert graph.settings.items() >= settings.items()
    run = gm.train(graph, **SHORT)
    np.testing.assert_array_equal(run.graph.edges, graph.edges)
    order = [paths[np.lexsort(paths.T)] for paths in (run.graph.paths, graph.paths)]
    np.testing.assert_array_equal(*order)
    assert run.graph.node("leaf 1") == graph.node("leaf 1") if graph.root is not None else True
    assert run.answer(run.nodes[-1]).asked == str(nodes - 1)


def test_a_graph_of_networkx_is_learned_and_asked_in_its_own_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = nx.relabel_nodes(nx.path_graph(6), dict(enumerate("fedcba")))
    run = gm.train(
        gm.graph(known), preset="tiny", quiet=True, path_length=3, path_finetuning_epochs=150
    )
    assert run["edge_memorization/top_k_recovery"] == 100
    assert set(run.nodes) == set(known)
    again = gm.load()
    assert again.nodes == run.nodes
    path = again.answer("c").path
    assert set(path) <= set(known)
    assert nx.utils.graphs_equal(nx.Graph(list(again.graph.to_networkx().edges)), nx.path_graph(6))
    (tmp_path / again.config.graph.graph_file).unlink()
    assert gm.load().nodes == run.nodes
    assert gm.load().answer("c").path == path


def test_whole_numbers_stay_whole_numbers_and_words_stay_words():
    assert gm.graph(nx.karate_club_graph()).keys == tuple(range(34))
    assert gm.graph([("10", 2), (2, 33)]).keys == (2, 10, 33)
    assert gm.graph([("a", 1), (1, "b")]).keys == ("a", "1", "b")
    assert gm.graph(np.array([[0, 1], [1, 2]])).keys == (0, 1, 2)


def test_a_file_is_read_where_it_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.csv").write_text("source,target\nx,y\ny,z\nz,w\n")
    graph = gm.graph("own.csv", directed=True)
    assert graph.keys == ("x", "y", "z", "w")
    run = gm.train(graph, path_length=3, **SHORT)
    assert (run.config.graph.graph_file, run.graph.directed) == ("own.csv", True)
    assert not (tmp_path / "data" / "datasets" / "in_weights_graphs" / "own_graphs").exists()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: gm.graph([("a", "b"), ("c",)]), DataError, r"edge 1: expected a pair .*\('c',\)"),
        (lambda: gm.graph(["ab"]), DataError, "edge 0: expected a pair of node names, not 'ab'"),
        (lambda: gm.graph([]), DataError, "has no edges"),
        (lambda: gm.graph("no.csv"), DataError, r"no\.csv: cannot be read"),
        (lambda: gm.graph("hypercub"), DataError, "unknown graph format"),
        (lambda: gm.cycle(2), ConfigurationError, "--total_nodes is required for a cycle"),
        (lambda: gm.graph([(1, 2)], lenght=3), ConfigurationError, "unknown setting lenght"),
        (lambda: gm.path_star(0, 4), ConfigurationError, "--star_degree 0: expected int"),
    ],
)
def test_what_is_no_graph(make, error, message):
    with pytest.raises(error, match=message):
        make()


@given(st.sets(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=1), st.booleans())
def test_a_saved_graph_is_read_back(tmp_path_factory, pairs, directed):
    if all(u == v for u, v in pairs):
        return
    graph = gm.graph(sorted(pairs), directed=directed)
    file = tmp_path_factory.getbasetemp() / "own.json"
    file.write_bytes(node_link(graph))
    again = read_graph_file(file, directed=directed)
    assert (again.names, again.directed) == (graph.names, graph.directed)
    np.testing.assert_array_equal(again.edges, graph.edges)
    assert json.loads(node_link(graph))["directed"] is directed


def spectral(graph):
    """Vectors that know the graph, by node: the smoothest eigenvectors of its Laplacian."""
    values, vectors = np.linalg.eigh(nx.laplacian_matrix(graph).toarray().astype(float))
    rows = vectors[:, 1:4] / np.sqrt(values[1:4])
    return dict(zip(graph, rows, strict=True))


def test_vectors_are_taken_by_name_or_in_the_order_of_the_graph():
    graph = nx.grid_2d_graph(6, 6)
    graph = nx.relabel_nodes(graph, {node: 6 * node[0] + node[1] for node in graph})
    shuffled = nx.Graph()
    shuffled.add_nodes_from(np.random.default_rng(0).permutation(36).tolist())
    shuffled.add_edges_from(graph.edges)
    vectors = spectral(shuffled)
    by_name = gm.geometry(vectors, shuffled)
    assert by_name.verdict == "map"
    in_order = np.array([vectors[node] for node in shuffled])
    for rows, graph_like in (
        (in_order, shuffled),
        (torch.from_numpy(in_order), shuffled),
        (np.array([vectors[node] for node in range(36)]), gm.graph(shuffled)),
        (np.array([vectors[node] for node in range(36)]), list(graph.edges)),
    ):
        found = gm.geometry(rows, graph_like)
        assert (found.score, found.verdict) == pytest.approx((by_name.score, "map"), nan_ok=True)
    wrong = gm.geometry(np.array([vectors[node] for node in range(36)]), shuffled)
    assert wrong.score < by_name.score


class KeyedVectors:
    """What gensim gives: a mapping by another name."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.key_to_index = {name: place for place, name in enumerate(vectors)}

    def __getitem__(self, name):
        return self.vectors[name]


def test_keyed_vectors_are_taken_as_they_are():
    graph = nx.relabel_nodes(nx.path_graph(12), lambda node: f"word{node}")
    vectors = spectral(graph)
    keyed = gm.geometry(KeyedVectors(vectors), graph)
    assert keyed.score == gm.geometry(vectors, graph).score


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros((3, 2)), r"shape \(3, 2\): the graph has 4 nodes, .* in the order a, b, c and 1"),
        (np.zeros(4), r"shape \(4,\)"),
        ({"a": [1.0]}, "without a vector: b, c, d"),
        ({name: [1.0] for name in "abcdxy"}, "no nodes of the graph: x, y"),
        ({"a": [1.0, 2.0], "b": [1.0], "c": [1.0], "d": [1.0]}, "vectors of different shapes"),
        ([["x"]] * 4, "expected numbers"),
    ],
)
def test_vectors_that_do_not_fit_the_graph(vectors, message):
    with pytest.raises(DataError, match=message):
        gm.geometry(vectors, [("a", "b"), ("b", "c"), ("c", "d")])
