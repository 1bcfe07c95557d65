"""Sweeps with damaged files or hung workers: what is wrong is named, and the rest goes on."""

import json
import os
import shutil
import signal
import time

import pytest
from small_sweeps import QUICK, results, run_missing, start

from geometric_memory.cli.main import main
from geometric_memory.errors import DataError
from geometric_memory.sweeps.cells import make_cells
from geometric_memory.sweeps.folder import SweepFolder, read_results, run_folders
from geometric_memory.sweeps.rows import expand

WORDS = ["--preset", "tiny", "--device", "cpu", "--workers", "1", "--grid", "seed=0-2",
         "--folder", "sweep"]  # fmt: skip
for name, value in QUICK.items():
    WORDS += [] if name in ("preset", "device") else [f"--{name}", str(value)]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A working folder with the finished sweep of `WORDS`."""
    place = tmp_path_factory.mktemp("swept")
    folder = SweepFolder(place / "sweep")
    folder.write_plan(make_cells([QUICK | row for row in expand(["seed=0-2"])]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert [*run_missing(folder).values()] == ["finished"] * 3
        folder.write_table()
    return place


@pytest.fixture
def folder(swept, tmp_path, monkeypatch) -> SweepFolder:
    """A copy of it to damage, in the working folder."""
    shutil.copytree(swept, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return SweepFolder(tmp_path / "copy/sweep")


PLANS = {
    "garbage": (lambda lines: lines[0] + "garbage\n" + lines[2], "plan.jsonl:2: is not a cell"),
    "empty": (lambda lines: "", "plan.jsonl: cut short"),
    "blank": (lambda lines: "\n", "plan.jsonl:1: is not a cell"),
    "cut": (lambda lines: "".join(lines)[:-40], "plan.jsonl:3: is not a cell"),
    "cut at a line": (lambda lines: "".join(lines[:2]), "cut short: it lacks 1 cells with"),
    "other": (lambda lines: lines[0] + '{"a": 1}\n' + lines[2], "plan.jsonl:2: is not a cell"),
    "changed": (
        lambda lines: "".join(lines).replace('"star_degree": 4', '"star_degree": 5', 1),
        "plan.jsonl:1: its key is not that of its settings",
    ),
    "twice": (lambda lines: "".join([*lines, lines[1]]), "plan.jsonl:4: its key is not"),
    "binary": (lambda lines: "\x00\udc80" + "".join(lines), "plan.jsonl:1: is not a cell"),
}


@pytest.mark.parametrize("kind", PLANS)
def test_a_damaged_plan_is_named_and_mended_by_the_command_that_made_it(folder, capsys, kind):
    damage, message = PLANS[kind]
    whole, table = folder.plan.read_bytes(), folder.table.read_bytes()
    content = damage(whole.decode().splitlines(keepends=True))
    folder.plan.write_bytes(content.encode(errors="surrogateescape"))
    assert main(["sweep", "--folder", "sweep"]) == 3
    said = capsys.readouterr().err
    assert message in said
    assert "the command that planned the sweep writes its plan again" in said
    assert folder.table.read_bytes() == table
    for read in (read_results, run_folders):
        with pytest.raises(DataError, match=r"plan\.jsonl"):
            read(folder.path)
    assert main(["sweep", *WORDS]) == 0
    assert message in capsys.readouterr().err
    assert folder.plan.read_bytes() == whole
    assert results(folder.path)["status"].to_pylist() == ["finished"] * 3


def test_a_damaged_plan_of_another_sweep_is_left_alone(folder, capsys):
    for content in ("", folder.plan.read_text() + "garbage"):
        folder.plan.write_text(content)
        other = ["3-5" if word == "seed=0-2" else word for word in WORDS]
        other[other.index("3-5")] = "seed=3-5"
        assert main(["sweep", *other]) == 2
        assert "holds another sweep, of which 3 of 3 cells" in capsys.readouterr().err
        assert folder.plan.read_text() == content


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"key": 3}', "other", "\x00"])
def test_a_damaged_record_is_named_and_its_cell_run_again(folder, content):
    first, second, _ = sorted(folder.records.iterdir())
    before = results(folder.path)
    first.write_text(second.read_text() if content == "other" else content)
    table = read_results(folder.path)
    row = table.to_pylist()[table["key"].to_pylist().index(first.stem)]
    assert row["status"] == "missing"
    assert f"{first.name}: is" in row["error"]
    assert folder.find_damaged_records(table["key"].to_pylist()) == [row["error"]]
    assert len(run_folders(folder.path)) == 2
    assert [*run_missing(folder)] == [first.stem]
    assert results(folder.path).equals(before)


def test_a_sweep_with_a_damaged_record_says_so_and_goes_on(folder, capsys):
    first = min(folder.records.iterdir())
    first.write_text("[]")
    assert main(["sweep", "--folder", "sweep", "--workers", "1"]) == 0
    said = capsys.readouterr().err
    assert f"{first.name}: is not the record of a cell" in said
    assert "the cell is run again" in said
    assert "2 of 3 cells are there already" in said
    assert results(folder.path)["status"].to_pylist() == ["finished"] * 3


def damaged(run):
    """Every way in which files of the run of a cell may be damaged, by name."""
    last = sorted((run / "checkpoints").glob("step-*"))[-1]
    files = [run / name for name in ("config.json", "summary.json", "metrics.jsonl")]
    files += [run / "checkpoints/best.json", run / "checkpoints/final.json"]
    files += [last / name for name in ("state.json", "manifest.json", "model.safetensors")]
    for file in files:
        for content in (b"", b"[]", b"\x00garbage"):
            yield [file], content
    yield [run / "config.json", run / "summary.json"], b"{"
    yield [run / "summary.json", *run.glob("checkpoints/*/manifest.json")], b""
    yield [path for path in run.rglob("*") if path.is_file()], b"1"


def test_a_cell_with_any_damage_is_mended_or_run_again(folder):
    (cell, *_), before = folder.read_plan(), results(folder.path)
    kept = folder.path / "runs/in_weights" / cell.key
    whole = folder.path.with_name("whole")
    shutil.copytree(kept, whole)
    ways = list(damaged(kept))
    for files, content in ways:
        shutil.rmtree(kept)
        shutil.copytree(whole, kept)
        for file in files:
            file.write_bytes(content)
        (folder.records / f"{cell.key}.json").unlink()
        assert run_missing(folder) == {cell.key: "finished"}, (files, content)
        assert results(folder.path).equals(before), (files, content)
    assert len(ways) > 20


@pytest.mark.slow
def test_a_hung_worker_and_a_cell_without_end_are_ended_and_the_others_go_on(tmp_path):
    cells = """
