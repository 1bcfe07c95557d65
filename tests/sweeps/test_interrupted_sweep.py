"""Sweeps that are killed, at random, and go on to the table of one that was not."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from small_sweeps import results, start

from geometric_memory.runs.metrics import read_rows
from geometric_memory.sweeps.folder import SweepFolder

WORDS = [
    "--preset", "tiny", "--device", "cpu", "--path_finetuning_epochs", "10",
    "--path_finetuning_eval_interval_epochs", "10", "--checkpoint_interval_steps", "10",
    "--grid", "seed=0-49", "--grid", "path_finetuning_learning_rate=0.001,0.01",
    "--grid", "add_self_edges=true,false", "--workers", "2",
]  # fmt: skip


def workers_of(process) -> list[int]:
    """Return the processes that a sweep has started."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(word) for word in text.split()]


def finished(folder: SweepFolder) -> int:
    return len(list(folder.records.glob("*.json")))


@pytest.mark.slow
def test_200_cells_killed_at_random_give_the_table_of_a_sweep_left_alone(tmp_path):
    alone, killed = tmp_path / "alone", SweepFolder(tmp_path / "killed")
    assert start(*WORDS, "--folder", str(alone), cwd=tmp_path).wait(900) == 0
    draw, kills, code = random.Random(5), 0, -signal.SIGKILL
    while code < 0:
        process = start(*WORDS, "--folder", str(killed.path), cwd=tmp_path)
        while process.poll() is None:
            aim = finished(killed) + draw.randint(5, 30)
            while process.poll() is None and finished(killed) < aim:
                time.sleep(0.01)
            time.sleep(draw.random() / 4)
            if process.poll() is None:
                victim = draw.choice([process.pid, process.pid, *workers_of(process)])
                os.kill(victim, signal.SIGKILL)
                kills += 1
                time.sleep(0.1)
        code = process.returncode
    assert kills >= 5
    # A cell whose worker was killed has failed, and is run again.
    while (code := start("--folder", str(killed.path), cwd=tmp_path).wait(900)) != 0:
        assert code == 1
    assert results(killed.path).equals(results(alone))
    assert results(alone).num_rows == 200
    resumed = list(killed.runs.glob("*/*/resumes.jsonl"))
    steps = [row["step"] for path in resumed for row in read_rows(path)]
    print(f"{kills} kills, {len(resumed)} cells resumed, from steps {sorted(steps)}")  # noqa: T201


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_keeps_what_was_done_to_the_step(tmp_path, name, code):
    words = ["--preset", "tiny", "--device", "cpu", "--grid", "seed=0-3", "--workers", "2",
             "--path_finetuning_epochs", "100000", "--folder", "s"]  # fmt: skip
    process = start(*words, cwd=tmp_path)
    folder = SweepFolder(tmp_path / "s")
    while sum(path.stat().st_size > 0 for path in folder.runs.glob("*/*/metrics.jsonl")) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    assert process.wait(60) == code
    checkpoints = sorted(folder.runs.glob("*/*/checkpoints/step-*/manifest.json"))
    assert len({path.parents[2] for path in checkpoints}) == 2
    table = results(folder.path)
    assert table["status"].to_pylist() == ["missing"] * 4
    assert folder.table.is_file()
