"""Jobs of a sweep: what is run, resumed, batched, recorded and tabled."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest
from rich.console import Console
from safetensors.numpy import load_file
from small_sweeps import QUICK, results, run_missing

from geometric_memory.errors import ConfigurationError, DataError, Interrupted
from geometric_memory.files import whole
from geometric_memory.files.lock import RunLock
from geometric_memory.runs import train
from geometric_memory.runs.metrics import read_rows
from geometric_memory.sweeps.cells import make_cells
from geometric_memory.sweeps.folder import read_results, run_folders
from geometric_memory.sweeps.pieces import config_of, make_pieces, section_of
from geometric_memory.sweeps.rows import expand
from geometric_memory.tiny.results import numbers
from geometric_memory.tiny.training import train_section

TINY = ["experiment=neural_network", "graph=cycle,grid", "learning_rate=0.01,0.1", "seed=3-5",
        "steps=30", "width=16"]  # fmt: skip


def plan(folder, *axes, **settings):
    """Write the plan of a grid over `QUICK`, or of tiny cells; return its cells."""
    base = {} if any(axis.startswith("experiment=") for axis in axes) else QUICK | settings
    cells = make_cells([base | row for row in expand(list(axes))])
    folder.write_plan(cells)
    return cells


def test_every_cell_has_a_run_folder_a_record_and_a_row(folder):
    cells = plan(folder, "seed=0,1")
    assert [*run_missing(folder).values()] == ["finished", "finished"]
    folder.write_table()
    table = read_results(folder.path)
    assert table["key"].to_pylist() == [cell.key for cell in cells]
    assert table["seed"].to_pylist() == [0, 1]
    assert table["status"].to_pylist() == ["finished", "finished"]
    for run, loss in zip(run_folders(folder.path), table["final/test_forced/loss"], strict=True):
        assert json.loads((run / "summary.json").read_text())["final"]["test_forced/loss"] == (
            loss.as_py()
        )
    assert pyarrow.parquet.read_table(folder.table).equals(table)
    assert run_missing(folder) == {}


def test_a_cell_is_the_run_of_geomem_train(folder, tmp_path):
    (cell,) = plan(folder, "seed=4")
    run_missing(folder)
    (run,) = run_folders(folder.path)
    config = config_of(folder, cell)
    elsewhere = replace(config.logging, experiment_log_root=str(tmp_path / "beside"))
    alone = train.run_training(replace(config, logging=elsewhere), Console(quiet=True))
    last = json.loads((run / "checkpoints/final.json").read_text())["checkpoint"]
    weights = f"checkpoints/{last}/model.safetensors"
    assert (run / weights).read_bytes() == (alone.folder.path / weights).read_bytes()


def test_a_cell_stopped_halfway_goes_on_from_its_checkpoint(folder, monkeypatch):
    plan(folder, "seed=0,1")
    reached = []

    def stop(moment):
        reached.append(moment)
        if moment == "mid_epoch" and reached.count(moment) == 5:
            raise Interrupted("SIGTERM: stopped", 143)

    monkeypatch.setattr(whole, "hook", stop)
    with pytest.raises(Interrupted, match="SIGTERM"):
        run_missing(folder)
    monkeypatch.setattr(whole, "hook", None)
    assert [*run_missing(folder).values()] == ["finished", "finished"]
    (resumes,) = folder.runs.glob("*/*/resumes.jsonl")
    assert [row["step"] for row in read_rows(resumes)] == [4]
    other = type(folder)(folder.path.with_name("other"))
    plan(other, "seed=0,1")
    run_missing(other)
    assert results(other.path).equals(results(folder.path))


def test_a_run_folder_without_a_checkpoint_is_begun_afresh(folder):
    (cell,) = plan(folder, "seed=0")
    config = config_of(folder, cell)
    broken = folder.runs / config.dataset.dataset_name / cell.key
    broken.mkdir(parents=True)
    (broken / "config.json").write_text("{")
    assert [*run_missing(folder).values()] == ["finished"]


def test_a_failing_cell_is_recorded_and_the_others_go_on(folder, monkeypatch):
    cells = plan(folder, "path_finetuning_learning_rate=0.01,1e38", path_finetuning_warmup_steps=0)
    assert [*run_missing(folder).values()] == ["finished", "failed"]
    record = folder.record(cells[1].key)
    assert "not finite" in record["error"]
    assert f"examples: runs/in_weights/{cells[1].key}/failure.json" in record["error"]
    assert record["exit_code"] == 5
    table = read_results(folder.path)
    assert table["status"].to_pylist() == ["finished", "failed"]
    assert len(run_folders(folder.path)) == 1
    assert run_missing(folder) == {cells[1].key: "failed"}


def test_an_error_of_any_kind_is_one_cell_s_with_its_trace_in_the_log(folder, monkeypatch):
    (cell,) = plan(folder, "seed=0")
    monkeypatch.setattr("geometric_memory.sweeps.pieces.run_training", lambda c, console: 0)
    assert run_missing(folder) == {cell.key: "failed"}
    assert folder.record(cell.key)["error"].startswith("AttributeError")
    assert "Traceback" in (folder.logs / f"{cell.key}.txt").read_text()


def test_a_cell_that_another_process_is_at_is_left_alone(folder, monkeypatch):
    monkeypatch.setattr("geometric_memory.work.perform.PATIENCE", 0.0)
    (cell,) = plan(folder, "seed=0")
    run_missing(folder)
    shutil.rmtree(folder.records)
    (run,) = folder.runs.glob("*/*")
    with RunLock(run / "run.lock"):
        assert [*run_missing(folder).values()] == ["busy"]
    assert folder.record(cell.key) is None
    assert [*run_missing(folder).values()] == ["finished"]


def test_shards_share_all_jobs_out(folder):
    pieces = make_pieces(plan(folder, "seed=0-9", "add_self_edges=true,false"))
    parts = [pieces[index::3] for index in range(3)]
    assert {piece for part in parts for piece in part} == set(pieces)
    assert sum(map(len, parts)) == len(pieces)


def test_tiny_cells_of_equal_shape_are_one_batch_with_the_numbers_of_each_alone(folder):
    cells = plan(folder, *TINY)
    assert [len(piece.arguments["cells"]) for piece in make_pieces(cells)] == [6, 6]
    assert set(run_missing(folder).values()) == {"finished"}
    for cell in cells[::5]:
        alone = train_section(section_of(cell), [cell.seed])
        record = folder.record(cell.key)
        for name, values in numbers(alone).items():
            expected = None if np.isnan(values[0]) else pytest.approx(values[0], rel=1e-3, abs=1e-5)
            assert record["final"][name] == expected, name
        curves = load_file(folder.curves / f"{cell.key}.safetensors")
        np.testing.assert_allclose(curves["loss"], alone.curves["loss"][:, 0], rtol=1e-4)


def test_a_tiny_member_that_fails_is_told_apart_from_its_batch(folder):
    cells = plan(folder, "experiment=neural_network", "graph=cycle", "seed=3",
                 "learning_rate=0.01,1e30", "steps=30")  # fmt: skip
    assert len(make_pieces(cells)) == 1
    assert sorted(run_missing(folder).values()) == ["failed", "finished"]
    assert folder.finished(cells[0].key)


def test_a_folder_takes_more_cells_of_its_sweep_but_not_another_sweep(folder):
    plan(folder, "seed=0,1")
    plan(folder, "seed=0-3")
    assert len(folder.read_plan()) == 4
    with pytest.raises(ConfigurationError, match="holds another sweep, of which 4 of 4"):
        plan(folder, "seed=7-9")
    with pytest.raises(DataError, match="is not the folder of a sweep"):
        run_folders(folder.path.parent)


def test_a_missing_cell_has_a_row_too(folder):
    plan(folder, "seed=0,1")
    folder.complete(make_pieces(folder.read_plan())[1])
    table = read_results(folder.path)
    assert table["status"].to_pylist() == ["missing", "finished"]
    assert table["final/test/accuracy"].null_count == 1


def test_records_are_whole_or_absent(folder, monkeypatch):
    plan(folder, "seed=0")

    def stop(moment):
        if moment == "before_rename" and list(folder.records.glob("*")):
            raise KeyboardInterrupt

    monkeypatch.setattr(whole, "hook", stop)
    with pytest.raises(KeyboardInterrupt):
        run_missing(folder)
    monkeypatch.setattr(whole, "hook", None)
    assert list(folder.records.glob("*.json")) == []
    assert [*run_missing(folder).values()] == ["finished"]
    assert run_missing(folder) == {}
