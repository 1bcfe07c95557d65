"""`geomem list`, and `latest` wherever a command takes a run."""

import json
import os
from contextlib import chdir

import pytest

from geometric_memory.cli.main import main
from geometric_memory.errors import CheckpointError
from geometric_memory.files.lock import RunLock
from geometric_memory.report.stored import located

SHORT = ("--preset", "tiny", "--max_steps", "4", "--checkpoint_interval_steps", "2")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Runs `old`, then `young`, then a section of `geomem tiny`, then a damaged folder."""
    folder = tmp_path_factory.mktemp("list")
    with chdir(folder):
        for name in ("old", "young"):
            assert main(["train", *SHORT, "--run_name", name]) == 0
        cycle = ["tiny", "run", "associative_fast", "--graph", "cycle", "--steps", "3"]
        assert main([*cycle, "--seeds", "6-7", "--no-figures", "--workers", "1"]) == 0
    logs = folder / "experiment_logs"
    (logs / "broken").mkdir()
    (logs / "broken" / "config.json").write_text("{")
    newest_first = (
        "tiny/fp32/associative_fast-cycle.safetensors",
        "in_weights/young/config.json",
        "in_weights/old/config.json",
        "broken/config.json",
    )
    for age, file in enumerate(newest_first):
        os.utime(logs / file, (1e9 - age, 1e9 - age))
    return folder


@pytest.fixture
def here(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    capsys.readouterr()
    return workplace / "experiment_logs"


def test_runs_are_listed_newest_first_with_their_numbers(here, capsys):
    assert main(["list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [
        "associative_fast-cycle-seed7", "associative_fast-cycle-seed6", "young", "old", "broken",
    ]  # fmt: skip
    summary = json.loads((here / "in_weights" / "old" / "summary.json").read_text())
    old, broken = rows[-2:]
    assert (old["status"], old["steps"], old["seed"]) == ("finished", 4, 0)
    assert (old["final"], old["chance"]) == (summary["final"], summary["chance"])
    assert old["run"] == "experiment_logs/in_weights/old"
    assert (broken["status"], rows[0]["steps"]) == ("damaged", 3)
    assert "config.json: is not JSON" in broken["problem"]
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[-2].split()[-1] == old["run"]
    assert f"{summary['final']['edge_memorization/top_k_recovery']:.1f}" in lines[-2]


def test_a_run_that_is_going_on_is_running_and_one_that_was_killed_is_not(here, capsys, tmp_path):
    run = here / "in_weights" / "old"
    summary = (run / "summary.json").read_bytes()

    def status():
        main(["list", str(run), "--json"])
        return json.loads(capsys.readouterr().out)[0]["status"]

    try:
        (run / "summary.json").unlink()
        assert status() == "unfinished"
        with RunLock(run / "run.lock"):
            assert status() == "running"
            assert (run / "run.lock").exists()
        (run / "run.lock").write_text(json.dumps({"pid": 2**22 + 1, "host": os.uname().nodename}))
        assert status() == "unfinished"
    finally:
        (run / "run.lock").unlink(missing_ok=True)
        (run / "summary.json").write_bytes(summary)


def test_a_folder_without_runs(here, capsys, tmp_path):
    assert main(["list", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", f"no run in {tmp_path}\n")


def test_latest_is_a_run_wherever_one_is_asked_for(here, capsys):
    assert main(["evaluate", "latest", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert main(["evaluate", str(here / "in_weights" / "young"), "--json"]) == 0
    assert measured == json.loads(capsys.readouterr().out)
    assert main(["verify", "experiment_logs/in_weights/latest"]) == 0
    assert "equal, bit for bit" in capsys.readouterr().out
    assert main(["train", "--resume", "latest"]) == 0
    assert "young: this run is finished already" in capsys.readouterr().err
    assert located(here / "latest").name == "associative_fast-cycle.safetensors"
    assert located(here / "in_weights" / "latest") == here / "in_weights" / "young"


def test_there_is_no_latest_of_nothing(here, tmp_path, capsys):
    with pytest.raises(CheckpointError, match="there is no run in"):
        located(tmp_path / "latest")
    assert main(["report", str(tmp_path / "latest")]) != 0
    assert "there is no run in" in capsys.readouterr().err
    (tmp_path / "latest").mkdir()
    assert located(tmp_path / "latest") == tmp_path / "latest"
