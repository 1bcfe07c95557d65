"""`geomem sweep`: refusals before anything is created, exit codes, and going on."""

import pytest
from small_sweeps import results

from geometric_memory.cli.main import main

BRIEF = ["--preset", "tiny", "--device", "cpu", "--path_finetuning_epochs", "1",
         "--path_finetuning_warmup_steps", "0", "--workers", "1"]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "code", "messages"),
    [
        ([], 2, ["needs --grid, FILE.py, or --folder alone"]),
        (["--seed", "1"], 2, ["needs --grid, FILE.py, or --folder alone"]),
        (["--folder", "nowhere"], 3, ["nowhere: is not the folder of a sweep"]),
        (["--grid"], 2, ["--grid needs a value"]),
        (["--grid", "seed=1", "--folder="], 2, ["--folder needs a value"]),
        (["none.py"], 2, ["none.py: there is no such file"]),
        (["--grid", "seed=1", "--run_name", "x"], 2, ["run_name: the sweep sets this itself"]),
        (["--grid", "experiment=mamba", "--seed", "1"], 2, ["take no settings of geomem train"]),
        (
            ["--grid", "seed=0-1", "--engine", "rey", "--shard", "4/4", "--workers", "none",
             "--gpus", "1", "--shards", "0", "--slurm", "time", "--star_degree", "x"],
            2,
            ["--star_degree 'x'"],
        ),
        (
            ["--grid", "seed=0-1", "--engine", "rey", "--shard", "4/4", "--workers", "none",
             "--gpus", "1", "--shards", "0", "--slurm", "time", "--grid", "sed=1",
             "--run_name", "x"],
            2,
            ["did you mean seed?", "run_name: the sweep", "--engine rey", "I from 0 to N - 1",
             "--workers none", "--gpus is for --engine ray", "--shards 0", "--slurm time",
             "--shard needs no engine"],
        ),
    ],
)  # fmt: skip
def test_refusals_tell_all_and_create_nothing(here, capsys, words, code, messages):
    assert main(["sweep", *words]) == code
    said = capsys.readouterr().err
    for message in messages:
        assert message in said
    assert "Traceback" not in said
    assert list(here.iterdir()) == []


def test_a_failing_cell_is_told_and_a_rerun_does_only_what_is_missing(here, capsys):
    rates = ["--grid", "path_finetuning_learning_rate=0.01,1e38", "--folder", "s"]
    assert main(["sweep", *BRIEF, *rates]) == 1
    said = capsys.readouterr()
    assert "2 cells: 1 finished, 1 failed; table: s/results.parquet" in said.out
    assert "loss or gradient is not finite" in said.out
    assert "examples: runs/in_weights/" in said.out
    assert results(here / "s")["status"].to_pylist() == ["finished", "failed"]
    (finished,) = here.glob("s/runs/*/*/summary.json")
    before = finished.stat().st_mtime_ns
    assert main(["sweep", "--folder", "s", "--shard", "0/2"]) == 0  # its own cell is finished
    assert "1 of 1 cells are there already" in capsys.readouterr().err
    assert finished.stat().st_mtime_ns == before


def test_a_sweep_over_graphs_of_ones_own(here, capsys):
    (here / "ring.csv").write_text("source,target\n0,1\n1,2\n2,3\n3,4\n4,0\n")
    (here / "line.csv").write_text("source,target\n0,1\n1,2\n2,3\n3,4\n4,5\n")
    own = ["--graph_type", "custom", "--path_length", "3", "--folder", "s"]
    assert main(["sweep", *BRIEF, *own, "--grid", "graph_file=ring.csv,line.csv"]) == 0
    assert "2 cells: 2 finished" in capsys.readouterr().out
    assert main(["sweep", *BRIEF, *own[:-1], "t", "--grid", "seed=0,1"]) == 2
    assert "--graph_type custom needs --graph_file FILE" in capsys.readouterr().err
    assert not (here / "t").exists()


def test_help_tells_the_sweep_and_the_settings(capsys):
    with pytest.raises(SystemExit) as leaving:
        main(["sweep", "--help"])
    assert leaving.value.code == 0
    said = capsys.readouterr().out
    for text in ("--grid SETTING=A,B,C", "--shard I/N", "--star_degree", "--preset"):
        assert text in said
