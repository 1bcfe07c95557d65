"""The precision that `auto` took is a setting of the run, and whoever goes on with it keeps it."""

from io import StringIO

import pytest
from rich.console import Console
from small_models import small_config

from geometric_memory.runs.train import resume_or_start
from geometric_memory.training import machine
from geometric_memory.training.machine import Trial


@pytest.fixture
def tried(monkeypatch):
    """Make every step a large one, and let the test say what trials find."""

    def says(speedup):
        trial = Trial(speedup=speedup, difference=0.0)
        monkeypatch.setattr(machine, "LARGE_STEP", 0)
        monkeypatch.setattr(machine, "try_precisions", lambda *arguments: trial)

    return says


def config_of(tmp_path, **settings):
    return small_config(
        path_finetuning_epochs=2, path_finetuning_batch_size=4, path_finetuning_warmup_steps=1,
        dataset_root=str(tmp_path / "data"), experiment_log_root=str(tmp_path / "logs"),
        evaluation_share=0, checkpoint_interval_steps=2, **settings,
    )  # fmt: skip


def started(config):
    text = StringIO()
    return resume_or_start(config, Console(file=text)), text.getvalue()


@pytest.mark.parametrize(("speedup", "precision"), [(2.0, "bf16"), (1.0, "fp32")])
def test_it_is_written_down_and_kept(tmp_path, tried, speedup, precision):
    tried(speedup)
    whole, said = started(config_of(tmp_path / "whole"))
    assert f"taking {precision}" in said
    assert whole.folder.read_config().training.precision == precision
    started(config_of(tmp_path / "parts"))
    run = next((tmp_path / "parts" / "logs").glob("*/*"))
    (run / "summary.json").unlink()
    for checkpoint in sorted((run / "checkpoints").glob("step-*"))[1:]:
        for file in checkpoint.iterdir():
            file.unlink()
        checkpoint.rmdir()
    tried(3.0 - speedup)  # a trial would now say the other thing, but none is made
    resumed, said = started(config_of(tmp_path / "parts"))
    assert "resumed from" in said
    assert "taking" not in said
    assert "bits may differ" not in said
    assert resumed.folder.read_config() == replace_roots(whole.folder.read_config(), tmp_path)
    last = f"checkpoints/step-{whole.summary['steps']:08d}/model.safetensors"
    assert (resumed.folder.path / last).read_bytes() == (whole.folder.path / last).read_bytes()


def replace_roots(config, tmp_path):
    """Return `config` with the folders of the run in parts."""
    return config_of(tmp_path / "parts", precision=config.training.precision)
