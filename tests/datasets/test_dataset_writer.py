"""Writing: what stands in the files, all or nothing, never over what exists."""

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from geometric_memory.config import DatasetConfig, DatasetSettings, GraphSettings
from geometric_memory.datasets.files import find_dataset
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import ConfigurationError, DataError, DiskError
from geometric_memory.files import whole

CYCLE = {"graph_type": "cycle", "total_nodes": 12}


def rows(path):
    return [line.replace("=", ",").split(",") for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "settings",
    [
        {"star_degree": 12, "path_length": 5},
        {"star_degree": 6, "star_subtree_degree": 3, "path_length": 4},
        {
            "star_degree": 6,
            "star_subtree_degree": 3,
            "path_length": 4,
            "split_subtree_holdout": True,
        },
    ],
)
def test_held_out_paths_are_held_out(build, settings):
    _, files = build(**settings)
    train, test = rows(files.train), rows(files.test)
    assert train
    assert test
    train_leaves = {row[0] for row in train}
    assert not train_leaves & {row[0] for row in test}
    nodes_of_training = {node for row in train for node in row[2:]}
    if settings.get("split_subtree_holdout") or settings.get("star_subtree_degree", 1) == 1:
        # The arm below the root: no node of it, the first hop included, is on a train path.
        assert not nodes_of_training & {node for row in test for node in row[2:]}
    else:
        assert not nodes_of_training & {row[-1] for row in test}


def test_both_variants_differ_in_self_edges_alone(build):
    config, files = build(**CYCLE, path_length=4)
    folder = files.pretrain.parent
    plain, loops = (
        (folder / f"cycle_N_12_sd_00_fb_11_selfedge_{s}_pretrain.txt").read_text() for s in (0, 1)
    )
    assert loops == plain + "".join(f"{i}={i}\n" for i in range(12))
    assert len(list(folder.iterdir())) == 7
    assert not config.dataset.add_self_edges


def test_reciprocal_directed_edges_are_written_once(build, tmp_path):
    graph = tmp_path / "two.txt"
    graph.write_text("a b\nb a\nb c\n")
    _, files = build(
        graph_type="custom", graph_file=str(graph), directed_graph=True, path_length=2
    )  # fmt: skip
    assert files.pretrain.read_text() == "0=1\n1=0\n1=2\n2=1\n"


def test_existing_files_are_refused_and_listed(build):
    config, files = build(**CYCLE, path_length=4)
    before = files.train.read_bytes()
    with pytest.raises(DataError, match="use --overwrite") as caught:
        build(**CYCLE, path_length=4)
    for path in files.pretrain.parent.iterdir():
        assert path.name in str(caught.value)
    assert files.train.read_bytes() == before
    assert find_dataset(config) is not None


def test_overwriting_leaves_nothing_of_the_old_set(build):
    _, old = build(**CYCLE, path_length=4)
    config, new = build(**CYCLE, path_length=6, train_split_ratio=0.5, overwrite=True)
    names = {path.name for path in new.pretrain.parent.iterdir()}
    assert len(names) == 7
    assert old.train.name not in names
    assert find_dataset(config) == new


def test_the_manifest_names_no_folder(build, tmp_path):
    graph = tmp_path / "line.txt"
    graph.write_text("a b\nb c\n")
    _, files = build(graph_type="custom", graph_file=str(graph), path_length=3)
    manifest = next(files.pretrain.parent.glob("*_manifest.json"))
    text = manifest.read_text()
    assert str(tmp_path) not in text
    stored = json.loads(text)
    assert stored["names"] == ["a", "b", "c"]
    assert stored["graph"]["graph_file"] == "line.txt"
    assert "dataset_root" not in stored["dataset"]
    assert set(stored["graph"]) == set(GraphSettings.__dataclass_fields__)
    assert set(stored["dataset"]) == set(DatasetSettings.__dataclass_fields__) - {"dataset_root"}
    assert [file["lines"] for file in stored["files"]] == [4, 1, 1, 7, 1, 1]


