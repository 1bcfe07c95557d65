"""Finding: the request against the manifest, the files against their sums, older releases."""

import dataclasses
import json
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geometric_memory.config import DatasetConfig, DatasetSettings, GraphSettings
from geometric_memory.datasets.dataset import draw_dataset
from geometric_memory.datasets.files import find_dataset
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import DataError
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.settings import GraphType
from geometric_memory.topic import unchecked

CYCLE = {"graph_type": "cycle", "total_nodes": 15}


def dataset_config(root, **chosen):
    dataset = {n: chosen.pop(n) for n in list(chosen) if n in DatasetSettings.__dataclass_fields__}
    return DatasetConfig(
        graph=GraphSettings(**chosen),
        dataset=DatasetSettings(dataset_root=str(root), **dataset),
    )


def manifest_of(files):
    return next(files.pretrain.parent.glob("*_manifest.json"))


def strip_to_older_release(files):
    """Leave what an old release wrote: no manifest, no self-edge part in the names."""
    manifest_of(files).unlink()
    for path in files.pretrain.parent.iterdir():
        path.rename(path.with_name(path.name.replace("_selfedge_0", "")))


def test_nothing_is_found_where_nothing_is(configure):
    assert find_dataset(configure(**CYCLE, path_length=4)) is None
    with pytest.raises(DataError, match="build it first: `geomem dataset`"):
        read_dataset(configure(**CYCLE, path_length=4))


def test_what_was_built_is_found(build):
    config, files = build(**CYCLE, path_length=4)
    assert find_dataset(config) == files
    assert files.notes == ()


OTHERS = (
    {"path_length": 6},
    {"random_seed": 3},
    {"train_split_ratio": 0.5},
    {"path_length": 5, "random_seed": 3, "train_split_ratio": 0.5},
)


def test_sets_of_one_published_name_lie_side_by_side(build, configure):
    """What is asked for is found, whichever came first; nothing that was built is lost."""
    first, files = build(**CYCLE, path_length=4)
    for other in OTHERS:
        asked = configure(**{**CYCLE, "path_length": 4, **other})
        assert find_dataset(asked) is None
        with pytest.raises(DataError, match="build it first"):
            read_dataset(asked)
        built = build_dataset(asked)
        assert find_dataset(asked) == built
        assert built.pretrain.parent == files.pretrain.parent
        assert built.pretrain.name.startswith("cycle_N_15_sd_00_fb_11_")
        assert not built.pretrain.name.startswith("cycle_N_15_sd_00_fb_11_selfedge")
        with pytest.raises(DataError, match="use --overwrite"):
            build_dataset(asked)
    assert find_dataset(first) == files
    assert len(list(files.pretrain.parent.iterdir())) == 7 * (1 + len(OTHERS))


settings_of_a_set = st.fixed_dictionaries(
    {
        "path_length": st.integers(2, 6),
        "random_seed": st.integers(0, 3),
        "train_split_ratio": st.sampled_from([0.5, 0.75]),
        "add_forward_edges": st.booleans(),
        "include_start_node_in_path_finetuning": st.booleans(),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(settings_of_a_set, min_size=2, max_size=5), st.data())
def test_any_sets_of_one_root_never_collide(tmp_path_factory, asked, data):
    """Built in any order, each reads back as if it were alone."""
    root = tmp_path_factory.mktemp("root")
    graph = data.draw(st.sampled_from([CYCLE, {"graph_type": "irregular"}, {"star_degree": 5}]))
    configs = [dataset_config(root, **graph, **each) for each in asked]
    for config in configs:
        if find_dataset(config) is None:
            build_dataset(config)
    for config in configs:
        found, drawn = read_dataset(config), draw_dataset(config)
        for name in ("facts", "train_paths", "test_paths"):
            np.testing.assert_array_equal(getattr(found, name), getattr(drawn, name))
        assert found.settings == config.graph
        assert found.notes == ()


def test_parameters_of_other_families_do_not_count(build, configure):
    star = {"star_degree": 5, "path_length": 4}
    build(**star)
    other = configure(**star, grid_rows=7, tree_depth=9, total_nodes=16, dataset_name="mine")
    assert find_dataset(other) is not None


def test_shuffled_ids_count_for_a_star_alone(build, configure):
    build(star_degree=5, path_length=4)
    assert find_dataset(configure(star_degree=5, path_length=4, randomize_node_ids=False)) is None
    build(**CYCLE, path_length=4)
    assert find_dataset(configure(**CYCLE, path_length=4, randomize_node_ids=False))


def test_every_setting_of_a_graph_counts_for_some_family():
    counted = {name for family in FAMILIES.values() for name in unchecked(family, {}).identity()}
    settings = {field.name for field in dataclasses.fields(GraphSettings)}
    assert counted | {"graph_type"} == settings
    assert tuple(FAMILIES) == get_args(GraphType)


def test_a_changed_graph_file_is_noticed(build, tmp_path):
    graph = tmp_path / "line.txt"
    graph.write_text("a b\nb c\n")
    config, first = build(graph_type="custom", graph_file=str(graph), path_length=3)
    assert find_dataset(config)
    graph.write_text("a c\nc b\n")
    assert find_dataset(config) is None
    edited = build_dataset(config)
    assert edited.manifest.names == ("a", "c", "b")
    graph.write_text("a b\nb c\n")
    assert find_dataset(config) == first


def test_a_truncated_file_is_named_with_both_sizes(build):
    config, files = build(**CYCLE, path_length=4)
    size = files.train.stat().st_size
    files.train.write_bytes(files.train.read_bytes()[:-3])
    with pytest.raises(DataError, match=rf"{files.train.name}: {size} bytes expected, {size - 3}"):
        find_dataset(config)


def test_a_changed_byte_is_noticed(build):
    config, files = build(**CYCLE, path_length=4)
    files.pretrain.write_bytes(files.pretrain.read_bytes().replace(b"0=1", b"0=2"))
    with pytest.raises(DataError, match=f"changed: SHA-256 {files.sha256['pretrain']} expected"):
        find_dataset(config)


def test_a_missing_file_is_named(build):
    config, files = build(**CYCLE, path_length=4)
    files.test.unlink()
    with pytest.raises(DataError, match=f"{files.test.name}: missing"):
        find_dataset(config)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged manifest"),
        (b"{}", "damaged manifest"),
        (b'{"schema": 1, "deep": ' + b"[" * 100_000, "damaged manifest"),
        (b'{"schema": ' + b"9" * 10_000 + b"}", "damaged manifest"),
        (b'{"schema": 1}', "damaged manifest"),
        (b"\xff", "damaged manifest"),
        (b'{"schema": 2, "what": [1]}', "newer version"),
    ],
)
def test_a_bad_manifest_is_refused(build, content, message):
    config, files = build(**CYCLE, path_length=4)
    manifest_of(files).write_bytes(content)
    with pytest.raises(DataError, match=message):
        find_dataset(config)


