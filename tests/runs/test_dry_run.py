"""`geomem train --dry-run`: what a run would need, and warnings before it does not fit."""

import time

import pytest
import torch
from rich.console import Console

from geometric_memory.cli.main import main
from geometric_memory.config.presets import PRESETS
from geometric_memory.runs import needs
from geometric_memory.runs.needs import measure_stage
from geometric_memory.runs.train import prepare
from geometric_memory.settings import changed


def small(tmp_path, **changes):
    places = {"dataset_root": str(tmp_path / "data"), "experiment_log_root": str(tmp_path / "logs")}
    return changed(PRESETS["tiny"].config, **places, device="cpu", **changes)


def report(config):
    return needs.dry_run(config, Console(quiet=True))


def test_the_command_reports_and_writes_nothing(tmp_path, capsys):
    options = ["--dataset-root", str(tmp_path / "d"), "--experiment-log-root", str(tmp_path / "l")]
    assert main(["train", "--preset", "tiny", "--device", "cpu", "--dry-run", *options]) == 0
    text = capsys.readouterr().out
    for part in ("parameters:", "token embedding: 704", "tokens in", "memory:", "disk:", "time:"):
        assert part in text
    assert "steps: 100 in all" in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("family", ["gpt", "gpt2", "pythia", "mamba"])
def test_parts_sum_to_the_parameters_of_the_model(tmp_path, family):
    config = small(tmp_path, model_family=family)
    trainer = prepare(config, Console(quiet=True)).trainer
    total, *parts = needs.parameter_lines(trainer)
    numbers = [int(line.split(": ")[1].replace(",", "")) for line in parts]
    assert sum(numbers) == sum(p.numel() for p in trainer.model.parameters())
    assert total == f"parameters: {sum(numbers):,}"


def test_staged_recipes_report_each_stage(tmp_path):
    lines = report(small(tmp_path, training_recipe="staged_full_path"))
    assert any(line.startswith("stage edge_memorization: 100 steps") for line in lines)
    assert any(line.startswith("stage path_finetuning: 50 steps") for line in lines)
    assert "steps: 150 in all" in lines


def test_kept_bytes_are_counted(tmp_path):
    """One linear map without activation keeps its inputs, which can be counted by hand."""
    config = small(
        tmp_path, use_attention=False, use_layer_norm=False, use_residual_connections=False,
        use_positional_encoding=False, use_mlp_only_blocks=True, training_recipe="staged_full_path",
    )  # fmt: skip
    trainer = prepare(config, Console(quiet=True)).trainer
    need = measure_stage(trainer, 0)
    rows, width, vocabulary = 13, 32, 22  # the 24 facts are of so many nodes
    tokens, embedded, loss_gradients = (
        8 * rows,
        4 * rows * width,
        4 * (rows + vocabulary) * width,
    )
    assert tokens + embedded + loss_gradients <= need.kept_bytes
    assert need.kept_bytes <= 2 * (tokens + embedded + loss_gradients)
    assert need.positions == 2 * rows


def test_a_history_that_does_not_fit_earns_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(needs, "free_bytes", lambda path: 500_000)
    tracked = {"track_embedding_evolution": True, "path_finetuning_epochs": 1000}
    warning = "warning: a history would not fit on the disk; use --tracking_schedule log"
    assert warning in report(small(tmp_path, **tracked))
    assert warning not in report(small(tmp_path, **tracked, tracking_schedule="log"))


def test_training_that_does_not_fit_earns_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(needs, "free_memory", lambda device: 10**6)
    assert any("would not fit: 1 MB of memory" in line for line in report(small(tmp_path)))


def test_frequent_evaluations_earn_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(needs, "_evaluation_seconds", lambda trainer, task: 1e3)
    assert any("evaluations take longer" in line for line in report(small(tmp_path)))


class SlowCompiler:
    """Compiles every new shape of batch for a while, and then runs the model as it is."""

    seconds = 0.3

    def __init__(self, model, **options):
        self.model, self.known = model, set()

    def __call__(self, rectangles):
        shapes = tuple(rectangle.inputs.shape for rectangle in rectangles)
        if shapes not in self.known:
            self.known.add(shapes)
            time.sleep(self.seconds)
        return self.model(rectangles)


def test_compiling_is_not_taken_for_training(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", SlowCompiler)
    monkeypatch.setattr(needs, "SECONDS_PER_STAGE", 0.0)
    config = small(tmp_path, compile="on", path_finetuning_batch_size=20)
    need = measure_stage(prepare(config, Console(quiet=True)).trainer, 0)
    assert need.seconds_per_step < SlowCompiler.seconds <= need.compile_seconds
    assert any(line.startswith("compiling: 0.") for line in report(config))


def test_free_memory_is_known_here():
    free = needs.free_memory(torch.device("cpu"))
    assert free is None or free > 10**6
