"""SIGTERM, SIGINT and SIGUSR1: one asks for a checkpoint and an end, two end at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from io import StringIO

import pytest
from trials import TINY, differences, result, run_folder

from geometric_memory.console import make_console
from geometric_memory.errors import Interrupted
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.interruption import EXIT_CODES, Interruption


@pytest.fixture(scope="module")
def reference(workshop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert workshop.run(TINY, folder).code == 0
    return result(run_folder(folder))


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_a_signal_saves_the_step_and_ends(workshop, reference, tmp_path, name, code):
    ended = workshop.run(
        TINY, tmp_path, moment="mid_epoch", occurrence=13, deed="signals", names=[name]
    )
    assert ended.code == code
    assert f"{name}: stopping as soon as a checkpoint is saved" in ended.said
    assert f"{name}: stopped; checkpoint step-00000013 saved" in ended.said
    assert "to go on: geomem train --resume " in ended.said
    assert "Traceback" not in ended.said
    resumed = workshop.run([*TINY, "--resume", "auto"], tmp_path)
    assert resumed.code == 0, resumed.said
    assert differences(reference, result(run_folder(tmp_path))) == []


@pytest.mark.parametrize(
    ("names", "code"), [(["SIGINT", "SIGINT"], 130), (["SIGTERM", "SIGTERM"], 143)]
)
def test_a_second_signal_while_saving_leaves_at_once(workshop, tmp_path, names, code):
    ended = workshop.run(
        TINY, tmp_path, moment="before_manifest", occurrence=3, deed="signals", names=names
    )
    assert ended.code == code
    store = CheckpointStore(run_folder(tmp_path) / "checkpoints")
    assert store.newest(pytest.fail).name == "step-00000010"


def test_handlers_are_put_back():
    before = {name: signal.getsignal(getattr(signal, name)) for name in EXIT_CODES}
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGTERM)
        assert interruption.name == "SIGTERM"
        with pytest.raises(Interrupted) as stopped:
            interruption.stop_if_asked("nothing saved")
    assert stopped.value.exit_code == 143
    assert before == {name: signal.getsignal(getattr(signal, name)) for name in EXIT_CODES}


def test_the_first_signal_is_answered_at_once(tmp_path):
    """Whatever is in progress: the answer is there before the handler returns."""
    with (tmp_path / "said").open("w") as file, Interruption(console=make_console(file=file)):
        file.write("in a buffer")
        signal.raise_signal(signal.SIGINT)
        said = (tmp_path / "said").read_text()
    assert said == "\nSIGINT: stopping as soon as a checkpoint is saved; again, at once\n"
    with Interruption(console=make_console(file=StringIO())) as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.name == "SIGINT"


def test_another_thread_may_train():
    outcome = []

    def enter():
        with Interruption() as interruption:
            outcome.append(interruption.name)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert outcome == [""]


GRACE = 30
"""Seconds between SIGTERM and SIGKILL that schedulers give when nobody says otherwise."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_scheduler_stops_a_run_from_outside_within_its_grace(tmp_path, number, code):
    """A process of its own, a signal at any moment of its steps, and the time until it ends."""
    start = "import sys; from geometric_memory.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", start, *TINY, "--path_finetuning_epochs", "10000"]
    with subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:  # fmt: skip
        # No rglob: it would walk into folders that the run is renaming.
        while not list(tmp_path.glob("logs/*/*/checkpoints/step-*/manifest.json")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        begin = time.monotonic()
        _, said = process.communicate(timeout=GRACE)
        taken = time.monotonic() - begin
    assert process.returncode == code, said
    assert taken < GRACE
    assert "Traceback" not in said
    step = int(said.rpartition("checkpoint step-")[2][:8])
    newest = CheckpointStore(run_folder(tmp_path) / "checkpoints").newest(pytest.fail)
    assert newest.name == f"step-{step:08d}"
