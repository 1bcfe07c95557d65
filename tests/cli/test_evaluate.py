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
    [(["none"], "is not a run folder"), (["RUN", "--checkpoint", "x"], "named x")],
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
