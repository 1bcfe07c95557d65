"""Where and how the arithmetic is done: the device, and the type of the matrix products."""

from dataclasses import dataclass, replace

import torch

from geometric_memory.config import TrainingSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.models.interface import SequenceModel

NARROW = 128
"""Width below which layers stay in float32 on a CPU: their products gain nothing in bfloat16."""


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """The device, and float32 or bfloat16 for matrix products (weights stay float32)."""

    device: torch.device
    matrix_type: torch.dtype
    compiled: bool = False
    """Whether the model is compiled for training, in few shapes (see `compilation`)."""

    def autocast(self, model: SequenceModel) -> torch.autocast:
        """Return the context of forward passes through the layers of `model`."""
        narrow = self.device.type == "cpu" and model.head_weight.shape[1] < NARROW
        enabled = self.matrix_type == torch.bfloat16 and not narrow
        return torch.autocast(self.device.type, self.matrix_type, enabled=enabled)

    def describe(self) -> dict[str, str]:
        """Return the names of the device and of the type of matrix products."""
        on_gpu = self.device.type == "cuda"
        device = torch.cuda.get_device_name(self.device) if on_gpu else self.device.type
        return {"device": device, "matrix_type": str(self.matrix_type).removeprefix("torch.")}


EXACT = Arithmetic(device=torch.device("cpu"), matrix_type=torch.float32)
"""Gives the same answers on every machine, but for the last bits."""


def choose_arithmetic(settings: TrainingSettings) -> Arithmetic:
    """Return what `--device` and `--precision` mean on this machine.

    Raises:
        ConfigurationError: if the device asked for is not there.
    """
    device = _device(settings.device)
    bf16 = settings.precision == "bf16"
    if settings.precision == "auto" and device.type == "cuda":
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return Arithmetic(device=device, matrix_type=torch.bfloat16 if bf16 else torch.float32)


def on_this_machine(settings: TrainingSettings, device: str = "") -> TrainingSettings:
    """Return the settings of a run with a device to measure it on.

    That is `device` if one is named, else that of the run if this machine has it, else `auto`.
    """
    if not device:
        device = settings.device if settings.device in _available() else "auto"
    return replace(settings, device=device)


def _available() -> list[str]:
    """Return the devices of this machine, the best first."""
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    return [name for name, there in found.items() if there]


def _device(name: str) -> torch.device:
    available = _available()
    if name == "auto":
        return torch.device(available[0])
    if name not in available:
        raise ConfigurationError(
            [f"--device {name}: this machine or this build of PyTorch has none; use cpu or auto"]
        )
    return torch.device(name)
