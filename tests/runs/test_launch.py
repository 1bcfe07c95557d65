"""A run from configuration to summary: same seed, same bits; recipes; what is written and said."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from small_models import small_config

from geometric_memory.errors import CheckpointError
from geometric_memory.runs import train as train_module
from geometric_memory.runs.history import history_steps, read_history
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.preparation import prepare_dataset

RECIPES = ("staged_full_path", "mixed_full_path", "staged_hardest_token", "mixed_hardest_token")


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_gives_the_same_bits_twice(train, weights, recipe):
    (first, said), (second, _) = (train(training_recipe=recipe) for _ in range(2))
    assert weights(first) == weights(second)
    assert first.summary["status"] == "finished"
    assert str(first.folder.path) in said
    rows = list(read_rows(first.folder.metrics))
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    staged = recipe.startswith("staged")
    assert stages == (["edge_memorization", "path_finetuning"] if staged else ["joint_training"])
    steps = [row["step"] for row in rows]
    assert steps == sorted(steps)
    assert len({(row["stage"], row["step"]) for row in rows}) == len(rows)
    last = rows[-1]
    targets = 4 if recipe.endswith("full_path") else 1
    positions = {f"{n}/token_{i}" for n in ("test", "test_forced") for i in range(1, targets + 1)}
    summary_names = {"test/accuracy", "test_forced/accuracy", "test_forced/loss"}
    edges = {
        f"edge_memorization/{n}" for n in ("loss", "accuracy", "accuracy_ceiling", "top_k_recovery")
    }
    train_names = {f"{stages[-1]}/{n}" for n in ("train_loss", "train_accuracy", "learning_rate")}
    parts = ["hard_token", "middle", "queried_node"][: 3 if targets > 1 else 1]
    pairs = [(n, part) for n in ("test", "train") for part in parts]
    of_parts = {f"{n}{way}/{part}" for n, part in pairs for way in ("", "_forced")}
    of_parts |= {"train/accuracy", "test/accuracy_without_copies", "train/accuracy_without_copies"}
    of_parts |= {"geometry/level", "geometry/non_edges"}
    expected = positions | summary_names | edges | train_names | of_parts
    assert set(last) == expected | {"stage", "epoch", "step", "seconds"}
    assert {k: v for k, v in last.items() if k in expected} == first.summary["final"]


def test_another_initial_seed_moves_the_weights_alone(finished, rerun, weights, tmp_path):
    config = finished.folder.read_config()
    console = Console(quiet=True)
    other = rerun(config, tmp_path, init_seed=5)
    assert weights(other) != weights(finished)
    before, after = (train_module.prepare(c, console) for c in (config, other.folder.read_config()))
    assert before.origin.dataset == after.origin.dataset
    assert before.trainer.batches().order(3).equal(after.trainer.batches().order(3))
    assert not before.trainer.model.head_weight.equal(after.trainer.model.head_weight)


def test_another_seed_moves_the_order_too(finished, rerun, tmp_path):
    other = rerun(finished.folder.read_config(), tmp_path, seed=1).folder.read_config()
    orders = [
        train_module.prepare(c, Console(quiet=True)).trainer.batches().order(0)
        for c in (finished.folder.read_config(), other)
    ]
    assert not orders[0].equal(orders[1])


def test_everything_a_run_writes(finished):
    folder = finished.folder
    names = {path.name for path in folder.path.iterdir()}
    assert names == {
        "config.json", "environment.json", "metrics.jsonl", "predictions.jsonl", "summary.json",
        "dataset", "checkpoints", "artifacts",
    }  # fmt: skip
    environment = json.loads(folder.environment.read_text())
    assert environment["packages"]["torch"].startswith("2.")
    assert environment["threads"] >= 1
    assert {"device", "matrix_type", "git", "python", "command"} <= set(environment)
    labels = {path.stem for path in folder.checkpoints.glob("*.json")}
    assert labels == {
        "best",
        "final",
        "edge_memorization_best",
        "edge_memorization_final",
        "path_finetuning_final",
    }
    assert json.loads(folder.summary.read_text()) == finished.summary


def test_the_summary_tells_the_peak_and_the_end(finished):
    rows = [row for row in read_rows(finished.folder.metrics) if "test/accuracy" in row]
    best, final = finished.summary["best"], finished.summary["final"]
    assert best["test/accuracy"] == max(row["test/accuracy"] for row in rows)
    assert best["step"] in [row["step"] for row in rows]
    assert final["test/accuracy"] == rows[-1]["test/accuracy"]


def test_both_histories_hold_every_step_of_the_edge_stage(finished):
    evolution = finished.folder.artifacts / "embedding_evolution"
    steps = history_steps(evolution)
    assert steps.tolist() == list(range(len(steps)))
    values = [value for _, value in read_history(evolution)]
    assert values[0].shape == (13, 16)
    assert not np.array_equal(values[0], values[-1])
    best = [v for _, v in read_history(finished.folder.artifacts / "top_k_predictions")]
    assert len(best) == len(steps)
    assert best[-1].shape == (13, 5)


@pytest.mark.parametrize("kind", ["run folder", "checkpoint folder", "safetensors file"])
def test_the_edge_stage_can_be_skipped(finished, train, tmp_path, kind):
    run = finished.folder
    label = json.loads((run.checkpoints / "edge_memorization_final.json").read_text())
    checkpoint = run.checkpoints / label["checkpoint"]
    place = {
        "run folder": run.path,
        "checkpoint folder": checkpoint,
        "safetensors file": tmp_path / "edges.safetensors",
    }[kind]
    (tmp_path / "edges.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes())
    result, _ = train(
        skip_edge_memorization=True, edge_memorization_checkpoint_path=str(place),
        path_finetuning_learning_rate=0.0, path_finetuning_epochs=1, optimizer_weight_decay=0.0,
    )  # fmt: skip
    stages = {row["stage"] for row in read_rows(result.folder.metrics)}
    assert stages == {"path_finetuning"}
    rows = [r for r in read_rows(run.metrics) if r["stage"] == "edge_memorization"]
    name = "edge_memorization/loss"
    assert result.summary["final"][name] == pytest.approx(rows[-1][name], rel=1e-6)


def test_a_missing_checkpoint_to_skip_from_leaves_no_run_folder(train, tmp_path):
    with pytest.raises(CheckpointError):
        train(
            skip_edge_memorization=True, edge_memorization_checkpoint_path=str(tmp_path / "none"),
            experiment_log_root=str(tmp_path / "logs"),
        )  # fmt: skip
    assert not (tmp_path / "logs").exists()


def test_a_missing_data_set_is_built_and_said(train, tmp_path):
    _, said = train(dataset_root=str(tmp_path), max_steps=1)
    assert "built the data set: " in said
    assert list(tmp_path.rglob("*_pretrain.txt"))
    _, again = train(dataset_root=str(tmp_path), max_steps=1)
    assert "built" not in again


def test_the_console_is_plain_when_it_is_no_terminal(train):
    _, said = train()
    lines = said.splitlines()
    assert "\x1b" not in said
    assert any(line.startswith("path_finetuning epoch 3 step ") for line in lines)
    assert all(len(line) < 300 for line in lines)


def test_markup_in_a_path_is_no_markup(train, tmp_path):
    place = tmp_path / "[bold]x[/bold]"
    _, said = train(dataset_root=str(place), max_steps=1)
    assert str(place) in said


def test_little_space_earns_a_warning(train, monkeypatch):
    monkeypatch.setattr(train_module, "free_bytes", lambda path: 1000)
    result, said = train(max_steps=1)
    assert "warning: the checkpoints would not fit on the disk; free some space" in said
    assert result.summary["steps"] == 1


def test_nothing_is_created_when_the_data_set_is_refused(tmp_path):
    config = small_config(
        dataset_root=str(tmp_path / "data"), experiment_log_root=str(tmp_path / "logs")
    )
    prepare_dataset(config, Console(quiet=True))
    facts = next(Path(config.dataset.dataset_root).rglob("*selfedge_0_pretrain.txt"))
    facts.write_text("0=99\n")
    with pytest.raises(Exception, match="bytes expected"):
        train_module.run_training(config, Console(file=StringIO()))
    assert not (tmp_path / "logs").exists()
