"""Reading: arrays equal what was written, and each broken rule is named with its place."""

import re
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geometric_memory.config import DatasetConfig, DatasetSettings, GraphSettings
from geometric_memory.datasets.dataset import draw_dataset
from geometric_memory.datasets.reader import read_dataset, read_table
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import DataError
from geometric_memory.graphs.build import build_graph

CYCLE = {"graph_type": "cycle", "total_nodes": 8, "path_length": 3}


@pytest.fixture
def spoiled(build):
    """Return a function that spoils one file of a set without manifest and reads the set."""
    config, files = build(**CYCLE)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()

    def spoil(split, change):
        path = getattr(files, split)
        path.write_bytes(change(path.read_bytes()))
        return read_dataset(config)

    return spoil


def line(number, text):
    """Return a change that replaces one line."""

    def change(content):
        lines = content.split(b"\n")
        lines[number - 1] = text
        return b"\n".join(lines)

    return change


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize(
    "graph",
    [
        {"star_degree": 6, "path_length": 4},
        {"star_degree": 4, "star_subtree_degree": 2, "path_length": 4},
        {"graph_type": "grid", "grid_rows": 4, "grid_cols": 4, "path_length": 5},
        {"graph_type": "irregular", "path_length": 5},
        {"graph_type": "hypercube", "path_length": 4},
        CYCLE,
    ],
)
def test_reading_gives_what_was_built(build, graph, loops, start):
    config, _ = build(**graph, add_self_edges=loops, include_start_node_in_path_finetuning=start)
    read = read_dataset(config)
    made = build_graph(config.graph, Random(0))
    both = np.concatenate([made.edges, made.edges[:, ::-1]])
    expected = both.tolist() + [[i, i] for i in range(made.node_count)] * loops
    assert read.facts.tolist() == expected
    together = np.concatenate([read.train_paths, read.test_paths]).tolist()
    assert sorted(together) == sorted(made.paths.tolist())
    assert (read.graph.node_count, read.graph.root, read.notes) == (made.node_count, made.root, ())


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("graph", [{"star_degree": 6, "path_length": 4}, CYCLE])
def test_self_edges_may_be_of_no_node_of_leaves_or_of_all(build, configure, graph, add):
    build(**graph)
    for which in ("none", "leaves", "all"):
        config = configure(**graph, add_self_edges=add, self_edges=which)
        read = read_dataset(config)
        ends = np.concatenate([read.train_paths, read.test_paths])[:, -1]
        nodes = {"none": [], "leaves": sorted({*ends.tolist()}), "all": range(read.node_count)}[
            which
        ]
        both = np.concatenate([read.graph.edges, read.graph.edges[:, ::-1]])
        assert read.facts.tolist() == both.tolist() + [[node, node] for node in nodes]
        assert draw_dataset(config).facts.tolist() == read.facts.tolist()


