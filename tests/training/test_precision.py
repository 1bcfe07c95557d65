"""Device and precision of a run."""

import pytest
import torch

from geometric_memory.config import TrainingSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.training.precision import choose_arithmetic


@pytest.mark.parametrize(
    ("precision", "matrix_type"),
    [("auto", torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16)],
)
def test_precision_on_the_cpu(precision, matrix_type):
    arithmetic = choose_arithmetic(TrainingSettings(device="cpu", precision=precision))
    assert arithmetic.device.type == "cpu"
    assert arithmetic.matrix_type == matrix_type
    with arithmetic.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == matrix_type


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused_with_advice(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match=f"--device {device}.*use cpu or auto"):
        choose_arithmetic(TrainingSettings(device=device))
    assert choose_arithmetic(TrainingSettings()).device.type == "cpu"


@pytest.mark.gpu
def test_auto_is_bfloat16_on_a_gpu_that_has_it():
    arithmetic = choose_arithmetic(TrainingSettings())
    assert arithmetic.device.type == "cuda"
    assert (arithmetic.matrix_type == torch.bfloat16) == torch.cuda.is_bf16_supported()
