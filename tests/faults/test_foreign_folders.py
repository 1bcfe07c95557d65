"""Folders that came from somebody else: whatever lies in them, nothing outside is touched."""

import hashlib
import json
import os
import shutil

import pytest
from trials import TINY, run_folder

from geometric_memory.errors import CheckpointError, DataError, DiskError
from geometric_memory.files.lock import RunLock, is_locked
from geometric_memory.files.whole import read_json, refuse_links
from geometric_memory.runs.metrics import RowFile, read_rows
from geometric_memory.sweeps.folder import SweepFolder

NAMES = ("../../../../victim", "/tmp/victim", "a/b", "..", ".hidden", "", "a\n", "a" * 300, "nä")
LINKED = ("metrics.jsonl", "predictions.jsonl", "resumes.jsonl", "run.lock")


@pytest.fixture(scope="module")
def stopped(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped")
    fault = {"moment": "mid_epoch", "occurrence": 48, "deed": "kill"}
    assert workshop.run(TINY, folder, **fault).code == -9
    return folder


@pytest.fixture
def sent(stopped, tmp_path):
    """A run that was sent to us, and the working folder that it lies in."""
    shutil.copytree(stopped, tmp_path / "sent", symlinks=True)
    return tmp_path / "sent", run_folder(tmp_path / "sent")


def outside(folder):
    """What lies beside the folder of the run."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "logs" not in path.relative_to(folder).parts
    }


def test_a_label_is_a_plain_name(workshop, sent):
    folder, run = sent
    checkpoint = max(run.glob("checkpoints/step-*"))
    state = json.loads((checkpoint / "state.json").read_text())
    state["labels"]["../../../../victim"] = checkpoint.name
    content = json.dumps(state).encode()
    (checkpoint / "state.json").write_bytes(content)
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    signature = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest["files"]["state.json"] = signature
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    before = outside(folder)
    ended = workshop.run(["train", "--resume", run], folder)
    assert ended.code == 4, ended.said
    assert "state.json" in ended.said
    assert "labels" in ended.said
    assert outside(folder) == before


@pytest.mark.parametrize("name", LINKED)
@pytest.mark.parametrize("there", [True, False])
def test_no_file_of_a_run_is_reached_through_a_link(workshop, sent, name, there):
    folder, run = sent
    victim = folder / "victim"
    if there:
        victim.write_text("precious\n" * 1000)
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim)
    before = outside(folder)
    ended = workshop.run(["train", "--resume", run], folder)
    assert ended.code == 6, ended.said
    assert f"{run / name}: cannot be written: is a symbolic link" in ended.said
    assert outside(folder) == before
    assert victim.exists() == there


@pytest.mark.parametrize("place", ["checkpoints", "artifacts", "artifacts/embedding_evolution"])
def test_no_folder_of_a_run_is_a_link(workshop, sent, place):
    folder, run = sent
    victim = folder / "victim"
    (victim / "step-99999999").mkdir(parents=True)
    (victim / ".tmp-precious").write_text("precious")
    if (run / place).exists():
        (run / place).rename(run / "moved")
    (run / place).symlink_to(victim)
    before = outside(folder)
    ended = workshop.run(["train", "--resume", run], folder)
    assert ended.code == 4, ended.said
    assert f"{run / place}: is a symbolic link" in ended.said
    assert outside(folder) == before
    assert list(victim.iterdir()) != []


def test_other_runs_are_looked_at_without_following_links(workshop, sent):
    """`--resume auto` takes the lock of every run with these settings, for a moment."""
    folder, run = sent
    victim = folder / "victim"
    victim.write_text("precious")
    (run / "run.lock").unlink(missing_ok=True)
    (run / "run.lock").symlink_to(victim)
    ended = workshop.run([*TINY, "--resume", "auto", "--max_steps", "0"], folder)
    assert "nothing to resume" in ended.said
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("key", NAMES)
def test_the_key_of_a_cell_is_a_plain_name(tmp_path, key):
    row = {"kind": "train", "key": key, "settings": {}}
    (tmp_path / "plan.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=r"plan\.jsonl.*key"):
        SweepFolder(tmp_path).read_plan()


@pytest.fixture(params=["link", "link to nothing", "pipe", "device", "folder"])
def no_file(request, tmp_path):
    """Something with the name of a file of a run that is none."""
    place, target = tmp_path / "run.json", tmp_path / "target"
    match request.param:
        case "pipe":
            os.mkfifo(place)
        case "device":
            place.symlink_to("/dev/zero")
        case "folder":
            place.mkdir()
        case "link":
            target.write_text("{}\n")
            place.symlink_to(target)
        case _:
            place.symlink_to(target)
    yield place
    assert not target.exists() or target.read_text() == "{}\n"


def test_only_plain_files_are_read(no_file):
    for read in (read_json, lambda path: list(read_rows(path))):
        with pytest.raises(CheckpointError, match=r"run\.json: cannot be read"):
            read(no_file)


def test_only_plain_files_are_written(no_file):
    for write in (RowFile, lambda path: RunLock(path).__enter__()):
        with pytest.raises(DiskError, match=r"run\.json: cannot be written"):
            write(no_file)
    assert is_locked(no_file)


def test_a_link_deep_in_a_folder_is_found(tmp_path):
    (tmp_path / "run/checkpoints/step-00000001").mkdir(parents=True)
    refuse_links(tmp_path / "run")
    refuse_links(tmp_path / "not there")
    (tmp_path / "run/checkpoints/step-00000002").symlink_to(tmp_path)
    with pytest.raises(CheckpointError, match="step-00000002: is a symbolic link"):
        refuse_links(tmp_path / "run")