# Lines of the data set: pretrain "0=1", ..., paths "2=0,1,2" in an order fixed by the seed.
@pytest.mark.parametrize(
    ("split", "change", "place", "rule"),
    [
        ("pretrain", lambda _: b"", "1:1", "the file is empty"),
        ("test", lambda _: b"\n", "1:1", "the file is empty"),
        ("pretrain", lambda c: b"\xef\xbb\xbf" + c, "1:1", "byte order mark"),
        ("pretrain", line(2, b"1==2"), "2:3", "a node id is missing"),
        ("pretrain", line(2, b"1="), "2:3", "a node id is missing"),
        ("pretrain", line(2, b"1=x"), "2:3", "'x' is not a node id"),
        ("pretrain", line(2, b"1=-2"), "2:3", "'-2' is not a node id"),
        ("pretrain", line(2, b"1=2.0"), "2:3", "'2.0' is not a node id"),
        ("pretrain", line(2, b"1=1e30"), "2:3", "'1e30' is not a node id"),
        ("pretrain", line(2, b"1=\x00"), "2:3", r"'\x00' is not a node id"),
        ("pretrain", line(2, b"1=\xff"), "2:3", r"'\xff' is not a node id"),
        ("pretrain", line(2, b"1=02"), "2:3", "'02' has leading zeros"),
        ("pretrain", line(2, b"1=" + b"9" * 10_000_000), "2:3", "is too large"),
        ("pretrain", line(2, b"9" * 18 + b"=1"), "2:1", "out of vocabulary"),
        ("pretrain", line(2, b"1=8"), "2:3", "node 8 is out of vocabulary: the graph has nodes"),
        ("pretrain", line(2, b"1=2,3"), "2:4", "',' where the end of the line must follow"),
        ("pretrain", line(2, b"1"), "2:2", "the end of the line where '=' must follow 1 of 2"),
        ("pretrain", line(2, b""), "2:1", "empty line"),
        ("pretrain", line(2, b"1 = 2"), "2:1", "'1 ' is not a node id"),
        ("pretrain", line(2, b"1=1"), "2:1", "a self edge in a file without self edges"),
        ("train", line(1, b"2=0,1"), "1:6", "the end of the line where ',' must follow 3 of 4"),
        ("train", line(1, b"3=0,1,2,3"), "1:8", "',' where the end of the line must follow"),
        ("train", line(1, b"5=0,1,2"), "1:7", "the path does not end at node 5 of its prompt"),
        ("train", line(1, b"3=0,1,3"), "1:7", "the path steps from 1 to 3: no such edge"),
        ("train", line(1, b"1=0,1,1"), "1:7", "the path steps from 1 to 1: no such edge"),
    ],
)
def test_each_broken_rule_is_named_with_its_place(spoiled, split, change, place, rule):
    with pytest.raises(DataError) as caught:
        spoiled(split, change)
    first = str(caught.value).splitlines()[0]
    assert re.search(rf"\.txt:{place}: ", first), first
    assert rule in first
    assert len(first) < 400


def test_a_test_path_among_the_train_paths_is_refused(build):
    config, files = build(**CYCLE)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()
    files.test.write_bytes(files.test.read_bytes() + files.train.read_bytes().splitlines()[0])
    with pytest.raises(DataError, match=r"test_2\.txt:3:1: this path is a train path too"):
        read_dataset(config)


def test_a_path_may_not_stay_on_a_node_even_with_self_edges(build):
    config, files = build(**CYCLE, add_self_edges=True)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()
    files.test.write_bytes(b"1=0,1,1\n")
    with pytest.raises(DataError, match=r":1:7: the path steps from 1 to 1: no such edge"):
        read_dataset(config)


def test_a_path_must_start_at_the_start_of_its_prompt(build):
    config, files = build(**CYCLE, include_start_node_in_path_finetuning=True)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()
    files.test.write_bytes(b"1,2=0,1,2\n")
    with pytest.raises(DataError, match=r":1:5: the path does not start at node 1 of its prompt"):
        read_dataset(config)


def test_the_first_twenty_problems_are_listed(spoiled):
    with pytest.raises(DataError) as caught:
        spoiled("pretrain", lambda content: b"x=y\n" * 50)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 30 more problems"


def test_problems_of_several_files_are_listed_together(build):
    config, files = build(**CYCLE)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()
    files.train.write_bytes(b"9=0,1,9\n")
    files.test.write_bytes(b"0=0,1,9\n")
    with pytest.raises(DataError, match=r"train_6\.txt:1:1.*\n.*train_6.*1:7.*\n.*test_2\.txt:1:7"):
        read_dataset(config)


def test_windows_line_ends_repeats_and_a_missing_last_line_end_are_noted(spoiled):
    changed = spoiled("pretrain", lambda c: c.replace(b"\n", b"\r\n") + b"0=1")
    assert changed.facts[-1].tolist() == [0, 1]
    notes = "\n".join(changed.notes)
    for note in ("Windows line ends", "may be cut off", "1 repeated edge lines"):
        assert note in notes


