"""How many pieces fit into memory at once."""

from collections.abc import Mapping

import torch

from geometric_memory.config import RunConfig
from geometric_memory.console import make_console
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.memory import free_memory
from geometric_memory.runs.needs import measure_stage, memory_need
from geometric_memory.runs.preparation import prepare
from geometric_memory.work.piece import PROCESS_BYTES

SHARE = 0.9
"""Of the free memory, that may be planned with."""


def run_need(config: RunConfig) -> dict[str, int]:
    """Return the bytes that a run of `config` needs, by device; one step of each stage is made.

    Raises:
        GeometricMemoryError: if the run cannot be prepared.
    """
    trainer = prepare(resolve_sizes(config), make_console(quiet=True)).trainer
    stages = [measure_stage(trainer, index, 0) for index in range(len(trainer.stages))]
    need = memory_need(trainer, stages).total
    device = trainer.arithmetic.device.type
    if device == "cpu":
        return {"cpu": PROCESS_BYTES + need}
    return {"cpu": 3 * PROCESS_BYTES, device: need}


def free() -> dict[str, int]:
    """Return the bytes that may be planned with, by device, where the device can tell."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    found = {device: free_memory(torch.device(device)) for device in devices}
    return {device: int(SHARE * size) for device, size in found.items() if size is not None}


class Budget:
    """What is free, and what the running pieces have taken of it."""

    def __init__(self, available: Mapping[str, int]) -> None:
        self.available = available
        self.taken: dict[str, int] = {}

    def fits(self, need: Mapping[str, int]) -> bool:
        """Whether `need` is free."""
        return all(
            self.taken.get(device, 0) + size <= self.available.get(device, size)
            for device, size in need.items()
        )

    def take(self, need: Mapping[str, int], sign: int = 1) -> None:
        """Set `need` aside; with `sign` -1 free it again."""
        for device, size in need.items():
            self.taken[device] = self.taken.get(device, 0) + sign * size
