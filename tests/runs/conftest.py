"""Small training runs in this process."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console
from small_models import small_config

from geometric_memory.runs.train import run_training

BRIEF = {
    "graph_type": "star", "total_nodes": -1, "star_degree": 4,
    "training_recipe": "staged_full_path",
    "edge_memorization_epochs": 4, "edge_memorization_batch_size": 5,
    "edge_memorization_eval_interval_epochs": 2, "edge_memorization_warmup_steps": 2,
    "path_finetuning_epochs": 3, "path_finetuning_batch_size": 2, "path_finetuning_warmup_steps": 2,
    "prediction_logging_multiplier": 1,
}  # fmt: skip


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """Return a function from settings to (result, what the console said)."""
    data = tmp_path_factory.mktemp("data")

    def trained(**settings):
        logs = tmp_path_factory.mktemp("logs")
        places = {"dataset_root": str(data), "experiment_log_root": str(logs)}
        config = small_config(**{**BRIEF, **places, **settings})
        text = StringIO()
        return run_training(config, Console(file=text)), text.getvalue()

    return trained


@pytest.fixture(scope="session")
def finished(train):
    """One finished staged run with both histories, shared by all tests that only read it."""
    result, _ = train(track_embedding_evolution=True, track_top_k_predictions=True)
    return result


def weights_of(result) -> bytes:
    """The final weights of a run as stored."""
    final = result.folder.checkpoints / f"step-{result.summary['steps']:08d}"
    return (final / "model.safetensors").read_bytes()


@pytest.fixture(scope="session")
def weights():
    """The function from a finished run to its final weights as stored."""
    return weights_of


@pytest.fixture
def rerun(train):
    """Return a function that trains the configuration of a run again, with changes."""

    def again(config, tmp_path, **changes):
        logging = replace(config.logging, experiment_log_root=str(tmp_path))
        training = replace(config.training, **changes)
        text = StringIO()
        config = replace(config, logging=logging, training=training)
        return run_training(config, Console(file=text))

    return again
