"""The benchmarks run, tiny, and print what they promise; nothing here is timed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = [
    "--degree=8", "--length=4", "--layers=1", "--width=16", "--heads=2", "--batch=16", "--steps=1",
]  # fmt: skip


def run(name, *options):
    return subprocess.run(
        [sys.executable, str(BENCHMARKS / name), *options], capture_output=True, text=True
    )


def test_steps_prints_both_loops_and_equal_losses():
    done = run("steps.py", *TINY, "--plain_steps=1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["fp32_loss_difference"] < 1e-5
    assert found["bf16_loss_difference"] < 1e-2
    expected = found["plain_seconds_per_step"] / found["fp32_seconds_per_step"]
    assert found["fp32_ratio"] == pytest.approx(expected, rel=1e-2)


@pytest.mark.slow
def test_a_million_nodes_are_only_larger():
    sizes = ["--layers=1", "--width=8", "--heads=1", "--batch=8", "--steps=1", "--evaluated=4"]
    done = run("vocabulary.py", *sizes, "--degrees", "5", "50")
    assert done.returncode == 0, done.stderr
    header, *rows = done.stdout.splitlines()
    assert header.split()[0] == "nodes"
    assert [int(row.split()[0]) for row in rows] == [21, 201]


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="measures in earnest")
def test_the_gpu_benchmark_refuses_without_a_gpu_and_can_be_rehearsed(tmp_path):
    out = tmp_path / "gpu.json"
    refused = run("gpu.py", "--out", str(out))
    assert refused.returncode == 1
    assert "no CUDA device" in refused.stderr
    assert not out.exists()
    done = run("gpu.py", "--rehearse", "--out", str(out))
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["device"] == "CPU (rehearsal)"
    assert report["steps"]["ratio"] > 0
    (curve,) = report["curves"].values()
    assert curve["curve"][0]["step"] > 0
    assert 0 <= curve["test_accuracy"] <= 100
