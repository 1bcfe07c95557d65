"""Long jobs are announced on a processor, small ones are not timed, and bars keep moving."""

from dataclasses import replace
from io import StringIO
from itertools import count
from types import SimpleNamespace

import pytest
from rich.console import Console
from small_models import small_config

from geometric_memory.cli.main import main
from geometric_memory.runs import needs, preparation, progress
from geometric_memory.runs.needs import duration_text, estimate_seconds


@pytest.fixture
def trainer(tmp_path):
    config = small_config(training_recipe="staged_full_path", dataset_root=str(tmp_path))
    return preparation.prepare(config, Console(quiet=True)).trainer


def test_a_short_job_is_not_timed(trainer, monkeypatch):
    monkeypatch.setattr(needs, "time_loss", lambda *_: pytest.fail("timed"))
    assert 0 < estimate_seconds(trainer.model, trainer.stages, 0) < needs.LONG


def work(monkeypatch, seconds):
    """Let a thread work `seconds` on each pass, whatever the clock on the wall says."""
    ticks = count(0.0, seconds)
    monkeypatch.setattr(needs.time, "thread_time", lambda: next(ticks))


@pytest.mark.parametrize(("passed", "worked"), [(0.5, 2.0), (50.0, 0.5)])
def test_the_estimate_is_the_time_of_a_step_times_their_number(
    trainer, monkeypatch, passed, worked
):
    """Or what one thread has to do for it, where threads wait for each other on a busy machine."""
    work(monkeypatch, worked)
    monkeypatch.setattr(needs, "SLOW_STEP", 1e6)
    monkeypatch.setattr(needs, "time_loss", lambda *_: (passed, 1.0))
    first, second = (stage.steps for stage in trainer.stages)
    for most, steps in ((0, first + second), (first + 1, first + 1), (1, 1)):
        assert estimate_seconds(trainer.model, trainer.stages, most) == 0.5 * steps
    monkeypatch.setattr(needs, "ROWS", 2)
    rows = [min(s.batch_size, sum(map(len, s.examples))) for s in trainer.stages]
    expected = 0.5 * (first * rows[0] + second * rows[1]) / 2
    assert estimate_seconds(trainer.model, trainer.stages, 0) == expected


def test_a_dry_run_on_a_busy_machine_counts_the_work_of_a_step(trainer, monkeypatch):
    monkeypatch.setattr(needs, "_time_step", lambda *_: 3.0)
    work(monkeypatch, 0.5)
    assert needs.measure_stage(trainer, 0).seconds_per_step == 0.5
    assert needs.measure_stage(trainer, 0, timed_steps=7).seconds_per_step == 3.0


def test_timing_changes_nothing(trainer, monkeypatch):
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    monkeypatch.setattr(needs, "SLOW_STEP", 1e6)
    assert estimate_seconds(trainer.model, trainer.stages, 0) > 0
    assert all(weight.grad is None for weight in trainer.model.parameters())
    assert all(bool((before[n] == v).all()) for n, v in trainer.model.state_dict().items())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (95.0, "95.0 s"), (96.0, "1.6 min"), (720.0, "12 min"), (5760.0, "1.6 h"),
     (3e5, "3.5 days"), (28_339_200.0, "328 days")],
)  # fmt: skip
def test_durations_are_short(seconds, text):
    assert duration_text(seconds) == text


def test_a_long_job_says_first_how_long_it_takes_and_how_to_make_it_small(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    argv = ["train", "--preset", "tiny", "--max_steps", "2"]
    assert main(argv) == 0
    assert "this processor" not in capsys.readouterr().err
    monkeypatch.setattr(needs, "estimate_seconds", lambda *_: 86_400.0 * 40)
    assert main(argv) == 0
    said = capsys.readouterr().err
    assert "the training takes about 40 days" in said
    assert "--preset tiny takes seconds" in said
    assert said.index("40 days") < said.index("run folder:")
    assert main([*argv, "--stop_at_path_accuracy", "99"]) == 0
    assert "at most about 40 days" in capsys.readouterr().err


def test_a_bar_moves_at_least_once_a_second_however_slow_the_steps_are(trainer, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    shown = progress.Progress(Console(file=StringIO(), force_terminal=True, width=100))
    shown.start(1000)
    late = [0.7, 0.7, 3.0, *[0.1] * 40]
    behind = 0.0
    for step, seconds in enumerate(late, start=1):
        clock[0] += seconds
        trainer.position = replace(trainer.position, step=step)
        shown.step_ends(trainer)
        behind = 0.0 if shown._bars.tasks[0].completed == step else behind + seconds
        assert behind < 1
    shown.stop()
    assert shown._bars.tasks[0].completed > len(late) - 10
