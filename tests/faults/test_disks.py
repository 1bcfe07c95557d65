"""Disks that are full, read-only, flaky or gone: earlier work stays, and the exit code is 6."""

import errno
import os
import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from trials import TINY, differences, result, run_folder

from geometric_memory.errors import DiskError
from geometric_memory.files import whole
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.metrics import MetricLog, read_rows

MANY = ["--keep_checkpoints", "100"]


@pytest.fixture(scope="module")
def reference(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert workshop.run([*TINY, *MANY], folder).code == 0
    return result(run_folder(folder))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "logs"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def leftovers(folder):
    return list(folder.rglob(".tmp-*"))


def test_a_full_disk_ends_the_run_and_loses_nothing(workshop, reference, tmp_path, small_disk):
    filler = small_disk / "filler"
    filler.write_bytes(bytes(700_000))
    ended = workshop.run([*TINY, *MANY], tmp_path)
    assert ended.code == 6, ended.said
    assert "bytes are needed" in ended.said
    assert "Traceback" not in ended.said
    run = run_folder(tmp_path)
    assert not leftovers(run)
    assert CheckpointStore(run / "checkpoints").newest(pytest.fail) is not None
    filler.unlink()
    resumed = workshop.run(["train", "--resume", run], tmp_path)
    assert resumed.code == 0, resumed.said
    assert differences(reference, result(run)) == []


def test_a_disk_full_of_data_refuses_the_data_set(workshop, tmp_path, small_disk):
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(2**20 - 8192))
    ended = workshop.run(["train", "--preset", "tiny", "--dataset_root", small_disk], tmp_path)
    assert ended.code == 6, ended.said
    assert not list(small_disk.rglob("*.txt"))


@pytest.mark.parametrize(
    "words",
    [
        ["dataset", "--graph_type", "star", "--star_degree", "2000", "--dataset_root", "."],
        ["tiny", "run", "transformer", "--graph", "star", "--steps", "1", "--results", "."],
        ["convert", "../w.safetensors", "out.safetensors"],
    ],
    ids=lambda words: words[0],
)
def test_other_commands_on_a_full_disk(workshop, tmp_path, small_disk, words):
    weights = {"embed_tokens.weight": torch.ones(2000, 16)}
    save_file(weights, tmp_path / "w.safetensors")
    with (small_disk / "filler").open("wb") as filler:
        filler.write(bytes(2**20 - 8192))
    ended = workshop.run(words, small_disk)
    assert ended.code == 6, ended.said
    assert "Traceback" not in ended.said
    left = {path.name for path in small_disk.rglob("*") if path.is_file()}
    results = {"transformer-star.json", "transformer-star.safetensors"}  # written before figures
    assert left <= {"filler"} | (results if words[0] == "tiny" else set())