import os, signal
tiny = {"preset": "tiny", "device": "cpu", "path_finetuning_eval_interval_epochs": 10**6}
cells = [
    tiny | {"path_finetuning_epochs": 10**6}, tiny | {"path_finetuning_epochs": 2 * 10**6},
    *[tiny | {"path_finetuning_epochs": 2, "seed": seed} for seed in range(3)],
]
"""
    (tmp_path / "cells.py").write_text(cells)
    process = start("cells.py", "--folder", "s", "--workers", "2", "--timeout", "40", cwd=tmp_path)
    folder = SweepFolder(tmp_path / "s")
    endless = folder_of_first_run(folder, process)
    holder = json.loads((endless / "run.lock").read_text())["pid"]
    os.kill(holder, signal.SIGSTOP)
    assert process.wait(300) == 1
    table = results(folder.path).to_pylist()
    assert [row["status"] for row in table] == ["failed", "failed", *["finished"] * 3]
    for row in table[:2]:
        assert "took longer than --timeout 40 seconds" in row["error"]
    assert len(list(folder.runs.glob("*/*/checkpoints/step-*"))) >= 4  # the kind end saved one


def folder_of_first_run(folder, process):
    while not (found := list(folder.runs.glob("*/*/run.lock"))):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    return found[0].parent


def test_a_grid_of_presets_warns_of_nothing_that_was_not_asked(tmp_path, monkeypatch, capsys):
    from geometric_memory.cli import sweep as command

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("geometric_memory.sweeps.sweep.run_sweep", None)
    for words, expected in (
        (["--grid", "preset=tiny,path_star_5000x5"], False),
        (["--preset", "tiny", "--grid", "seed=0,1"], False),
        (["--preset", "tiny", "--grid", "edge_memorization_epochs=3,4"], True),
        (["--preset", "tiny", "--grid", "edge_memorization_epochs=3,4", "--grid",
          "training_recipe=mixed_full_path,staged_full_path"], False),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            command.main([*words, "--folder", f"s{len(words)}{expected}"])
        assert ("ignores" in capsys.readouterr().err) == expected, words
