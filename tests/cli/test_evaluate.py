"""`geomem evaluate` and `geomem verify` of a finished run."""

import json
import math
import shutil

import pytest
import torch

from geometric_memory.cli.main import main
from geometric_memory.runs.metrics import read_rows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    words = ["--preset", "tiny", "--run_name", "run", "--max_steps", "4"]
    places = ["--dataset_root", str(folder / "data"), "--experiment_log_root", str(folder)]
    assert main(["train", *words, *places, "--checkpoint_interval_steps", "2"]) == 0
    return folder / "in_weights" / "run"


def test_the_numbers_are_those_of_the_last_row(run, capsys):
    assert main(["evaluate", str(run), "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    last = list(read_rows(run / "metrics.jsonl"))[-1]
    assert metrics == {name: last[name] for name in metrics}
    assert main(["evaluate", str(run)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    table = {name: float(value) for name, value in lines}
    assert table.keys() == metrics.keys()
    assert all(math.isclose(table[name], metrics[name], abs_tol=5e-5) for name in table)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none"], "is not a run folder"),
        (["RUN", "--checkpoint", "x"], "named x"),
        (
            ["RUN", "--checkpoint", "3"],
            "named 3 (but best, final, joint_training_final); of steps, 2",
        ),
    ],
)
def test_what_is_not_there(run, capsys, words, message):
    assert main(["evaluate", *[str(run) if word == "RUN" else word for word in words]]) == 4
    assert message in capsys.readouterr().err


@pytest.fixture(scope="module")
def from_a_gpu(run):
    """The same run, as if it had been trained on another machine."""
    config = json.loads((run / "config.json").read_text())
    config["training"]["device"] = "cuda"
    copy = run.with_name("from-a-gpu")
    shutil.copytree(run, copy)
    (copy / "config.json").write_text(json.dumps(config))
    return copy


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without CUDA")
@pytest.mark.parametrize("options", [[], ["--device", "cpu"]], ids=str)
def test_a_run_of_a_gpu_is_measured_where_there_is_none(run, from_a_gpu, capsys, options):
    assert main(["evaluate", str(run), "--json"]) == 0
    expected = capsys.readouterr().out
    assert main(["evaluate", str(from_a_gpu), "--json", *options]) == 0
    assert capsys.readouterr().out == expected
    assert main(["verify", str(from_a_gpu), *options]) == 0
    assert main(["report", str(from_a_gpu), "--output", str(from_a_gpu / "r.html"), *options]) == 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without CUDA")
@pytest.mark.parametrize("command", ["evaluate", "verify", "report"])
def test_a_device_that_is_not_there(run, capsys, command):
    assert main([command, str(run), "--device", "cuda"]) == 2
    assert (
        "--device cuda: this machine or this build of PyTorch has none" in capsys.readouterr().err
    )


def test_steps_trained_again_give_the_same_bits(run, capsys):
    assert main(["verify", str(run)]) == 0
    assert "steps 0 to 2 trained again" in capsys.readouterr().out


def test_a_checkpoint_is_named_by_its_step(run, capsys):
    found = []
    for name in ("2", "step-00000002", "4", "final"):
        assert main(["evaluate", str(run), "--checkpoint", name, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1] != found[2] == found[3]


def test_inside_a_run_it_is_named_by_a_dot_and_nothing_is_left_beside(run, capsys, monkeypatch):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.chdir(run)
    for command in ("evaluate", "verify", "report"):
        assert main([command, "."]) == 0, capsys.readouterr().err
    assert "<title>run</title>" in (run / "report.html").read_text()
    (run / "report.html").unlink()
    assert main(["report", "../run"]) == 0
    (run / "report.html").unlink()
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    monkeypatch.chdir(run / "checkpoints")
    assert main(["report", ".."]) == 0
    (run / "report.html").unlink()


def test_a_run_without_its_own_data_is_verified_anywhere_and_nothing_is_left(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    words = ["--preset", "tiny", "--run_name", "old", "--max_steps", "4"]
    assert main(["train", *words, "--checkpoint_interval_steps", "2"]) == 0
    run = tmp_path / "experiment_logs/in_weights/old"
    shutil.rmtree(run / "dataset")  # as runs of older versions are
    before = sorted(run.rglob("*"))
    monkeypatch.chdir(run)
    assert main(["verify", "."]) == 0, capsys.readouterr().err
    assert "steps 0 to 2 trained again" in capsys.readouterr().out
    assert sorted(run.rglob("*")) == before


def test_the_settings_of_a_run_are_taken_from_its_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--config", str(run), "--experiment_log_root", "logs"]) == 0
    configs = [run / "config.json", *tmp_path.glob("logs/*/*/config.json")]
    one, other = (json.loads(path.read_text()) for path in configs)
    for config in (one, other):
        del config["logging"]["experiment_log_root"]
    assert one == other
    assert main(["train", "--config", str(tmp_path)]) == 2


def test_a_comparison_is_never_written_over_another(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("comparison.html", "comparison-2.html", "comparison-3.html"):
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        assert main(["report", str(run), str(run)]) == 0
        assert capsys.readouterr().out == f"wrote {name}\n"
        assert before == {path: path.read_bytes() for path in before}
    assert main(["report", str(run), str(run), "--output", "comparison.html"]) == 0
    assert len(list(tmp_path.iterdir())) == 3
