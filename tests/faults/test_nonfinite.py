"""A loss or gradient that is not finite stops a run before the update, and says where."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save
from trials import TINY, change_checkpoint, differences, result, run_folder

from geometric_memory.runs.folder import RunFolder


def failure_of(run):
    assert all(
        np.isfinite(values).all()
        for file in run.glob("checkpoints/step-*/*.safetensors")
        for values in load_file(file).values()
    )
    return json.loads((run / "failure.json").read_text())


def test_a_real_explosion(workshop, tmp_path):
    ended = workshop.run([*TINY, "--path_finetuning_learning_rate", "1e18"], tmp_path)
    assert ended.code == 5
    assert "failure.json" in ended.said
    assert "Traceback" not in ended.said
    failure = failure_of(run_folder(tmp_path))
    assert failure["rate"] > 1e16
    assert failure["loss"] is None or None in failure["gradient_norms"].values()
    assert len(failure["examples"]) == 4


def test_an_update_that_overflows_reaches_no_checkpoint(workshop, tmp_path):
    """At such a rate the loss is finite and the weights after its update are not."""
    words = ["--path_finetuning_learning_rate", "1e38", "--path_finetuning_warmup_steps", "0"]
    ended = workshop.run([*TINY, *words, "--checkpoint_interval_steps", "1"], tmp_path)
    assert ended.code == 5
    assert "weights or moments are not finite at step 0" in ended.said
    run = run_folder(tmp_path)
    failure = failure_of(run)
    assert (failure["step"], failure["gradient_norms"]) == (0, {})
    assert "token_embedding.weight" in failure["overflow"]
    assert not list(run.glob("checkpoints/*"))
    later = tmp_path / "later"
    later.mkdir()
    ended = workshop.run([*TINY, *words, "--checkpoint_interval_steps", "0"], later)
    assert ended.code == 5
    assert (
        "loss or gradient is not finite, and weights or moments are not finite at step 0"
        in ended.said
    )


@pytest.mark.parametrize("place", ["0.exp_avg", "3.exp_avg_sq", "2.step", "totals"])
def test_an_optimizer_that_is_not_finite_is_refused(workshop, tmp_path, place):
    fault = {"moment": "mid_epoch", "occurrence": 13, "deed": "kill"}
    assert workshop.run(TINY, tmp_path, **fault).code == -9
    run = run_folder(tmp_path)
    last = run / "checkpoints/step-00000010"
    tensors = load_file(last / "optimizer.safetensors")
    tensors[place].reshape(-1)[:1] = np.nan
    change_checkpoint(last, "optimizer.safetensors", save(tensors))
    before = (run / "metrics.jsonl").read_bytes()
    ended = workshop.run(["train", "--resume", run], tmp_path)
    assert ended.code == 4
    assert f"optimizer.safetensors: NaN or infinity in {place}" in ended.said
    assert (run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("recipe", ["mixed_full_path", "staged_full_path"])
def test_it_tells_the_batch_and_the_run_can_go_on(workshop, tmp_path, recipe):
    line = [*TINY, "--training_recipe", recipe]
    fault = {"moment": "mid_epoch", "occurrence": 26, "deed": "not_a_number"}
    ended = workshop.run(line, tmp_path, **fault)
    assert ended.code == 5
    run = run_folder(tmp_path)
    failure = failure_of(run)
    assert failure["step"] == 26
    assert failure["loss"] is None
    assert f"step {failure['step']}" in ended.said
    assert failure["examples"] == examples_of(tmp_path, RunFolder(run), failure)
    resumed = workshop.run(["train", "--resume", run], tmp_path)
    assert resumed.code == 0, resumed.said
    assert not (run / "failure.json").exists()
    whole = tmp_path / "whole"
    whole.mkdir()
    assert workshop.run(line, whole).code == 0
    assert differences(result(run), result(run_folder(whole))) == []


def examples_of(folder, run, failure):
    """The examples of the failing batch, from the order of its epoch."""
    import os

    from rich.console import Console

    from geometric_memory.runs.train import prepare

    previous = Path.cwd()
    os.chdir(folder)
    try:
        trainer = prepare(run.read_config(), Console(quiet=True)).trainer
    finally:
        os.chdir(previous)
    names = [stage.name for stage in trainer.stages]
    trainer.position.stage = names.index(failure["stage"])
    size = trainer.stage.batch_size
    order = trainer.batches().order(failure["epoch"]).tolist()
    return order[failure["batch"] * size : (failure["batch"] + 1) * size]


SKIP = ["--on_nonfinite", "skip", "--nonfinite_limit", "3"]


def test_bad_batches_can_be_left_out_up_to_a_limit(workshop, tmp_path):
    fault = {"moment": "mid_epoch", "occurrence": 26, "deed": "not_a_number", "times": 3}
    ended = workshop.run([*TINY, *SKIP], tmp_path, **fault)
    assert ended.code == 0, ended.said
    assert "3 batches left out, which were not finite" in ended.said
    run = run_folder(tmp_path)
    found = result(run)
    assert found["summary"]["final"]["joint_training/skipped_batches"] == 3
    losses = [row["joint_training/train_loss"] for row in found["rows"] if row["step"]]
    assert all(np.isfinite(losses))
    assert found["summary"]["steps"] == 60


def test_one_more_than_the_limit_stops_and_a_resume_remembers_the_count(workshop, tmp_path):
    line = [*TINY, *SKIP]
    fault = {"moment": "mid_epoch", "occurrence": 26, "deed": "not_a_number", "times": 4}
    ended = workshop.run(line, tmp_path, **fault)
    assert ended.code == 5
    run = run_folder(tmp_path)
    assert failure_of(run)["step"] == 29
    (state,) = {
        json.loads(f.read_text())["skipped"] for f in run.glob("checkpoints/*25/state.json")
    }
    assert state == 0
    # From step 25 on, two bad batches, a kill after the checkpoint that has counted them, two more.
    more = {"moment": "mid_epoch", "occurrence": 2, "deed": "not_a_number", "times": 2}
    assert workshop.run(["train", "--resume", run, "--max_steps", "31"], tmp_path, **more).code == 0
    more["occurrence"] = 1
    again = workshop.run(["train", "--resume", run, "--max_steps", "0"], tmp_path, **more)
    assert again.code == 5, again.said
    assert failure_of(run)["step"] == 33
