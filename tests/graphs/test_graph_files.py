"""Graph files of every kind: what is certain is read, what is ambiguous is refused or announced."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.errors import DataError
from geometric_memory.graphs import files
from geometric_memory.graphs.files import Choices, graph_in_bytes, read_graph_file

CHAIN = {("oak", "elm"), ("elm", "ash"), ("elm", "fir")}
GEOMEM = "from geometric_memory.cli.main import main; raise SystemExit(main())"
NUMBERS = {("1", "2"), ("2", "3"), ("2", "5")}


def read(tmp_path, name, content, **choices):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_graph_file(path, choices=Choices(**choices))


def pairs_of(graph):
    found = {(graph.names[u], graph.names[v]) for u, v in graph.edges.tolist()}
    return found if graph.directed else {tuple(sorted(pair)) for pair in found}


def undirected(pairs):
    return {tuple(sorted(pair)) for pair in pairs}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("g.csv", "Source,Destination,Minutes\noak,elm,3\nelm,ash,4\nelm,fir,1\n"),
        ("g.csv", "weight;Source ID;Target ID\n0,5;oak;elm\n1,5;elm;ash\n2;elm;fir\n"),
        ("g.csv", ",from,to\n0,oak,elm\n1,elm,ash\n2,elm,fir\n"),
        ("g.csv", "tree_a,tree_b\noak,elm\nelm,ash\nelm,fir\n"),
        ("g.csv", "source,target,source_label,target_label\n"
                  "oak,elm,O,E\nelm,ash,E,A\nelm,fir,E,F\n"),
        ("g.csv", "sep=;\nsource;target\noak;elm\nelm;ash\nelm;fir\n"),
        ("g.csv", "source,target,,\noak,elm,,\nelm,ash,,\nelm,fir,,\n,,,\n"),
        ("g.csv", "source\ttarget\noak\telm\nelm\tash\nelm\tfir\n"),
        ("g.csv", "source|target\noak|elm\nelm|ash\nelm|fir\n"),
        ("g.csv", "source,target\roak,elm\relm,ash\relm,fir\r"),
        ("g.csv", "source,target\noak,elm\nelm,ash\nelm,fir\n".encode("utf-16")),
        ("g.csv", "# made by hand, in May\nsource,target\noak,elm\nelm,ash\nelm,fir\n"),
        ("g.csv", "0,1\noak,elm\nelm,ash\nelm,fir\n"),
        ("g.txt", "oak, elm\nelm, ash\nelm, fir\n"),
        ("g.txt", "oak elm # old\nelm ash\n\nelm fir\n"),
        ("g.txt", '"source" "target"\n"1" "oak" "elm"\n"2" "elm" "ash"\n"3" "elm" "fir"\n'),
        ("g.txt", "# weight source target\n2 oak elm\n1 elm ash\n3 elm fir\n"),
        ("g.txt", "oak -- elm\nelm -- ash\nelm -- fir\n"),
        ("g.edgelist", "oak elm {}\nelm ash {'km': 1, 'kind': 'foot path'}\nelm fir {}\n"),
        ("g.adjlist", "# hand\noak elm\nelm ash fir\nash\nfir\n"),
        ("g.csv", ",oak,elm,ash,fir\noak,0,1,0,0\nelm,1,0,1,1\nash,0,1,0,0\nfir,0,1,0,0\n"),
        ("g.json", '[["oak", "elm"], ["elm", "ash"], ["elm", "fir"]]'),
        ("g.json", '{"oak": ["elm"], "elm": ["ash", "fir"]}'),
        ("g.txt", "// by hand\noak elm // old\n// more\nelm ash\nelm fir\n"),
        ("g.csv", "source,target,km,kind\noak,elm,1,path\nelm,ash,2\nelm,fir,,\n"),
        ("g.csv", "source,target\noak,elm\nsource,target\nelm,ash\nelm,fir\n"),
        ("g.txt", "| source | target |\n|---|:---|\n| oak | elm |\n| elm | ash |\n| elm | fir |\n"),
        ("g.json", '[{"data": {"id": "oak"}}, {"data": {"id": "elm"}}, {"data": {"id": "ash"}}, '
                   '{"data": {"id": "fir"}}, {"data": {"source": "oak", "target": "elm"}}, '
                   '{"data": {"source": "elm", "target": "ash"}}, '
                   '{"data": {"source": "elm", "target": "fir"}}]'),
        ("g.jsonl", '{"from": "oak", "to": "elm"}\n{"from": "elm", "to": "ash"}\n'
                    '{"from": "elm", "to": "fir"}\n'),
        ("g.json", '{"nodes": ["oak", "elm", "ash", "fir"], "links": [{"source": 0, "target": 1}, '
                   '{"source": 1, "target": 2}, {"source": 1, "target": 3}]}'),
    ],
)  # fmt: skip
def test_what_is_certain_is_read(tmp_path, name, content):
    graph = read(tmp_path, name, content)
    assert (set(graph.names), pairs_of(graph)) == ({"oak", "elm", "ash", "fir"}, undirected(CHAIN))
    assert not graph.directed


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("g.csv", "id_1,id_2\n1,2\n2,3\n2,5\n"),
        ("g.csv", "stop,next,seconds\n1,2,40\n2,3,50\n2,5,60\n"),
        ("g.tsv", "FromNodeId\tToNodeId\n1\t2\n2\t3\n2\t5\n"),
        ("g.txt", "# Nodes: 4 Edges: 3\n# FromNodeId\tToNodeId\n1\t2\n2\t3\n2\t5\n"),
        ("g.txt", "1 2#strong\n2 3\n2 5\n"),
        ("g.txt", "#1 9\n1 2\n2 3\n2 5\n"),
        ("g.edges", "1,2,0.5\n2,3,1\n2,5,1\n"),
        ("g.csv", "a,of,c,d\n1,2,3,x\n2,3,4,\n2,5,,\n"),
        ("g.csv", "source,target\n1,2.0\n2,3.0\n2,5.0\n"),
        ("g.txt", "1 2 9\n2 3 8\n2 5 7\n"),
    ],
)
def test_numbers_are_names(tmp_path, name, content):
    assert pairs_of(read(tmp_path, name, content)) == NUMBERS


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.csv", "Id,Label\n0,oak\n1,elm\n2,ash\n", "no two of its columns|no source and target"),
        ("g.csv", "SUID,interaction,name\n1,pp,a (pp) b\n2,pp,b (pp) c\n", "source and target"),
        ("g.csv", "source,target\noak,elm\nelm,\n", r"g\.csv:3: expected two node names"),
        ("g.csv", 'source,target\n"oak" tree,elm\n', r"g\.csv:2: ',' expected"),
        ("g.txt", "oak elm ash\nelm fir\nash fir yew box\n", "adjacency list"),
        ("g.txt", "oak: elm ash\nelm: fir\n", "colon"),
        ("g.txt", "0 1 0\n1 0 1\n0 1 0\n", "adjacency matrix"),
        ("g.txt", "4 4 3\n1 2\n2 3\n2 4\n".replace("3\n1", "4\n1") + "3 4\n", "size line"),
        ("g.txt", "900 7 8\n901 8 9\n902 9 12\n903 8 14\n", "three columns of numbers"),
        ("g.txt", "5 6\n2 3\n1 3\n1 2 4 5\n3 5\n3 4\n", "METIS"),
        ("g.txt", "c by hand\np edge 3 2\ne 1 2\ne 2 3\n", "DIMACS"),
        ("g.txt", "0 1 2 3\n1 4\n2 5 6 7 8\n", "adjacency list"),
        ("g.csv", "oak,elm,ash,fir\nelm,yew\nash,box,fig,bay\n", "adjacency list"),
        ("g.txt", "(1, 2)\n(2, 3)\n", "brackets"),
        ("g.txt", "0.5 1 2\n0.7 2 3\n0.9 3 1\n", "decimals"),
        ("g.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n", "Git LFS"),
        ("g.csv", "nodedef>name VARCHAR\na\nedgedef>node1,node2\na,b\n", "GDF"),
        ("g.net", "*Vertices 3 2\n1 a\n2 b\n3 c\n*Edges\n1 3\n", "bipartite"),
        ("g.json", "[[0, 1, 0], [1, 0, 1], [0, 1, 0]]", "adjacency matrix"),
        ("g.json", '[["a", "likes", "b"], ["b", "fears", "c"]]', "a list of other things"),
        ("g.json", '{"nodes": ["a", "b"], "edges": [{"source": "a", "target": "b", '
                   '"directed": true}, {"source": "b", "target": "a", '
                   '"directed": false}]}', "some edges are"),
        ("g.txt", "#dawn coffee\ncoffee work\nwork evening\n", "comment or an edge"),
        ("g.tsv", "a\tlikes\tb\nb\tfears\tc\na\tfears\tc\nc\tlikes\ta\n", "--relation"),
        ("g.tsv", "head\trelation\ttail\na\tlikes\tb\nb\tfears\tc\n", "--relation NAME"),
        ("g.tsv", "% bip unweighted\n1\t1\n2\t1\n2\t2\n", "bipartite"),
        ("g.dot", "graph { a -- b }", "DOT"),
        ("g.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 3 1\n1 3\n", "not square"),
        ("g.csv", b"PK\x03\x04rest", "Excel"),
        ("g.csv", b"source,target\nBesan\xe7on,D\xf4le\n", "UTF-8"),
        ("g.graphml", "<graphml><graph><node id='a'/><edge source='a' target='b'/></graph>"
                      "</graphml>",
         "'b', which is not among the nodes"),
        ("g.graphml", "<graphml><graph><node id='a'/><hyperedge/></graph></graphml>", "hyperedge"),
        ("g.json", '{"type": "FeatureCollection", "features": []}', "GeoJSON"),
        ("g.json", '{"nodes": [{"id": "a"}], "edges": [{"source": "a", "target": "z"}]}', "'z'"),
        ("g.json", '{"nodes": [{"id": "a"}, {"id": null}], "links": []}', "null or without an id"),
        ("g.json", '{"nodes": [], "edges": [["a", "b"]], "links": [["a", "c"]]}', "both"),
    ],
)  # fmt: skip
def test_what_is_ambiguous_is_refused_with_the_way_out(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path, name, content)
    assert str(tmp_path / name) in str(caught.value)


def test_packed_files_are_unpacked(tmp_path):
    text = b"source,target\noak,elm\nelm,ash\nelm,fir\n"
    for name, content in (
        ("g.csv.gz", gzip.compress(text)),
        ("g.csv.bz2", bz2.compress(text)),
        ("g.csv.xz", lzma.compress(text)),
        ("g.csv", gzip.compress(text)),
    ):
        assert pairs_of(read(tmp_path, name, content)) == undirected(CHAIN)
    with pytest.raises(DataError, match="damaged compression"):
        read(tmp_path, "cut.csv.gz", gzip.compress(text)[:-6])


def test_the_choices_decide(tmp_path):
    triples = "a\tlikes\tb\nb\tfears\tc\na\tfears\tc\nc\tlikes\ta\n"
    assert pairs_of(read(tmp_path, "t.tsv", triples, relation="likes")) == {("a", "b"), ("a", "c")}
    assert len(read(tmp_path, "t.tsv", triples, ignore_relations=True).edges) == 3
    with pytest.raises(DataError, match="no edge has --relation hates; there are likes, fears"):
        read(tmp_path, "t.tsv", triples, relation="hates")
    ids = "900 7 8\n901 8 9\n902 9 12\n903 8 14\n"
    graph = read(tmp_path, "t.txt", ids, columns="2,3")
    assert pairs_of(graph) == undirected({("7", "8"), ("8", "9"), ("9", "12"), ("8", "14")})
    films = "movie,actor\nStorm,Ines\nStorm,Otto\nNine,Otto\n"
    assert "movie" not in read(tmp_path, "f.csv", films, columns="movie,actor").names
    assert pairs_of(read(tmp_path, "c.any", "1:2\n2:3\n2:5\n", separator="colon")) == NUMBERS
    with pytest.raises(DataError, match="columns are 1 to 2"):
        read(tmp_path, "f.csv", films, columns="1,9")


def test_a_first_line_that_may_be_a_header_is_announced(tmp_path):
    graph = read(tmp_path, "f.csv", "movie,actor\nStorm,Ines\nStorm,Otto\nNine,Otto\n")
    assert "movie" in graph.names
    assert any("first line" in note and "--columns movie,actor" in note for note in graph.notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("g.json", '{"directed": true, "nodes": [{"id": "b"}, {"id": "a"}, {"id": "c"}], "links": '
                   '[{"source": "b", "target": "a"}, {"source": "a", "target": "c"}]}'),
        ("g.csv", "Source,Target,Type\nb,a,Directed\na,c,Directed\n"),
        ("g.tsv", "% asym unweighted\nb\ta\na\tc\n"),
        ("g.txt", "b -> a\na -> c\n"),
        ("g.net", '*Vertices 3\n1 "b"\n2 "a"\n3 "c"\n*Arcs\n1 2\n2 3\n'),
    ],
)  # fmt: skip
def test_what_a_file_says_of_direction_counts(tmp_path, name, content):
    graph = read(tmp_path, name, content)
    assert graph.directed
    assert {(graph.labels[u], graph.labels[v]) for u, v in graph.edges.tolist()} == {
        ("b", "a"),
        ("a", "c"),
    }
    assert any("directed" in note for note in graph.notes)


def test_directions_that_contradict_are_refused(tmp_path):
    with pytest.raises(DataError, match="make them all alike"):
        read(tmp_path, "g.csv", "Source,Target,Type\na,b,Directed\nb,c,Undirected\n")
    with pytest.raises(DataError, match="drop --directed_graph"):
        read(tmp_path, "g.tsv", "% sym unweighted\n1\t2\n2\t3\n", directed=True)


def test_labels_are_kept_beside_ids(tmp_path):
    path = tmp_path / "g.gml"
    nx.write_gml(nx.karate_club_graph(), path)
    assert len(read_graph_file(path).edges) == 78
    graph = nx.Graph([("n0", "n1"), ("n1", "n2")])
    nx.set_node_attributes(graph, {"n0": "Jo", "n1": "Al", "n2": "Jo"}, "label")
    for write, suffix in ((nx.write_graphml, "graphml"), (nx.write_gexf, "gexf")):
        write(graph, tmp_path / f"g.{suffix}")
        found = read_graph_file(tmp_path / f"g.{suffix}")
        assert (found.names, found.labels) == (("n0", "n1", "n2"), ("Jo", "Al", "Jo"))
    pajek = '*Vertices 3\n1 "Jo"\n2 "Al"\n3 "Jo"\n*Edges\n1 2\n2 3\n'
    found = read(tmp_path, "g.txt", pajek)
    assert (found.names, found.labels) == (("1", "2", "3"), ("Jo", "Al", "Jo"))


def test_labels_go_into_the_data_set_and_come_back(tmp_path):
    (tmp_path / "g.gml").write_text(
        'graph [ node [ id 4 label "Gate" ] node [ id 7 label "Yard" ] node [ id 9 label "Keep" ]\n'
        "edge [ source 4 target 7 ] edge [ source 7 target 9 ] ]\n"
    )
    command = ["dataset", "--graph_type", "custom", "--graph_file", "g.gml", "--path_length", "2"]
    done = subprocess.run(
        [sys.executable, "-c", GEOMEM, *command, "--dataset_root", "data"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (
        "GML: 3 nodes, 2 edges, undirected, 1 component; Gate -- Yard, Yard -- Keep" in done.stdout
    )
    (manifest,) = tmp_path.rglob("*manifest.json")
    content = json.loads(manifest.read_text())
    assert (content["names"], content["labels"]) == (["4", "7", "9"], ["Gate", "Yard", "Keep"])


def test_show_prints_the_graph_and_writes_nothing(tmp_path):
    (tmp_path / "g.csv").write_text("source,target\noak,elm\nelm,ash\nelm,oak\n")
    command = ["dataset", "--graph_type", "custom", "--graph_file", "g.csv", "--show"]
    done = subprocess.run(
        [sys.executable, "-c", GEOMEM, *command],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "3 nodes, 2 edges, undirected, 1 component; oak -- elm, elm -- ash" in done.stdout
    assert "1 repeated edges dropped" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["g.csv"]


def test_a_matrix_gives_the_graph_of_its_entries(tmp_path):
    from scipy.io import mmwrite
    from scipy.sparse import coo_array

    pairs = np.array([(1, 0), (2, 0), (3, 1)])
    matrix = coo_array((np.ones(3), pairs.T), shape=(5, 5))
    mmwrite(tmp_path / "g.mtx", matrix + matrix.T, symmetry="symmetric")
    graph = read_graph_file(tmp_path / "g.mtx")
    assert graph.names == ("1", "2", "3", "4", "5")
    assert pairs_of(graph) == {("1", "2"), ("1", "3"), ("2", "4")}


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(-2, 2)), min_size=1),
    st.sampled_from(["integer", "real", "complex", "pattern"]),
    st.booleans(),
)
def test_entries_of_a_matrix_are_those_that_scipy_reads(tmp_path_factory, entries, field, both):
    from scipy.io import mmread, mmwrite
    from scipy.sparse import coo_array

    once = {(row, column): value for row, column, value in entries}
    rows, columns = zip(*once, strict=True)
    matrix = coo_array((np.array([*once.values()], float), (rows, columns)), shape=(9, 9))
    matrix = coo_array(matrix + matrix.T) if both else matrix
    file = tmp_path_factory.getbasetemp() / "any.mtx"
    mmwrite(file, matrix, field=field, symmetry="symmetric" if both else "general")
    there = coo_array(mmread(file))
    wanted = {
        tuple(sorted((str(r + 1), str(c + 1))))
        for r, c, v in zip(there.row, there.col, there.data, strict=True) if v != 0 and r != c
    }  # fmt: skip
    if not wanted:
        with pytest.raises(DataError, match="no edges"):
            read_graph_file(file)
        return
    graph = read_graph_file(file)
    assert {tuple(sorted(pair)) for pair in pairs_of(graph)} == wanted


@pytest.mark.parametrize("entries", ["0 1", "1 5", "1", "1 2 3", "a b", "-1 2", "1 2\n2 1\n3 1"])
def test_a_matrix_with_damaged_entries_is_refused(tmp_path, entries):
    # scipy's reader of entries ended the process on some of these: no exception, no message.
    head = "%%MatrixMarket matrix coordinate pattern general\n4 4 2\n2 1\n"
    with pytest.raises(DataError, match=r"g\.mtx"):
        read(tmp_path, "g.mtx", head + entries + "\n")


def test_xml_with_entities_is_refused(tmp_path):
    bomb = (
        '<!DOCTYPE g [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><graphml><graph>&b;</graph></graphml>'
    )
    with pytest.raises(DataError, match="entities"):
        read(tmp_path, "g.graphml", bomb)


def test_a_file_that_grows_past_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 2**21)
    with pytest.raises(DataError, match="MiB once unpacked"):
        read(tmp_path, "g.txt.gz", gzip.compress(b"a b\n" * 2**20))


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60)).filter(lambda e: e[0] != e[1]),
        min_size=1, max_size=40, unique=True,
    )
)  # fmt: skip
def test_what_networkx_writes_is_read_as_it_was(tmp_path_factory, edges):
    folder = tmp_path_factory.getbasetemp()
    graph = nx.Graph([(f"n{u}", f"n{v}") for u, v in edges])
    wanted = undirected(graph.edges)
    nx.write_graphml(graph, folder / "any.graphml")
    nx.write_gexf(graph, folder / "any.gexf")
    nx.write_adjlist(graph, folder / "any.adjlist")
    nx.write_edgelist(graph, folder / "any.edgelist")
    (folder / "any.json").write_text(json.dumps(nx.node_link_data(graph, edges="edges")))
    for suffix in ("graphml", "gexf", "adjlist", "edgelist", "json"):
        assert pairs_of(read_graph_file(folder / f"any.{suffix}")) == wanted


def outcomes(case):
    return case["expect"].get("either", [case["expect"]])


def failing(outcome, graph, error):
    """Why a reading is not `outcome`; nothing if it is."""
    if error is not None:
        words = outcome.get("refused", [])
        return "" if any(w.lower() in str(error).lower() for w in words) else f"refused: {error}"
    if "refused" in outcome:
        return "not refused"
    edges = pairs_of(graph)
    if "counts" in outcome:
        found = {"nodes": graph.node_count, "edges": len(edges)}
        return "" if found == outcome["counts"] else f"{found}"
    listed = {tuple(edge) for edge in outcome["edges"]}
    wanted = listed if outcome["directed"] else undirected(listed)
    labels = dict(zip(graph.names, graph.labels, strict=True))
    warned = outcome.get("warned", [])
    right = (
        set(graph.names) == set(outcome["nodes"])
        and (graph.directed, edges) == (outcome["directed"], wanted)
        and outcome.get("labels", {}).items() <= labels.items()
        and all(any(w in n for w in group for n in graph.notes) for group in warned)
    )  # fmt: skip
    return "" if right else f"{graph.names} {edges} {graph.labels} {graph.notes}"


def test_the_pack_of_graph_files_is_read_right(shared):
    folder = shared / "faults" / "graphs"
    if not folder.is_dir():
        pytest.skip("no pack of graph files")
    wrong = []
    for case in json.loads((folder / "cases.json").read_text(encoding="utf-8")):
        graph = error = None
        try:
            directed = "--directed_graph" in case.get("args", [])
            graph = read_graph_file(folder / case["file"], directed=directed)
        except DataError as refusal:
            error = str(refusal).replace(str(folder), "")
        reasons = [failing(outcome, graph, error) for outcome in outcomes(case)]
        wrong += [(case["name"], reasons)] * all(reasons)
    assert not wrong


@pytest.mark.parametrize("text", [";", ";\n;;\n", "| |\n|---|\n", "---\n"])
def test_a_table_of_empty_cells_has_no_edges(tmp_path, text):
    file = tmp_path / "edges.csv"
    file.write_text(text)
    with pytest.raises(DataError, match="no edges in the file"):
        read_graph_file(file)


@pytest.mark.parametrize("name", ["own.csv.gz", "../own.json", "a\0b.csv", "x" * 400 + ".csv"])
def test_bytes_are_read_by_their_name_as_a_file_is_and_the_name_opens_nothing(name):
    text = b'{"a": ["b"]}' if "json" in name else b"source,target\na,b\n"
    content = gzip.compress(text) if name.endswith("gz") else text
    assert graph_in_bytes(content, Path(name)).names == ("a", "b")
    with pytest.raises(DataError) as refused:
        graph_in_bytes(b"a,b\nb\n", Path("../bad.csv"))
    assert str(refused.value).startswith("../bad.csv:2:")