def test_a_manifest_whose_graph_breaks_a_rule_is_damaged(build):
    config, files = build(**CYCLE, path_length=4)
    manifest = manifest_of(files)
    data = json.loads(manifest.read_text())
    data["graph"]["total_nodes"] = 2
    manifest.write_text(json.dumps(data))
    with pytest.raises(DataError, match="damaged manifest: --total_nodes is required"):
        find_dataset(config)


@pytest.mark.parametrize("name", ["../../secret.txt", f"{'a' * 5000}.txt"])
def test_a_manifest_names_files_of_its_folder_alone(build, name):
    config, files = build(**CYCLE, path_length=4)
    manifest = manifest_of(files)
    data = json.loads(manifest.read_text())
    data["files"][0]["name"] = name
    manifest.write_text(json.dumps(data))
    with pytest.raises(DataError, match="no name of a data set file"):
        find_dataset(config)


def test_files_of_older_releases_are_read_with_notes(build, configure):
    config, files = build(star_degree=8, path_length=4)
    new = read_dataset(config)
    strip_to_older_release(files)
    old = read_dataset(config)
    assert old.facts.tolist() == new.facts.tolist()
    assert old.test_paths.tolist() == new.test_paths.tolist()
    assert old.graph.root == new.graph.root
    assert old.sha256 == new.sha256
    assert len(old.notes) == 2
    assert "older release" in old.notes[1]


def test_self_edges_of_older_releases_keep_their_part(build, configure):
    _, files = build(star_degree=8, path_length=4)
    strip_to_older_release(files)
    loops = read_dataset(configure(star_degree=8, path_length=4, add_self_edges=True))
    assert len(loops.notes) == 1
    assert np.array_equal(loops.facts[-25:, 0], loops.facts[-25:, 1])


def test_an_incomplete_older_set_names_what_is_missing(build, configure):
    _, files = build(**CYCLE, path_length=4)
    strip_to_older_release(files)
    with pytest.raises(DataError, match="missing: cycle_N_15_sd_00_fb_11_train_7"):
        find_dataset(configure(**CYCLE, path_length=4, train_split_ratio=0.5))


def test_the_older_irregular_file_is_read(build):
    config, files = build(graph_type="irregular", path_length=4)
    new = read_dataset(config)
    strip_to_older_release(files)
    for path in files.pretrain.parent.iterdir():
        path.rename(path.with_name(path.name.replace("edges_20", "edges_30")))
    old = read_dataset(config)
    assert old.facts.tolist() == new.facts.tolist()
    assert old.train_paths.tolist() == new.train_paths.tolist()
    assert "irregular_graph_nodes_16_edges_30" in old.notes[0]


@pytest.mark.parametrize("degree", [4, 5])  # with 4, both splits have as many paths
@pytest.mark.parametrize("held_out", [False, True])
def test_older_trees_say_how_they_are_split(build, configure, degree, held_out):
    tree = {"star_degree": degree, "star_subtree_degree": 2, "path_length": 4}
    config, files = build(**tree, split_subtree_holdout=held_out)
    strip_to_older_release(files)
    assert len(read_dataset(config).notes) == 2
    other = configure(**tree, split_subtree_holdout=not held_out)
    if degree == 4:
        assert "--split_subtree_holdout" in read_dataset(other).notes[-1]
    else:
        action = "give" if held_out else "leave out"
        with pytest.raises(DataError, match=f": {action} --split_subtree_holdout$"):
            read_dataset(other)


def test_other_families_need_their_manifest(build):
    config, files = build(graph_type="tree", path_length=4)
    assert find_dataset(config)
    manifest_of(files).unlink()
    with pytest.raises(DataError, match="missing; rebuild"):
        find_dataset(config)