@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("asked", [2, 4])
def test_a_cycle_of_another_path_length_without_manifest_is_refused_once(
    build, configure, asked, start
):
    with_start = {"include_start_node_in_path_finetuning": start}
    _, files = build(**CYCLE, **with_start)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()
    with pytest.raises(DataError, match=r"train_6\.txt:1: its paths have 3 nodes, and") as caught:
        read_dataset(configure(**CYCLE | {"path_length": asked} | with_start))
    assert "--path_length 3" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_fewer_lines_than_the_name_promises_are_refused(build):
    config, files = build(**CYCLE)
    next(files.pretrain.parent.glob("*_manifest.json")).unlink()
    assert read_dataset(config).notes
    files.train.write_bytes(b"".join(files.train.read_bytes().splitlines(keepends=True)[:4]))
    with pytest.raises(DataError, match=r"train_6\.txt:4: the last line, though .* promises 6"):
        read_dataset(config)


rows_of_ids = st.lists(st.tuples(*[st.integers(0, 10**18 - 1)] * 3), min_size=1, max_size=20)


@given(rows_of_ids)
def test_well_formed_rows_are_read_exactly(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "rows.txt"
    path.write_text("".join(f"{a}={b},{c}\n" for a, b, c in rows))
    table, notes = read_table(path, b"=,\n")
    assert table.values.tolist() == [list(row) for row in rows]
    assert notes == []
    for row, text in enumerate(path.read_text().splitlines()):
        place = table.place(row, 2)
        assert int(text[int(place.rpartition(":")[2]) - 1 :]) == rows[row][2]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("0123456789=,\n\r x-", max_size=60) | st.binary(max_size=60).map(bytes))
def test_any_bytes_are_read_or_refused_with_a_place(tmp_path, text):
    path = tmp_path / "any.txt"
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(content)
    ids = rb"(0|[1-9][0-9]{0,17})"
    valid = re.fullmatch(
        rb"(%s=%s,%s\n)*%s=%s,%s\n?" % ((ids,) * 6), content.replace(b"\r\n", b"\n")
    )
    try:
        table, _ = read_table(path, b"=,\n")
    except DataError as error:
        assert valid is None
        assert re.match(rf"{re.escape(str(path))}:\d+:\d+: ", str(error))
    else:
        assert valid is not None
        assert table.values.shape[1] == 3


def test_the_settings_of_the_files_come_with_the_data(build, tmp_path):
    config, _ = build(**CYCLE, random_seed=5)
    same = DatasetConfig(
        graph=GraphSettings(**CYCLE, random_seed=5, grid_rows=3),
        dataset=DatasetSettings(dataset_root=str(tmp_path)),
    )
    assert read_dataset(same).settings == config.graph


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=4, max_size=20),
    st.booleans(),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.booleans(),
)
def test_the_graph_comes_back_from_its_files(tmp_path_factory, edges, directed, ways, self_edges):
    root = tmp_path_factory.mktemp("root")
    (root / "g.txt").write_text("".join(f"{u} {v}\n" for u, v in edges))
    config = DatasetConfig(
        graph=GraphSettings(
            graph_type="custom", graph_file=str(root / "g.txt"), directed_graph=directed,
            path_length=2,
        ),
        dataset=DatasetSettings(
            dataset_root=str(root), add_forward_edges=ways[0], add_backward_edges=ways[1],
            add_self_edges=self_edges, train_split_ratio=0.5,
        ),
    )  # fmt: skip
    try:
        drawn = draw_dataset(config)
    except DataError:
        return
    build_dataset(config)
    found = read_dataset(config)
    for name in ("facts", "train_paths", "test_paths"):
        np.testing.assert_array_equal(getattr(found, name), getattr(drawn, name))
    for name in ("edges", "paths", "order"):
        np.testing.assert_array_equal(getattr(found.graph, name), getattr(drawn.graph, name))
    for name in ("names", "labels", "family", "root", "directed", "node_count"):
        assert getattr(found.graph, name) == getattr(drawn.graph, name)
