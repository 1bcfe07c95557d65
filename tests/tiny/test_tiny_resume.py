"""A killed experiment goes on where it stood, and ends at the same bits."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geometric_memory.cli.main import main
from geometric_memory.errors import CheckpointError
from geometric_memory.tiny import batches
from geometric_memory.tiny.batches import Keeping, run_sections
from geometric_memory.tiny.recording import Progress, Recorder
from geometric_memory.tiny.results import load_run, save_run
from geometric_memory.tiny.sections import section
from geometric_memory.tiny.training import shortened, train_batch

LINEAR = section("neural_network", "grid")
BATCHES = {
    "transformer": [section("transformer", "star")],
    "two rates": [LINEAR, replace(LINEAR, learning_rate=0.1, decay=False)],
    "weight decay": [replace(section("regularizer_3c", "cycle"), width=24)],
    "dropout": [replace(section("regularizer_3d", "cycle"), width=16)],
    "frozen": [section("associative", "cycle")],
    "mamba": [section("mamba", "irregular")],
}
SEEDS, STEPS = (5, 7, 8), 24
START = "import sys; from geometric_memory.cli.main import main; sys.exit(main())"


class KilledError(Exception):
    """Stands for the end of a process."""


def equal(one, other) -> bool:
    """Whether two runs are the same in every bit."""
    same = [np.array_equal(one.curves[name], other.curves[name]) for name in one.curves]
    same += [np.array_equal(one.snapshots, other.snapshots)]
    same += [np.array_equal(one.snapshot_steps, other.snapshot_steps)]
    same += [str(one.final) == str(other.final), one.verdicts == other.verdicts]
    return all(same)


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_batch_goes_on_to_the_same_bits(name, precision, tmp_path, monkeypatch):
    batch = [shortened(found, STEPS) for found in BATCHES[name]]
    progress = Progress(path=tmp_path / "deep" / "state", interval=0.0, resume=True)
    whole = train_batch(batch, SEEDS, precision=precision)
    add = Recorder.add
    for killed_at in (1, 9, STEPS):

        def end(recorder, state, killed_at=killed_at):
            if state.step == killed_at:
                raise KilledError
            add(recorder, state)

        monkeypatch.setattr(Recorder, "add", end)
        with pytest.raises(KilledError):
            train_batch(batch, SEEDS, precision=precision, progress=progress)
        monkeypatch.setattr(Recorder, "add", add)
    again = train_batch(batch, SEEDS, precision=precision, progress=progress)
    assert all(map(equal, whole, again))


def test_without_resume_a_batch_starts_again(tmp_path):
    batch = [shortened(LINEAR, 3)]
    path = tmp_path / "state"
    path.write_bytes(b"of another time")
    fresh = Progress(path=path, interval=60.0, resume=False)
    assert equal(train_batch(batch, SEEDS)[0], train_batch(batch, SEEDS, progress=fresh)[0])
    with pytest.raises(CheckpointError, match="state"):
        train_batch(batch, SEEDS, progress=replace(fresh, resume=True))


def test_batches_do_not_depend_on_what_is_known(tmp_path, monkeypatch):
    batch = [shortened(found, 4) for found in BATCHES["two rates"]]
    keeping = Keeping(folder=tmp_path, interval=0.0, resume=True)
    whole = run_sections(batch, SEEDS, workers=1, keeping=keeping)
    assert not list((tmp_path / "unfinished").iterdir())
    trained = []
    monkeypatch.setattr(
        batches,
        "train_batch",
        lambda sections, seeds, **_: trained.append(sections) or train_batch(sections, seeds),
    )
    known = {batch[0]: whole[batch[0]]}
    again = run_sections(batch, SEEDS, workers=1, known=known)
    assert trained == [tuple(batch)]
    assert all(equal(whole[found], again[found]) for found in batch)
    assert run_sections(batch, SEEDS, workers=1, known=whole) == whole
    assert len(trained) == 1


def test_a_damaged_result_is_named(tmp_path, capsys):
    found = shortened(section("associative_fast", "grid"), 2)
    save_run(train_batch([found], [7])[0], tmp_path / "fp32")
    (file,) = (tmp_path / "fp32").glob("*.safetensors")
    content = file.read_bytes()
    for damaged in (b"", content[:100], b"\x80\x04pickle", content[:8] + b"}" + content[9:]):
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="delete it to train the section again"):
            load_run(found, [7], "fp32", tmp_path / "fp32")
    arguments = ["tiny", "run", "associative_fast", "--graph", "grid", "--steps", "2", "--resume"]
    assert (
        main([*arguments, "--no-figures", "--results", str(tmp_path)]) == CheckpointError.exit_code
    )
    assert str(file) in capsys.readouterr().err


def start(results: Path, *more: str) -> subprocess.Popen:
    """Start a command that trains two batches in two processes."""
    command = [sys.executable, "-c", START, "tiny", "run", "mamba_associative"]
    command += ["--seeds", "0-3", "--steps", "400", "--no-figures", "--workers", "2"]
    command += ["--results", str(results), "--checkpoint-seconds", "0.05", *more]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def children(process: subprocess.Popen) -> list[int]:
    """Ids of the living processes that `process` started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(number) for number in listed.split()]


def alive(number: int) -> bool:
    """Whether a process still runs; what is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_command_leaves_no_process_and_goes_on_to_the_same_bits(blow, tmp_path):
    whole = start(tmp_path / "whole")
    assert whole.wait(300) == 0
    killed = start(tmp_path / "killed")
    unfinished = tmp_path / "killed" / "fp32" / "unfinished"
    wait_until(lambda: any(unfinished.glob("*.safetensors")))
    started = children(killed)
    os.kill(killed.pid, blow)
    assert killed.wait(60) != 0
    wait_until(lambda: not any(map(alive, started)), 30)
    again = start(tmp_path / "killed", "--resume")
    assert again.wait(300) == 0
    for one in sorted((tmp_path / "whole" / "fp32").glob("*.safetensors")):
        assert one.read_bytes() == (tmp_path / "killed" / "fp32" / one.name).read_bytes()
