"""Several processes at once, and locks that were left behind."""

import json
import multiprocessing
import shutil

import pytest
from trials import TINY, differences, result, run_folder

from geometric_memory.errors import RunLockedError
from geometric_memory.files.lock import RunLock, is_locked


@pytest.fixture(scope="module")
def stopped(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped")
    fault = {"moment": "mid_epoch", "occurrence": 48, "deed": "kill"}
    assert workshop.run(TINY, folder, **fault).code == -9
    assert (run_folder(folder) / "run.lock").exists()
    return folder


@pytest.fixture
def copy(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "copy")
    return tmp_path / "copy", run_folder(tmp_path / "copy")


@pytest.mark.slow
def test_sixteen_at_once_get_a_folder_each(workshop, tmp_path):
    """No data set is there either: one of them builds it, and all of them read it whole."""
    line = [*TINY, "--run_name", "same", "--max_steps", "2"]
    ended = workshop.run_all([line] * 16, tmp_path)
    assert [one.code for one in ended] == [0] * 16, [one.said for one in ended if one.code]
    runs = sorted((tmp_path / "logs/in_weights").iterdir())
    assert {run.name for run in runs} == {"same", *(f"same-{i}" for i in range(2, 17))}
    results = [result(run) for run in runs]
    assert all(differences(results[0], other) == [] for other in results)


def test_one_of_several_goes_on_with_a_run(workshop, copy):
    folder, run = copy
    ended = workshop.run_all([["train", "--resume", run]] * 4, folder)
    worked = [one for one in ended if "resumed from" in one.said]
    assert len(worked) == 1
    for one in ended:
        assert one.code == 0 or (one.code == 2 and "another process works" in one.said)
    assert result(run)["summary"]["steps"] == 60


def test_a_lock_that_a_kill_left_is_cleared(workshop, copy):
    folder, run = copy
    ended = workshop.run(["train", "--resume", run], folder)
    assert ended.code == 0
    assert "cleared the lock of a run that has ended: process" in ended.said
    assert not (run / "run.lock").exists()


def test_a_lock_of_another_machine_is_respected(workshop, copy):
    folder, run = copy
    note = {"pid": 1, "host": "elsewhere", "start": "2020-01-01T00:00:00"}
    (run / "run.lock").write_text(json.dumps(note))
    refused = workshop.run(["train", "--resume", run], folder)
    assert refused.code == 2
    assert "elsewhere" in refused.said
    assert "--steal_lock" in refused.said
    afresh = workshop.run([*TINY, "--resume", "auto", "--max_steps", "0"], folder)
    assert "nothing to resume" in afresh.said
    assert workshop.run(["train", "--resume", run, "--steal_lock"], folder).code == 0


def hold(path, ready, done):
    with RunLock(path):
        ready.set()
        done.wait(30)


def test_a_living_process_holds_its_lock(tmp_path):
    path = tmp_path / "run.lock"
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(path, ready, done))
    process.start()
    ready.wait(30)
    with pytest.raises(RunLockedError, match=f"process {process.pid}"), RunLock(path):
        pass
    assert is_locked(path)
    done.set()
    process.join()
    assert not path.exists()
    assert not is_locked(path)


def test_what_a_lock_says_does_nothing_to_the_terminal(workshop, copy):
    folder, run = copy
    note = {"pid": 1, "host": "\x1b[2J\x1b]0;title\x07\x9b31m\ud800", "start": "now"}
    (run / "run.lock").write_text(json.dumps(note))
    for line in (["train", "--resume", run], ["train", "--resume", run, "--steal_lock"]):
        said = workshop.run(line, folder).said
        assert r"process 1 on \x1b[2J\x1b]0;title\x07\x9b31m\ud800 since now" in said
        assert "\x1b" not in said


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00" * 5000, "[" * 4000])
def test_a_lock_file_of_any_content_is_taken(tmp_path, content):
    path = tmp_path / "run.lock"
    path.write_text(content)
    with RunLock(path):
        assert json.loads(path.read_text())["pid"]
