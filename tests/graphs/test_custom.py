"""Graphs of the reader's own, in every format, and what is said of bad ones."""

import json
import os
from pathlib import Path
from random import Random

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometric_memory.config import GraphSettings
from geometric_memory.errors import DataError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.files import graph_in_text, read_graph_file


def read(tmp_path, name, text, *, directed=False):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_graph_file(path, directed=directed)


def pasted(text):
    return graph_in_text(text, Path("pasted"))


def named(graph):
    return {(graph.names[u], graph.names[v]) for u, v in graph.edges.tolist()}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("g.txt", "# capitals\nRome Oslo\n\nOslo Bern 0.5\n"),
        ("g.edges", "% capitals\nRome\tOslo\nOslo  Bern\n"),
        ("g.csv", "source,target\nRome,Oslo\nOslo,Bern\n"),
        ("g.CSV", '\ufeffRome,Oslo\r\n"Oslo","Bern"\r\n'),
        ("g.tsv", "from\tto\tweight\nRome\tOslo\t1\nOslo\tBern\t2\n"),
    ],
)
def test_edge_lists(tmp_path, name, text):
    graph = read(tmp_path, name, text)
    assert graph.names == ("Rome", "Oslo", "Bern")
    assert graph.edges.tolist() == [[0, 1], [1, 2]]


def test_names_may_hold_spaces_and_commas_in_csv(tmp_path):
    graph = read(tmp_path, "g.csv", '"New York, NY",São Paulo\n')
    assert graph.names == ("New York, NY", "São Paulo")


def test_integer_names_with_gaps_become_ids_in_numeric_order(tmp_path):
    graph = read(tmp_path, "g.txt", "100 7\n7 20\n")
    assert graph.names == ("7", "20", "100")
    assert graph.edges.tolist() == [[0, 1], [0, 2]]


def test_a_file_that_changed_is_read_again_whatever_its_time(tmp_path):
    for text in ("a b\n", "a c\n"):
        graph = read(tmp_path, "g.txt", text)
        os.utime(tmp_path / "g.txt", ns=(0, 0))
        assert graph.names == tuple(text.split())


def test_two_spellings_of_one_number_stay_two_nodes(tmp_path):
    assert read(tmp_path, "g.txt", "7 07\n").names == ("7", "07")


def test_directed_edges_keep_their_direction(tmp_path):
    text = "b a\na b\nc b\n"
    assert read(tmp_path, "g.txt", text, directed=True).edges.tolist() == [[0, 1], [1, 0], [2, 0]]
    undirected = read(tmp_path, "g.txt", text)
    assert undirected.edges.tolist() == [[0, 1], [0, 2]]
    assert undirected.notes == ("g.txt: 1 repeated edges dropped",)


def test_self_loops_and_ignored_columns_are_noted(tmp_path):
    graph = read(tmp_path, "g.txt", "a a\na b 3\na b\n")
    assert graph.notes == (
        "g.txt: columns after the second ignored on 1 lines",
        "g.txt: 1 self-loops dropped",
        "g.txt: 1 repeated edges dropped",
    )


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("suffix", ["graphml", "json", "links.json"])
def test_graph_formats_keep_isolated_nodes_and_parts(tmp_path, suffix, directed):
    graph = nx.DiGraph([("b", "a"), ("c", "d")]) if directed else nx.Graph([("b", "a"), ("c", "d")])
    graph.add_node("alone")
    path = tmp_path / f"g.{suffix}"
    if suffix == "graphml":
        nx.write_graphml(graph, path)
    else:
        key = "links" if suffix == "links.json" else "edges"
        path.write_text(json.dumps(nx.node_link_data(graph, edges=key)))
    custom = read_graph_file(path, directed=directed)
    assert custom.names == ("b", "a", "c", "d", "alone")
    assert named(custom) == {("b", "a"), ("c", "d")}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("g.txt", "", "no edges in the file"),
        ("g.txt", "a b\nc\n", r"g\.txt:2: expected two node names, found 'c'"),
        ("g.txt", "a\n", r"g\.txt:1: expected two node names"),
        ("g.csv", "a,b\nc,\n", r"g\.csv:2: expected two node names, found 'c, '"),
        ("g.csv", 'a,b\n"c,d\n', r"g\.csv:2: unexpected end of data"),
        ("g.txt", b"a \xff\n", "no UTF-8"),
        ("g.txt", "a a\n", "the graph has no edges"),
        ("g.xyz", "a b\n", r"unknown graph format '\.xyz'; expected one of \.txt"),
        ("g.graphml", "<graphml>\n<graph>\n", r"g\.graphml:3:1: not valid XML"),
        ("g.graphml", "<a/>", "not a GraphML graph"),
        ("g.json", '{"nodes": [\n}', r"g\.json:2:1: Expecting value"),
        ("g.json", "[1]", "not node-link JSON"),
        ("g.json", '{"nodes": [{"id": 1}]}', "not node-link JSON"),
        ("g.json", '{"nodes": [{"id": 1}, {"id": "1"}], "edges": []}', "the same name"),
        ("g.json", "[" * 100_000, "nested too deeply"),
    ],
)
def test_bad_files_are_refused_with_their_place(tmp_path, name, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, name, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt: cannot be read: No such file"):
        read_graph_file(tmp_path / "none.txt", directed=False)


def test_a_file_of_undirected_edges_is_not_read_as_directed(tmp_path):
    nx.write_graphml(nx.path_graph(3), tmp_path / "g.graphml")
    with pytest.raises(DataError, match="drop --directed_graph"):
        read_graph_file(tmp_path / "g.graphml", directed=True)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["txt", "csv", "tsv", "json", "graphml"]))
def test_any_text_is_read_or_refused(tmp_path_factory, text, suffix):
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        graph = read_graph_file(path, directed=False)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert len(graph.edges) >= 1


def test_a_custom_graph_brings_paths_and_names(tmp_path):
    path = tmp_path / "line.txt"
    path.write_text("d c\nc b\nb a\n")
    settings_ = GraphSettings(graph_type="custom", graph_file=str(path), path_length=3)
    graph = build_graph(settings_, Random(0))
    assert graph.names == ("d", "c", "b", "a")
    assert sorted(graph.paths.tolist()) == [[0, 1, 2], [1, 2, 3], [2, 1, 0], [3, 2, 1]]
    assert graph.to_networkx().nodes[3]["name"] == "a"


@pytest.mark.parametrize("text", ["Rome Oslo\nOslo Bern\n", "u,v\nRome,Oslo\nOslo,Bern\n"])
def test_text_is_read_as_a_file_of_it_would_be(text):
    graph = pasted(text)
    assert graph.names == ("Rome", "Oslo", "Bern")
    assert graph.edges.tolist() == [[0, 1], [1, 2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pasted: no edges"),
        ("a b\nc\n", "pasted:2: expected two node names, found 'c'"),
        ("a,b\nc\n", "pasted:2: expected two node names, found 'c'"),
        ("a a\n", "pasted: the graph has no edges"),
    ],
)
def test_bad_text_is_refused_with_its_line(text, message):
    with pytest.raises(DataError, match=message):
        pasted(text)
