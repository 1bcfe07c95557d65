"""What may change without a bit of the result: hash seeds, homes, clocks, places."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from trials import TINY, differences, result, run_folder

from geometric_memory.files.tensors import PICKLE_STARTS
from geometric_memory.runs.checkpoints import CheckpointStore

OLD = Path(__file__).with_name("old")
KILLED = {"moment": "mid_epoch", "occurrence": 23, "deed": "kill"}
AUDITED = """
import sys
WATCHED = ("socket.__new__", "socket.connect", "socket.getaddrinfo", "pickle.find_class")
sys.addaudithook(lambda event, _: event in WATCHED and sys.stderr.write(f"AUDIT {event}\\n"))
from geometric_memory.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def reference(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert workshop.run(TINY, folder).code == 0
    return result(run_folder(folder))


def test_a_strange_environment_changes_nothing_and_opens_no_socket_or_pickle(
    workshop, reference, tmp_path
):
    """Half of the run in a process of its own: other hashes, no home, another time zone."""
    assert workshop.run(TINY, tmp_path, **KILLED).code == -9
    strange = {
        "PYTHONHASHSEED": "77", "HOME": "/proc/nobody", "TZ": "Pacific/Kiritimati", "LC_ALL": "C",
        "XDG_CACHE_HOME": "/proc/nobody/cache", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-c", AUDITED, *TINY, "--resume", "auto"],
        cwd=tmp_path, env=os.environ | strange, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "resumed from" in ended.stderr
    assert "AUDIT" not in ended.stderr
    run = run_folder(tmp_path)
    assert differences(reference, result(run)) == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if path.read_bytes()[:6].startswith(PICKLE_STARTS)]


def test_a_clock_that_jumps_back_changes_nothing(workshop, reference, tmp_path):
    assert workshop.run(TINY, tmp_path, **KILLED).code == -9
    run = run_folder(tmp_path)
    for age, checkpoint in enumerate(CheckpointStore(run / "checkpoints").all()):
        os.utime(checkpoint, (2e9 - 1e6 * age,) * 2)  # the last one looks oldest
    fault = {"moment": "mid_epoch", "occurrence": 1, "deed": "clock_goes_back"}
    resumed = workshop.run([*TINY, "--resume", "auto"], tmp_path, **fault)
    assert resumed.code == 0, resumed.said
    assert "resumed from step-00000020" in resumed.said
    assert differences(reference, result(run)) == []


def test_a_run_in_a_folder_of_another_name_behind_a_link(workshop, reference, tmp_path):
    """The folder may be moved and linked to between two parts of a run."""
    assert workshop.run(TINY, tmp_path, **KILLED).code == -9
    real = run_folder(tmp_path).rename(tmp_path / "moved")
    link = tmp_path / "link"
    link.symlink_to(real)
    resumed = workshop.run(["train", "--resume", link], tmp_path)
    assert resumed.code == 0, resumed.said
    assert differences(reference, result(real)) == []


def test_another_number_of_threads_is_told_and_stays_close(workshop, reference, tmp_path):
    assert workshop.run(TINY, tmp_path, threads=1, **KILLED).code == -9
    run = run_folder(tmp_path)
    resumed = workshop.run(["train", "--resume", run], tmp_path, threads=4)
    assert resumed.code == 0, resumed.said
    assert "threads was 1 and is 4: the bits may differ" in resumed.said
    losses = [
        [row["edge_memorization/loss"] for row in r["rows"]] for r in (reference, result(run))
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize("version", sorted(path.name for path in OLD.iterdir()))
def test_runs_of_past_versions_are_read_and_gone_on_with(workshop, reference, tmp_path, version):
    run = tmp_path / "logs/in_weights" / version
    shutil.copytree(OLD / version, run)
    resumed = workshop.run(["train", "--resume", run], tmp_path)
    assert resumed.code == 0, resumed.said
    assert "resumed from step-00000020" in resumed.said
    final = load_file(CheckpointStore(run / "checkpoints").labelled("final") / "model.safetensors")
    new = tmp_path / "new.safetensors"
    new.write_bytes(reference["model"])
    for name, values in load_file(new).items():
        assert final[name] == pytest.approx(values, rel=1e-2, abs=1e-3), name
    evaluated = workshop.run(["evaluate", run, "--json"], tmp_path)
    assert evaluated.code == 0, evaluated.said
    assert "test/accuracy" in json.loads(evaluated.said)
