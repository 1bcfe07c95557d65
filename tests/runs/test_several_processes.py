"""One model trained by several processes: the curve, the files and the end of one process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from geometric_memory.files.tensors import read_tensors
from geometric_memory.runs.callbacks import Agreement
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.training.processes import Processes
from geometric_memory.training.trainer import Trainer

# Batches of 13 of 24 edge facts and 3 paths: unequal parts, and a last batch of one row, of which
# all processes but one have none.
SETTINGS = [
    "train", "--preset", "tiny", "--path_finetuning_batch_size", "13", "--device", "cpu",
    "--checkpoint_interval_steps", "45", "--path_finetuning_epochs", "22",
    "--path_finetuning_eval_interval_epochs", "2",
]  # fmt: skip
STAGED = ["--training_recipe", "staged_full_path", "--edge_memorization_epochs", "10"]
ENDLESS = ["--path_finetuning_epochs", "1000000"]
CLOSE = 2e-4
"""Relative: float32 sums in another order, after some 60 updates."""


def request(name, count, *words, signals=(), folder="."):
    argv = [*SETTINGS, "--run_name", name, *words]
    return {"argv": argv, "count": count, "signals": signals, "folder": folder}


def resume(name, count, *words, folder="."):
    argv = ["train", "--resume", f"experiment_logs/in_weights/{name}", *words]
    return {"argv": argv, "count": count, "folder": folder}


REQUESTS = [
    request("one", 1),
    request("two", 2),
    request("three", 3),
    request("two-then-one", 2, "--max_steps", "31"),
    resume("two-then-one", 1, "--max_steps", "0"),
    request("one-then-two", 1, "--max_steps", "31"),
    resume("one-then-two", 2, "--max_steps", "0"),
    request("staged", 1, *STAGED),
    request("staged-two", 2, *STAGED),
    *(
        each
        for rank in (0, 1)
        for each in (
            request("run", 2, *ENDLESS, signals=[[rank, "SIGTERM"]], folder=f"term-{rank}"),
            resume("run", 2, "--path_finetuning_epochs", "30", folder=f"term-{rank}"),
        )
    ),
    request("run", 2, *ENDLESS, signals=[[1, "SIGKILL"]], folder="kill"),
    resume("nowhere", 2, folder="error"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which every request was run, one after the other, and their exit codes."""
    folder = tmp_path_factory.mktemp("ranks")
    requests = [each | {"folder": str(folder / each["folder"])} for each in REQUESTS]
    answer = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("ranks.py")), json.dumps(requests)],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    codes = json.loads(answer.stdout)
    assert codes[:9] == [[0] * each["count"] for each in REQUESTS[:9]]
    (folder / "codes.json").write_text(json.dumps(codes[9:]))
    return folder


def run_of(folder: Path, name: str) -> RunFolder:
    return RunFolder(folder / "experiment_logs/in_weights" / name)


def curve(run: RunFolder):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(run.metrics)]


def weights(run: RunFolder):
    label = json.loads((run.checkpoints / "final.json").read_text())["checkpoint"]
    return read_tensors(run.checkpoints / label / "model.safetensors")


def assert_alike(left: RunFolder, right: RunFolder) -> None:
    """Assert that curves, to their last row, and final weights are the same within `CLOSE`."""
    rows = curve(left)
    steps = {row["step"] for row in rows}
    # A run that a step limit ended has one row more, of that end.
    others = [row for row in curve(right) if row["step"] in steps]
    assert [set(row) for row in rows] == [set(row) for row in others]
    for row, other in zip(rows, others, strict=True):
        for name, value in row.items():
            expected = pytest.approx(value, rel=CLOSE) if isinstance(value, float) else value
            assert other[name] == expected, (row["step"], name)
    theirs = weights(right)
    for name, tensor in weights(left).items():
        for each in (tensor, theirs[name]) if name.endswith("query_key_value.bias") else ():
            # A bias of the keys changes no attention: its gradient is rounding alone.
            each[len(each) // 3 : 2 * len(each) // 3] = 0
        torch.testing.assert_close(theirs[name], tensor, rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize("name", ["two", "three", "two-then-one", "one-then-two"])
def test_the_curve_is_that_of_one_process(place, name):
    assert_alike(run_of(place, "one"), run_of(place, name))


def test_both_stages_are_those_of_one_process(place):
    assert_alike(run_of(place, "staged"), run_of(place, "staged-two"))


def test_rank_0_alone_writes_and_speaks(place):
    said = [(place / f"rank-{rank}.log").read_text() for rank in (0, 1, 2)]
    assert said[1:] == ["", ""]
    assert said[0].count("run folder:") == 9
    assert len(list(place.glob("experiment_logs/in_weights/*"))) == 7


def test_a_resume_says_that_the_number_of_processes_changed(place):
    assert "processes was 2 and is 1" in (place / "rank-0.log").read_text()


def test_a_signal_to_any_process_ends_all_of_them_with_a_checkpoint(place):
    codes = json.loads((place / "codes.json").read_text())
    assert codes[:4] == [[143, 143], [0, 0], [143, 143], [0, 0]]
    for folder in (place / "term-0", place / "term-1"):
        run = run_of(folder, "run")
        steps = [row["step"] for row in curve(run)]
        assert steps == sorted(set(steps))
        assert "Traceback" not in "".join(log.read_text() for log in folder.glob("*.log"))
        assert not run.lock.exists()


def test_a_killed_process_ends_the_other_with_one_sentence(place):
    assert json.loads((place / "codes.json").read_text())[4] == [1, -9]
    said = (place / "kill/rank-0.log").read_text()
    assert "another process of this run ended" in said
    assert "Traceback" not in said


def test_an_error_of_rank_0_before_training_ends_the_others(place):
    assert json.loads((place / "codes.json").read_text())[5] == [4, 1]
    assert "is not a run folder" in (place / "error/rank-0.log").read_text()


def test_rank_0_decides_when_a_stage_ends():
    class Told(Processes):
        def broadcast(self, message):
            return True  # rank 0 found its accuracy good enough

    trainer = Trainer.__new__(Trainer)
    trainer.processes, trainer.stop_stage = Told(rank=1, count=2), False
    Agreement().epoch_ends(trainer)
    assert trainer.stop_stage


@pytest.mark.slow
def test_torchrun_trains_as_one_process_does(tmp_path):
    scripts = Path(sys.executable).parent
    one = [str(scripts / "geomem"), *SETTINGS]
    two = [str(scripts / "torchrun"), "--standalone", "--nproc-per-node", "2", "--no-python"]
    for name, command in (("one", one), ("two", [*two, *one])):
        subprocess.run([*command, "--run_name", name], cwd=tmp_path, check=True, timeout=40)
    assert_alike(run_of(tmp_path, "one"), run_of(tmp_path, "two"))
    assert len(curve(run_of(tmp_path, "two"))) == 12  # at the beginning, and every second epoch
