"""`--precision auto`: float32 for small steps, a trial for large ones, and its answer kept."""

import math
from dataclasses import replace

import pytest
import torch
from test_trainer import trainer_of

from geometric_memory.config import TrainingSettings
from geometric_memory.training import machine
from geometric_memory.training.machine import Trial, settle_precision, try_precisions

CPU = TrainingSettings(device="cpu")


@pytest.fixture
def trainer():
    return trainer_of(training_recipe="mixed_full_path")


@pytest.mark.parametrize(
    ("speedup", "difference", "precision"),
    [(2.0, 1e-4, "bf16"), (1.1, 1e-4, "fp32"), (2.0, 0.1, "fp32"), (2.0, math.nan, "fp32")],
)
def test_bf16_must_be_faster_and_agree(speedup, difference, precision):
    assert Trial(speedup=speedup, difference=difference).precision == precision


def test_small_steps_take_float32_without_a_trial(trainer):
    assert settle_precision(CPU, trainer.model, trainer.stages) == (CPU, None)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_asked_for_is_not_tried(monkeypatch, trainer, precision):
    monkeypatch.setattr(machine, "LARGE_STEP", 0)
    asked = replace(CPU, precision=precision)
    assert settle_precision(asked, trainer.model, trainer.stages) == (asked, None)


@pytest.mark.parametrize("speedup", [0.5, 2.0])
def test_large_steps_take_what_the_trial_says(monkeypatch, trainer, speedup):
    found = Trial(speedup=speedup, difference=0.0)
    monkeypatch.setattr(machine, "LARGE_STEP", 0)
    monkeypatch.setattr(machine, "try_precisions", lambda *arguments: found)
    settings, trial = settle_precision(CPU, trainer.model, trainer.stages)
    assert settings == replace(CPU, precision=found.precision)
    assert trial is found


def test_a_trial_leaves_no_trace_and_sees_the_rounding(trainer):
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.model.train()
    trial = try_precisions(trainer.model, trainer.stages[0], seed=0)
    assert trial.speedup > 0
    assert 0 < trial.difference < 0.01
    assert trainer.model.training
    assert all(weight.grad is None for weight in trainer.model.parameters())
    after = trainer.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