def test_a_run_on_another_disk_behind_a_link(workshop, reference, tmp_path, small_disk):
    """No file is renamed from one disk to another."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/logs").symlink_to(small_disk)
    ended = workshop.run([*TINY, "--keep_checkpoints", "3"], tmp_path / "elsewhere")
    assert ended.code == 0, ended.said
    assert result(run_folder(tmp_path / "elsewhere"))["model"] == reference["model"]


def test_a_read_only_disk_is_refused_before_the_first_step(workshop, tmp_path, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    ended = workshop.run(TINY, tmp_path)
    assert ended.code == 6
    assert "logs" in ended.said
    assert "run folder" not in ended.said


def test_a_file_where_a_folder_belongs(workshop, tmp_path):
    (tmp_path / "logs").write_text("")
    ended = workshop.run(TINY, tmp_path)
    assert ended.code == 6
    assert "Traceback" not in ended.said


@pytest.mark.parametrize(
    "point", ["before_tmp_write", "mid_write", "before_fsync", "before_rename"]
)
def test_an_error_that_passes_is_got_over(workshop, reference, tmp_path, point):
    ended = workshop.run(
        [*TINY, *MANY], tmp_path, moment=point, occurrence=2, deed="errors", errno=errno.EIO
    )
    assert ended.code == 0, ended.said
    assert not leftovers(tmp_path)
    assert differences(reference, result(run_folder(tmp_path))) == []


@pytest.mark.parametrize("number", [errno.EDQUOT, errno.EROFS])
def test_an_error_that_stays_ends_the_run(workshop, tmp_path, number):
    fault = {"moment": "before_manifest", "occurrence": 10**6, "deed": "errors", "errno": number}
    ended = workshop.run(TINY, tmp_path, **fault)
    assert ended.code == 6
    assert "Traceback" not in ended.said
    assert not leftovers(tmp_path)


def is_named(ended) -> bool:
    """Whether the file that the disk refused first is the one of the message.

    What is written beside its place is named by its place, and is no lock.
    """
    refused = next(
        line.removeprefix("refused: ") for line in ended.said.splitlines() if "refused: " in line
    )
    parts = refused.partition("/logs/")[2] or refused.partition("/data/")[2]
    error = next(line for line in ended.said.splitlines() if line.startswith("error: "))
    beside = r"(?!run\.lock)[^/]+"
    pattern = "/".join(
        beside if part.startswith((".tmp-", ".building-")) else re.escape(part)
        for part in parts.split("/")
    ).replace(f"{beside}/star_deg", "star_deg")
    return re.search(pattern, error) is not None


def refused_at(workshop, folder, number, errno_):
    words = ["--track_embedding_evolution", "--path_finetuning_epochs", "1"]
    return workshop.run(
        [*TINY, *words], folder, moment="change", occurrence=number, deed="refuse", errno=errno_
    )


@pytest.mark.parametrize("number", [4, 9, 22, 34, 46, 52, 58, 70, 78, 115])
def test_a_failing_disk_is_told_by_the_file_that_failed(workshop, tmp_path, number):
    ended = refused_at(workshop, tmp_path, number, errno.EIO)
    assert ended.code == 6, ended.said
    assert "Traceback" not in ended.said
    assert is_named(ended), ended.said


@pytest.mark.slow
@pytest.mark.parametrize("number_", [errno.EIO, errno.ENOSPC, errno.EROFS])
def test_every_failing_change_is_told_by_its_file(workshop, tmp_path, number_):
    number, unnamed = 1, []
    while True:
        folder = tmp_path / str(number)
        folder.mkdir()
        ended = refused_at(workshop, folder, number, number_)
        if "refused: " not in ended.said or ended.code == 0:
            break
        assert ended.code == 6, ended.said
        assert "Traceback" not in ended.said
        if not is_named(ended):
            unnamed.append(ended.said)
        number += 1
    assert number > 100
    assert unnamed == []


def test_a_run_folder_that_vanishes(workshop, tmp_path):
    fault = {"moment": "mid_epoch", "occurrence": 12, "deed": "vanish"}
    ended = workshop.run(TINY, tmp_path, **fault, place=str(tmp_path / "logs"))
    assert ended.code == 6
    assert "Traceback" not in ended.said


def test_rows_wait_for_a_disk_that_was_full(tmp_path, monkeypatch):
    log = MetricLog(tmp_path / "metrics.jsonl")
    log.write(stage="s", epoch=1, step=1, loss=1.0)

    class Full:
        """A file that takes ten bytes more, as a full disk does."""

        def __init__(self, file):
            self.file, self.left = file, 10

        def write(self, content):
            if self.left == 0:
                raise OSError(errno.ENOSPC, "full")
            taken = self.file.write(bytes(content[: self.left]))
            self.left -= taken
            return taken

        def __getattr__(self, name):
            return getattr(self.file, name)

    rows = log._rows
    disk = rows._file
    rows._file = Full(disk)
    log.write(stage="s", epoch=2, step=2, loss=float("nan"))
    assert [row["step"] for row in read_rows(log._rows.path)] == [1]
    monkeypatch.setattr(whole, "WAITS", ())
    with pytest.raises(DiskError):
        log.state()
    rows._file = disk
    log.write(stage="s", epoch=3, step=3, loss=3.0)
    found = list(read_rows(log._rows.path))
    assert [row["step"] for row in found] == [1, 2, 3]
    assert found[1]["loss"] is None
    assert log.state()["bytes"] == log._rows.path.stat().st_size
    log.close()
