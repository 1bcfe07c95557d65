"""`train`, the way in that Python and the shell share: watched, stopped, resumed, and no trace."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from rich.console import Console

from geometric_memory.cli.main import main
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import Interrupted
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.train import train
from geometric_memory.settings import changed

SHORT = {"path_finetuning_epochs": 6, "path_finetuning_eval_interval_epochs": 2, "device": "cpu"}


@pytest.fixture
def config(tmp_path):
    places = {"dataset_root": str(tmp_path / "data"), "experiment_log_root": str(tmp_path / "logs")}
    return changed(PRESETS["tiny"].config, **SHORT, **places, evaluation_share=0.0)


def rows(folder):
    return [row | {"seconds": 0} for row in read_rows(folder.metrics)]


def test_python_and_the_shell_train_the_same(config, tmp_path, capfd):
    ours = train(config, quiet=True)
    assert capfd.readouterr() == ("", "")
    places = [
        "--dataset_root",
        str(tmp_path / "data"),
        "--experiment_log_root",
        str(tmp_path / "x"),
    ]
    typed = [word for name, value in SHORT.items() for word in (f"--{name}", str(value))]
    assert main(["train", "--preset", "tiny", *typed, *places]) == 0
    theirs = RunFolder(next((tmp_path / "x").glob("*/*")))
    assert rows(ours.folder) == rows(theirs)
    assert ours.summary["final"] == json.loads(theirs.summary.read_text())["final"]


def test_a_typed_interval_is_obeyed_and_what_has_no_effect_is_said(config, capfd):
    config = changed(config, evaluation_share=0.1)
    given = {"path_finetuning_eval_interval_epochs", "edge_memorization_epochs"}
    found = train(config, given=given)
    assert found.folder.read_config().logging.evaluation_share == 0
    assert "ignores --edge_memorization_epochs" in capfd.readouterr().err


def test_every_evaluation_is_told_once_its_checkpoint_is_there(config):
    moments = []

    def note(moment):
        saved = CheckpointStore(moment.folder.checkpoints).newest(pytest.fail)
        moments.append((moment.step, dict(moment.metrics), saved and saved.name))
        assert moment.model.head_weight.requires_grad

    found = train(config, quiet=True, on_evaluation=note)
    logged = [row for row in rows(found.folder) if "test/accuracy" in row]
    assert [step for step, _, _ in moments] == [row["step"] for row in logged]
    assert moments[0][0] == 0
    assert moments[0][2] is None
    for (step, metrics, saved), row in zip(moments[1:], logged[1:], strict=True):
        assert metrics.items() <= row.items()
        assert (
            saved == f"step-{step:08d}"
            or metrics["test/accuracy"] <= moments[1][1]["test/accuracy"]
        )


def test_a_run_stops_when_it_is_asked_to_and_goes_on_to_the_same_end(config):
    whole = train(config, quiet=True)
    stop = threading.Event()
    stopped = train(config, quiet=True, stop=stop, on_evaluation=lambda moment: stop.set())
    assert stopped.summary == {}
    assert not stopped.folder.summary.exists()
    goes_on = train(config, quiet=True, resume=stopped.folder.path)
    assert goes_on.path == stopped.path
    assert rows(goes_on.folder) == rows(whole.folder)
    assert train(config, quiet=True, resume="auto").path != stopped.path


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(config):
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match=r"step-\d{8} saved; .*, or resume='.*logs"):
        train(config, quiet=True, on_evaluation=lambda moment: signal.raise_signal(signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is handler
    assert train(config, quiet=True, resume="auto").summary["status"] == "finished"


def test_a_second_ctrl_c_ends_at_once_but_not_the_process(config):
    def twice(moment):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="came twice"):
        train(config, quiet=True, on_evaluation=twice)


def test_a_scheduler_s_signal_is_not_taken_for_ctrl_c(config):
    with pytest.raises(Interrupted, match="SIGTERM"):
        train(config, quiet=True, on_evaluation=lambda moment: signal.raise_signal(signal.SIGTERM))


def test_another_thread_may_train_and_be_stopped(config):
    stop, found = threading.Event(), []
    thread = threading.Thread(
        target=lambda: found.append(
            train(config, quiet=True, stop=stop, on_evaluation=lambda moment: stop.set())
        )
    )
    thread.start()
    thread.join()
    assert found[0].summary == {}
    assert len(list(found[0].folder.checkpoints.glob("step-*"))) > 0


AS_IT_WAS = """
import json, random, signal, sys, threading
import numpy as np, torch
from geometric_memory.config.presets import PRESETS
from geometric_memory.runs.train import train
from geometric_memory.settings import changed

def state():
    return (
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)],
        random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(),
        torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(),
        threading.active_count(),
    )

torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
settings = dict(zip(sys.argv[1::2], sys.argv[2::2]))
config = changed(PRESETS["tiny"].config, **settings, dropout_rate=0.1, use_mlp_only_blocks=True,
                 path_finetuning_epochs=3, device="cpu")
before = state()
found = train(config, quiet=True)
assert state() == before
print(json.dumps(found.summary["final"]))
"""


def test_the_process_is_as_it_was_and_changes_nothing_in_the_run(config, tmp_path):
    places = [
        word
        for name in ("dataset_root", "experiment_log_root")
        for word in (name, str(tmp_path / name))
    ]
    asked = [sys.executable, "-c", AS_IT_WAS, *places]
    free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    ran = subprocess.run(asked, capture_output=True, text=True, check=False, env=free)
    assert ran.stderr == ""
    same = changed(config, dropout_rate=0.1, use_mlp_only_blocks=True, path_finetuning_epochs=3)
    same = changed(same, path_finetuning_eval_interval_epochs=10)
    assert json.loads(ran.stdout) == train(same, quiet=True).summary["final"]


class Shown:
    """Stands for what IPython gives back of something displayed."""

    def __init__(self):
        self.pages = []

    def update(self, thing):
        self.pages.append(thing._repr_html_())


def test_a_notebook_shows_a_bar_without_widgets(config, monkeypatch):
    shown = Shown()
    monkeypatch.setattr("IPython.display.display", lambda *things, **options: shown)
    monkeypatch.setattr("geometric_memory.runs.progress.SECONDS_PER_UPDATE", 0.0)
    console = Console(force_jupyter=True, width=80)
    found = train(config, console=console)
    steps = found.summary["steps"]
    assert f'<progress value="{steps}" max="{steps}"></progress>' in shown.pages[-1]
    assert "held-out paths" in shown.pages[-1]
