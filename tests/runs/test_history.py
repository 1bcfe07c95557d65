"""Histories: every step or log-spaced ones, first and last there, memory bounded, copies kept."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from geometric_memory.errors import CheckpointError
from geometric_memory.runs import history
from geometric_memory.runs.history import (
    HistoryWriter,
    Tracker,
    history_steps,
    log_spaced,
    read_history,
)
from geometric_memory.training.trainer import Trainer


class StandIn(Trainer):
    """A trainer with nothing but a stage and a position."""

    stage = None

    def __init__(self, **attributes):
        vars(self).update(attributes)


def track(folder, schedule, steps, weight=None):
    """Run a tracker through a stage of `steps` steps; the value after step s is s."""
    weight = torch.zeros(3) if weight is None else weight
    position = SimpleNamespace(stage_step=0, step=0)
    trainer = StandIn(stage=SimpleNamespace(memorizes_edges=True), position=position)
    tracker = Tracker(folder, lambda _: weight, schedule=schedule)
    tracker.stage_begins(trainer)
    for step in range(1, steps + 1):
        weight += 1  # in place, as an optimizer does
        position.stage_step = step
        tracker.step_ends(trainer)
    tracker.stage_ends(trainer)
    return tracker


def test_every_step_is_there_and_is_a_copy(tmp_path):
    track(tmp_path, "every", 5)
    assert history_steps(tmp_path).tolist() == [0, 1, 2, 3, 4, 5]
    for step, value in read_history(tmp_path):
        np.testing.assert_array_equal(value, np.full(3, step))


@pytest.mark.parametrize("steps", [1, 30, 777])
def test_log_spaced_steps_begin_and_end_the_stage(tmp_path, steps):
    track(tmp_path, "log", steps)
    found = history_steps(tmp_path).tolist()
    assert (found[0], found[-1]) == (0, steps)
    assert found == sorted(set(found))
    assert len(found) <= 25 + 20 * np.log10(max(steps, 1))


def test_about_twenty_steps_per_factor_of_ten():
    chosen = [step for step in range(10_001) if log_spaced(step)]
    assert chosen[:20] == list(range(20))
    assert sum(1000 < step <= 10_000 for step in chosen) == 20
    assert log_spaced(100_000)


def test_no_more_than_one_shard_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "SHARD_BYTES", 10 * 4 * 3)
    writer = HistoryWriter(tmp_path)
    for step in range(35):
        writer.append(step, torch.full((3,), float(step)))
        assert len(writer._values) < 10
    assert len(list(tmp_path.iterdir())) == 3
    writer.flush()
    assert history_steps(tmp_path).tolist() == list(range(35))
    assert [int(value[0]) for _, value in read_history(tmp_path)] == list(range(35))


def test_a_resumed_history_drops_what_came_after_its_checkpoint(tmp_path):
    tracker = track(tmp_path, "every", 4)
    state = tracker.state()
    later = HistoryWriter(tmp_path)
    later.append(5, torch.zeros(3))
    later.flush()
    again = Tracker(tmp_path, lambda _: torch.zeros(3), schedule="every")
    again.restore(state)
    again.drop_later()
    assert history_steps(tmp_path).tolist() == [0, 1, 2, 3, 4]


def test_a_damaged_shard_is_named(tmp_path):
    (tmp_path / "shard-00000000.safetensors").write_bytes(b"\x80\x04")
    with pytest.raises(CheckpointError, match="shard-00000000"):
        history_steps(tmp_path)


def test_no_history_is_empty(tmp_path):
    assert history_steps(tmp_path).shape == (0,)
