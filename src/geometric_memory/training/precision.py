"""Where and how the arithmetic is done: the device, and the type of the matrix products."""

from dataclasses import dataclass

import torch

from geometric_memory.config import TrainingSettings
from geometric_memory.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """The device, and float32 or bfloat16 for matrix products (weights stay float32)."""

    device: torch.device
    matrix_type: torch.dtype
    compiled: bool = False
    """Whether the model is compiled for training, in few shapes (see `compilation`)."""

    def autocast(self) -> torch.autocast:
        """Return the context of forward passes."""
        enabled = self.matrix_type == torch.bfloat16
        return torch.autocast(self.device.type, self.matrix_type, enabled=enabled)


def choose_arithmetic(settings: TrainingSettings) -> Arithmetic:
    """Return what `--device` and `--precision` mean on this machine.

    Raises:
        ConfigurationError: if the device asked for is not there.
    """
    device = _device(settings.device)
    bf16 = settings.precision == "bf16" or (
        settings.precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported()
    )
    return Arithmetic(device=device, matrix_type=torch.bfloat16 if bf16 else torch.float32)


def _device(name: str) -> torch.device:
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, there in available.items() if there))
    if not available[name]:
        raise ConfigurationError(
            [f"--device {name}: this machine or this build of PyTorch has none; use cpu or auto"]
        )
    return torch.device(name)
