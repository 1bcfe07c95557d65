"""Device and precision of a run."""

from dataclasses import replace

import pytest
import torch
from small_models import small_config

from geometric_memory.config import TrainingSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.models.build import build_model
from geometric_memory.training.precision import choose_arithmetic, on_this_machine


@pytest.mark.parametrize(
    ("precision", "matrix_type"),
    [("auto", torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16)],
)
def test_precision_on_the_cpu(precision, matrix_type):
    arithmetic = choose_arithmetic(TrainingSettings(device="cpu", precision=precision))
    assert arithmetic.device.type == "cpu"
    assert arithmetic.matrix_type == matrix_type
    for width, expected in ((64, torch.float32), (128, matrix_type)):
        model = build_model(small_config(embedding_dimension=width), vocabulary_size=17)
        with arithmetic.autocast(model):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == expected


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_with_advice(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match=f"--device {device}.*use cpu or auto"):
        choose_arithmetic(TrainingSettings(device=device))
    assert choose_arithmetic(TrainingSettings()).device.type == "cpu"


@pytest.mark.parametrize("emulated", [False, True])
def test_auto_takes_no_emulated_bfloat16(monkeypatch, emulated):
    """PyTorch counts a card from before Ampere as able, though it is slower than in float32."""

    def supported(including_emulation=True):
        return including_emulation or not emulated

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    found = choose_arithmetic(TrainingSettings()).matrix_type
    assert found == (torch.float32 if emulated else torch.bfloat16)


def test_a_run_is_measured_where_this_machine_can(monkeypatch):
    trained = TrainingSettings(device="cuda", precision="bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert on_this_machine(trained) == replace(trained, device="auto")
    assert on_this_machine(trained, "cpu") == replace(trained, device="cpu")
    assert on_this_machine(replace(trained, device="cpu")).device == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert on_this_machine(trained) == trained


@pytest.mark.gpu
def test_auto_is_bfloat16_on_a_gpu_that_has_it():
    arithmetic = choose_arithmetic(TrainingSettings())
    assert arithmetic.device.type == "cuda"
    able = torch.cuda.is_bf16_supported(including_emulation=False)
    assert (arithmetic.matrix_type == torch.bfloat16) == able
