"""Measuring again gives what was logged; the chance of a guess."""

import json

import numpy as np
import pytest

from geometric_memory.errors import CheckpointError
from geometric_memory.runs import measurement
from geometric_memory.runs.measurement import (
    UNWATCHED,
    WATCHED,
    chance,
    evaluate_run,
    halves,
)
from geometric_memory.runs.metrics import read_rows
from geometric_memory.training.evaluation import PathEvaluation


@pytest.mark.parametrize("checkpoint", ["final", "path_finetuning_final"])
def test_evaluation_equals_the_last_logged_row(finished, checkpoint):
    metrics = evaluate_run(finished, checkpoint)
    logged = list(read_rows(finished.folder.metrics))[-1]
    assert metrics == {name: logged[name] for name in metrics}
    assert set(logged) - set(metrics) == {
        "stage", "epoch", "step", "seconds", "path_finetuning/train_loss",
        "path_finetuning/train_accuracy", "path_finetuning/learning_rate",
    }  # fmt: skip


def test_a_checkpoint_can_be_named_by_its_folder(finished):
    label = json.loads((finished.folder.checkpoints / "edge_memorization_final.json").read_text())
    metrics = evaluate_run(finished, label["checkpoint"])
    rows = [r for r in read_rows(finished.folder.metrics) if r["stage"] == "edge_memorization"]
    assert metrics["edge_memorization/loss"] == rows[-1]["edge_memorization/loss"]


@pytest.mark.parametrize("name", ["none", "../../config.json", "step-00000099"])
def test_a_checkpoint_that_is_not_there(finished, name):
    with pytest.raises(CheckpointError, match="holds no checkpoint named"):
        finished.network(name)


def test_chance_is_one_over_the_branches(finished):
    task = finished.task
    assert chance(task) == 25.0
    assert finished.summary["chance"] == 25.0
    targets = np.concatenate([task.train_paths.targets, task.test_paths.targets])
    assert len(np.unique(targets[:, 1])) == 4


def evaluation(right):
    targets = np.ones((len(right), 2), dtype=np.int64)
    answers = targets * np.array(right, dtype=np.int64)[:, None]
    return PathEvaluation(loss=0.0, forced=answers, generated=answers, targets=targets)


def test_every_second_path_is_watched_and_the_others_are_reported():
    found = halves(evaluation([1, 0, 1, 0, 0]))
    assert found[WATCHED] == pytest.approx(200 / 3)
    assert found[UNWATCHED] == 0
    assert halves(evaluation([1])) == {WATCHED: 100}


def test_a_run_stops_and_keeps_its_best_state_by_watched_paths_alone(train, monkeypatch):
    shares = iter([30.0, 10.0, 60.0, 90.0])
    monkeypatch.setattr(measurement, "halves", lambda _: {WATCHED: next(shares), UNWATCHED: 12.5})
    stopped, _ = train(
        training_recipe="mixed_full_path",
        stop_at_path_accuracy=50,
        evaluation_share=0,
        path_finetuning_epochs=9,
    )
    rows = list(read_rows(stopped.folder.metrics))
    assert [row[WATCHED] for row in rows] == [30, 10, 60]
    assert stopped.summary["best"] == {WATCHED: 60, "step": rows[-1]["step"]}
