"""`geomem geometry`: vectors of other programs, by name and in order, and what is refused."""

import json

import networkx as nx
import numpy as np
import pytest
import scipy.sparse.csgraph
from safetensors.numpy import save_file

import geometric_memory as gm
from geometric_memory.cli.main import main
from geometric_memory.errors import DataError

GRID = nx.relabel_nodes(nx.grid_2d_graph(6, 6), lambda node: f"n{node[0]}{node[1]}")
LAYOUT = nx.spectral_layout(GRID)
NAMES = list(GRID)
ROWS = np.array([LAYOUT[name] for name in NAMES])
SHUFFLED = np.random.default_rng(0).permutation(36)
DIGITS = {name: [f"{x:.5f}" for x in LAYOUT[name]] for name in NAMES}


def word2vec(head="36 2\n"):
    """What gensim's `save_word2vec_format` writes, in an order of its own."""
    return head + "".join(f"{NAMES[i]} {' '.join(DIGITS[NAMES[i]])}\n" for i in SHUFFLED)


def table(separator=",", head="", names=True):
    rows = [[name] * names + DIGITS[name] for name in NAMES]
    return head + "".join(separator.join(row) + "\n" for row in rows)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the graph in a file whose nodes first appear in the order of `NAMES`."""
    monkeypatch.chdir(tmp_path)
    nodes = [{"id": name} for name in NAMES]
    edges = [{"source": u, "target": v} for u, v in GRID.edges]
    (tmp_path / "grid.json").write_text(json.dumps({"nodes": nodes, "edges": edges}))
    return tmp_path


def asked(*words, capsys):
    assert main(["geometry", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)["verdict"]


TEXTS = {
    "gensim.txt": word2vec(),
    "glove.txt": word2vec(head=""),
    "savetxt.txt": table(" ", names=False),
    "plain.csv": table(names=False),
    "named.csv": table(),
    "pandas.csv": table(head=",0,1\n"),
    "unnamed.csv": table(head="0,1\n", names=False),
    "headed.tsv": table("\t", head="node\tx\ty\n"),
    "semicolons.csv": table(";", head="name;x;y\n"),
}


@pytest.fixture
def measured(monkeypatch):
    """Collect the vectors that are measured, in the order of the nodes, instead of measuring."""
    found, answer = [], gm.geometry(ROWS[:2], [("a", "b")])

    def measure(rows, *_, **__):
        found.append(rows)
        return answer

    monkeypatch.setattr("geometric_memory.api.geometry.measure_geometry", measure)
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_text_is_read_by_name_or_in_order(name, place, measured):
    (place / name).write_text(TEXTS[name])
    gm.geometry(name, "grid.json")
    np.testing.assert_allclose(measured[0], ROWS, atol=1e-5)


def test_arrays_are_read_by_name_or_in_order(place, measured):
    np.save("rows.npy", ROWS.astype(np.float32))
    np.savez("rows.npz", anything=ROWS)
    np.savez("pair.npz", words=np.array(NAMES)[SHUFFLED], vectors=ROWS[SHUFFLED])
    np.savez("each.npz", **{NAMES[i]: ROWS[i] for i in SHUFFLED})
    save_file({"wte": ROWS}, "rows.safetensors")
    save_file({NAMES[i]: ROWS[i] for i in SHUFFLED}, "each.safetensors")
    for name in ("rows.npy", "rows.npz", "pair.npz", "each.npz", "rows.safetensors",
                 "each.safetensors"):  # fmt: skip
        gm.geometry(name, "grid.json")
        np.testing.assert_allclose(measured.pop(), ROWS, atol=1e-6)


def test_an_embedding_of_others_is_a_map_and_noise_is_none(place, capsys):
    """Distances along the graph, embedded by sklearn where it is there, else by SVD."""
    lengths = scipy.sparse.csgraph.shortest_path(nx.to_scipy_sparse_array(GRID), unweighted=True)
    try:
        from sklearn.manifold import MDS
    except ImportError:
        centred = lengths**2 - (lengths**2).mean(0)
        left, values, _ = np.linalg.svd(-(centred - centred.mean(1, keepdims=True)) / 2)
        rows = left[:, :2] * np.sqrt(values[:2])
    else:
        rows = MDS(2, dissimilarity="precomputed", random_state=0).fit_transform(lengths)
    np.save("mds.npy", rows)
    assert asked("mds.npy", "grid.json", capsys=capsys) == "map"
    np.save("noise.npy", np.random.default_rng(1).normal(size=(36, 8)))
    assert asked("noise.npy", "grid.json", capsys=capsys) == "none"


def test_it_prints_the_graph_then_the_verdict_with_its_reason(place, capsys):
    (place / "gensim.txt").write_text(word2vec())
    assert main(["geometry", "gensim.txt", "grid.json"]) == 0
    first, second, third, *rest = capsys.readouterr().out.splitlines()
    assert "36 nodes, 60 edges, undirected" in first
    assert second.startswith("map (score +0.9")
    assert "far nodes are in order" in second
    assert third.startswith("reach 7 hops, rho +0.9")
    assert rest[0].split()[:2] == ["hops", "distance"]


def test_graphs_of_a_family_and_the_flags_of_a_reader(place, capsys):
    layout = nx.spectral_layout(nx.grid_2d_graph(5, 5))
    np.save("five.npy", np.array([layout[node] for node in sorted(layout)]))
    family = ["--graph_type", "grid", "--grid_rows", "5", "--grid_cols", "5"]
    assert asked("five.npy", *family, capsys=capsys) == "map"
    edges = "".join(f"{n}|w|{u}|{v}\n" for n, (u, v) in enumerate(GRID.edges))
    (place / "odd.data").write_text(edges)
    (place / "gensim.txt").write_text(word2vec())
    flags = ["--columns", "3,4", "--separator", "pipe"]
    assert asked("gensim.txt", "odd.data", *flags, capsys=capsys) == "map"


def test_whole_numbers_in_the_first_column_are_names_only_where_that_is_certain(place, measured):
    path = [(i, i + 1) for i in range(11)]
    (place / "ids.csv").write_text("".join(f"{i},{float(i)},0.5\n" for i in range(11, -1, -1)))
    (place / "whole.csv").write_text("".join(f"{9 * i},{i},1\n" for i in range(12)))
    for name in ("ids.csv", "whole.csv"):
        gm.geometry(name, path)
    ids, whole = measured
    assert ids.tolist() == [[i, 0.5] for i in range(12)]
    assert whole.tolist() == [[9 * i, i, 1] for i in range(12)]


def harmed(text):
    return text.replace(DIGITS["n00"][1], "x1", 1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("short.csv", "1.5,2\n2,3\n", r"short.csv of shape \(2, 2\): the graph has 36 nodes.*n00"),
        ("few.txt", word2vec().replace("n0", "m0"), "without a vector: n0., n0., n0. and 3 more; "
         "no nodes of the graph: m00, m01, m02 and 3 more"),
        ("cut.txt", word2vec()[:-60], "cut.txt:1: 36 vectors are announced, 3. follow"),
        ("word.csv", harmed(table()), "word.csv:1: 'x1' is no number"),
        ("ragged.csv", table() + "n99,1\n", "ragged.csv:37: 2 cells, the first row has 3"),
        ("twice.csv", table() + table(), "n00 twice"),
        ("nan.csv", table().replace(DIGITS["n00"][1], "nan", 1), "not finite, or too large: n00$"),
        ("it.bin", b"36 2\nn00 \xff\xfe\x80\x81", "no text in UTF-8; expected .npy"),
        ("bad.npy", b"\x93NUMPY\x01\x00", "no sound array file"),
        ("object.npy", None, "no sound array file: Object arrays cannot be loaded"),
        ("several.npz", None, "expected one table .* it holds 3: a"),
        ("bad.safetensors", b"1234567890", "is not a safetensors file"),
        ("empty.csv", "\n", "is empty"),
        ("none.csv", None, "cannot be read: No such file"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_message(name, content, message, place, capsys):
    np.save("object.npy", np.array([{}]), allow_pickle=True)
    np.savez("several.npz", a=ROWS, b=ROWS, c=ROWS[0])
    if content is not None:
        (place / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main(["geometry", name, "grid.json"]) == 3
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    with pytest.raises(Exception, match=message) as caught:
        gm.geometry(name, "grid.json")
    assert f"error: {caught.value}\n" == error


def test_labels_are_names_too(place, measured):
    (place / "l.gml").write_text(
        'graph [ node [ id 0 label "a b" ] node [ id 1 label "c" ] edge [ source 0 target 1 ] ]'
    )
    (place / "v.txt").write_text("2 2\na b 0.5 1\nc 2 3\n")
    gm.geometry("v.txt", "l.gml")
    assert measured[0].tolist() == [[0.5, 1], [2, 3]]
    with pytest.raises(DataError, match="without a vector: 0, 1; no nodes of the graph: x"):
        gm.geometry({"x": [1.0]}, "l.gml")
