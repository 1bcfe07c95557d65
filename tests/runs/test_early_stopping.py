"""The published window of early stopping, and its return after a resume."""

import json
from types import SimpleNamespace

import pytest

from geometric_memory.runs.callbacks import EarlyStopping
from geometric_memory.training.trainer import Trainer


class StandIn(Trainer):
    """A trainer with nothing but the given attributes."""

    stage = None

    def __init__(self, **attributes):
        vars(self).update(attributes)


def trainer_at(epoch, accuracy, *, epochs=3000, on=True):
    return StandIn(
        stage=SimpleNamespace(name="edge_memorization", epochs=epochs, early_stopping=on),
        position=SimpleNamespace(epoch=epoch),
        totals=SimpleNamespace(read=lambda: {"accuracy": accuracy}),
        stop_stage=False,
    )


def stops_at(stopping, accuracy_of, epochs=3000, first=1, on=True):
    """Return the epoch at which training is stopped, or None."""
    for epoch in range(first, epochs + 1):
        trainer = trainer_at(epoch, accuracy_of(epoch), epochs=epochs, on=on)
        stopping.epoch_ends(trainer)
        if trainer.stop_stage:
            return epoch
    return None


@pytest.mark.parametrize(
    ("epochs", "expected"), [(3000, 1500 + 250), (1000, None), (1800, 1750), (1600, None)]
)
def test_a_flat_accuracy_stops_250_epochs_into_the_window(epochs, expected):
    assert stops_at(EarlyStopping(lambda label: None), lambda _: 50.0, epochs) == expected


def test_each_better_epoch_is_kept_and_starts_the_wait_again():
    kept = []
    stopping = EarlyStopping(kept.append)
    assert stops_at(stopping, lambda epoch: 60.0 if epoch >= 1600 else 50.0) == 1850
    assert kept == ["edge_memorization_best"] * 2


def test_it_is_off_unless_asked_for():
    assert stops_at(EarlyStopping(pytest.fail), lambda _: 50.0, on=False) is None


def test_a_resume_does_not_start_the_wait_again():
    stopping = EarlyStopping(lambda label: None)
    stops_at(stopping, lambda _: 50.0, epochs=1600)
    other = EarlyStopping(pytest.fail)
    other.restore(json.loads(json.dumps(stopping.state())))
    assert stops_at(other, lambda _: 50.0, first=1601) == 1600 - 2 + 2 + 150
    assert EarlyStopping(pytest.fail).state() == {}
