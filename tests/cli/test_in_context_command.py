"""`geomem train --task_family in_context`, from the command line to a measured, resumed run."""

import json

from geometric_memory.cli.main import main

BRIEF = [
    "train", "--preset", "in_context", "--context_train_prompts", "64", "--transformer_layer_count",
    "1", "--context_test_prompts", "16", "--path_finetuning_batch_size", "16", "--max_steps", "2",
]  # fmt: skip


def test_a_run_trains_resumes_and_is_measured_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*BRIEF, "--run_name", "brief"]) == 0
    shown = capsys.readouterr().out
    assert "(chance 50 %)" in shown
    assert "edge facts" not in shown
    run = tmp_path / "experiment_logs/in_weights/brief"
    before = json.loads((run / "summary.json").read_text())
    assert main(["evaluate", str(run), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["test_forced/loss"] == before["final"]["test_forced/loss"]
    assert main(["train", "--resume", str(run), "--max_steps", "5"]) == 0
    assert json.loads((run / "summary.json").read_text())["steps"] == 5
    assert main([*BRIEF, "--dry_run"]) == 0


def test_what_does_not_fit_is_refused_at_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--task_family", "in_context", "--graph_type", "grid", "--context_label_count", "3"]
    words += ["--training_recipe", "staged_full_path", "--track_embedding_evolution"]
    assert main(["train", *words]) == 2
    told = capsys.readouterr().err
    assert told.count("--task_family in_context") == 5
    assert not list(tmp_path.iterdir())