def test_unusable_settings_are_refused_before_anything_is_made(build, tmp_path):
    with pytest.raises(ConfigurationError, match="needs a tree-star"):
        build(**CYCLE, path_length=4, split_subtree_holdout=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failing_write", range(7))
def test_a_full_disk_leaves_the_old_set_whole(build, monkeypatch, failing_write):
    config, _ = build(**CYCLE, path_length=4)
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > failing_write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(whole, "WAITS", ())
    monkeypatch.setattr(whole.os, "fsync", full)
    told = r"No space left on device; \d+ bytes are needed, \d+ are free"
    with pytest.raises(DiskError, match=told):
        build(**CYCLE, path_length=6, overwrite=True)
    monkeypatch.undo()
    assert find_dataset(config) is not None
    assert len(list(Path(config.dataset.dataset_root).glob("*/*"))) == 7
    assert not list(Path(config.dataset.dataset_root).glob("*/.building*"))


def killed_at(number: int, folder: Path, work) -> bool:
    """Do `work` in a process killed at its n-th change below `folder`; whether it came to that."""
    process = os.fork()
    if process == 0:
        left = number

        def count(event, arguments):
            nonlocal left
            place = str(arguments[0]) if arguments else ""
            opened = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            changed = event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir") or opened
            if changed and (place.startswith(str(folder)) or not place.startswith("/")):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_writer_killed_at_any_change_is_finished_by_the_next_command(
    configure, tmp_path, overwrite
):
    """Reader and writer find the old set or the new one, whole, and the same command ends well."""
    number, ends = 0, {"old": 0, "new": 0}
    killed = True
    while killed:
        number += 1
        root = tmp_path / str(number)
        # One split of the other sizes: files of the old set do not all have new ones over them.
        old = configure(**CYCLE, path_length=4, train_split_ratio=0.5, dataset_root=str(root))
        new = configure(**CYCLE, path_length=4, random_seed=1, dataset_root=str(root))
        if overwrite:
            build_dataset(old)
        work = partial(build_dataset, new, overwrite=overwrite)
        killed = killed_at(number, root, work)
        try:
            found = find_dataset(new)
            ends["old" if found is None else "new"] += 1
        except DataError:
            assert find_dataset(old) is not None
            ends["old"] += 1
        if overwrite or ends["new"] == 0:
            build_dataset(new, overwrite=overwrite)
        assert read_dataset(new).notes == ()
        assert len(list(root.glob("*/*"))) == 7
        assert not list(root.glob("*/.building-*"))
    assert number > 15
    assert ends["old"] > 5
    assert ends["new"] > 5


def test_the_command_whose_build_was_killed_finds_its_files(configure, tmp_path):
    config = configure(**CYCLE, path_length=4)
    assert killed_at(13, tmp_path, lambda: build_dataset(config))
    assert len(list(tmp_path.glob("*/.building-*/*"))) < 7
    assert build_dataset(config) == find_dataset(config)
    with pytest.raises(DataError, match="use --overwrite"):
        build_dataset(config)


def test_what_a_killed_writer_left_of_another_set_is_ended_too(configure, tmp_path):
    other = configure(graph_type="cycle", total_nodes=15, path_length=4)
    assert killed_at(13, tmp_path, lambda: build_dataset(other))
    stray = tmp_path / "cycle_graphs_randomized/.building-stray"
    stray.mkdir()
    (stray / "cycle_N_9_manifest.json").write_text("{")
    build_dataset(configure(**CYCLE, path_length=4))
    assert not list(tmp_path.glob("*/.building-*"))
    assert find_dataset(other) is not None


def test_a_place_that_cannot_be_written_is_named(configure, tmp_path):
    (tmp_path / "file").write_text("")
    config = configure(**CYCLE, path_length=4, dataset_root=str(tmp_path / "file" / "deeper"))
    with pytest.raises(DiskError, match="deeper"):
        build_dataset(config)


def test_a_writer_waits_for_another_to_finish_renaming(configure, tmp_path):
    config = configure(**CYCLE, path_length=4)
    folder = tmp_path / "cycle_graphs_randomized"
    folder.mkdir()
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    writer = threading.Thread(target=build_dataset, args=(config,))
    writer.start()
    writer.join(timeout=0.3)
    assert writer.is_alive()
    assert not list(folder.glob("*.txt"))
    os.close(other)
    writer.join(timeout=30)
    assert find_dataset(config) is not None


def _race(root, seed, barrier, results):
    config = DatasetConfig(
        graph=GraphSettings(graph_type="cycle", total_nodes=300, path_length=4, random_seed=seed),
        dataset=DatasetSettings(dataset_root=root),
    )
    barrier.wait()
    try:
        build_dataset(config)
        results.put((seed, "built"))
    except DataError:
        results.put((seed, "refused"))


@pytest.mark.parametrize("seeds", [(1, 1), (1, 2)])
def test_two_writers_of_one_name_leave_whole_sets(configure, tmp_path, seeds):
    """Of one set, one writer builds it and the other is refused; two sets lie side by side."""
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(2), context.Queue()
    writers = [
        context.Process(target=_race, args=(str(tmp_path), seed, barrier, results))
        for seed in seeds
    ]
    for writer in writers:
        writer.start()
    outcome = [results.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    built = {seed for seed, result in outcome if result == "built"}
    assert built == set(seeds)
    assert len(outcome) - len(built) == [result for _, result in outcome].count("refused")
    for seed in seeds:
        config = configure(graph_type="cycle", total_nodes=300, path_length=4, random_seed=seed)
        assert read_dataset(config).notes == ()
    assert len(list(tmp_path.glob("*/*"))) == 7 * len(built)
