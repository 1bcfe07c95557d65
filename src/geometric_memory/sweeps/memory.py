"""How many cells fit into memory at once."""

import json
from typing import Any

from geometric_memory.sweeps.cells import Cell

IRRELEVANT = frozenset(
    {
        "seed", "init_seed", "random_seed", "max_steps", "stop_at_path_accuracy",
        "edge_memorization_epochs", "path_finetuning_epochs", "optimizer_weight_decay",
        "edge_memorization_learning_rate", "path_finetuning_learning_rate",
        "edge_memorization_warmup_steps", "path_finetuning_warmup_steps",
        "decay_edge_memorization_learning_rate", "decay_path_finetuning_learning_rate",
        "weight_init_mode", "dropout_rate",
    }
)  # fmt: skip
"""Settings that change no array's size."""
SHARE = 0.9
"""Of the free memory, that a sweep may plan with."""
PROCESS_BYTES = 600_000_000
"""Of a worker before any cell: Python and PyTorch."""


def shape_of(cell: Cell) -> str:
    """Return what cells that need equal memory have in common; empty for tiny ones."""
    if cell.kind == "tiny":
        return ""
    return json.dumps({n: v for n, v in sorted(cell.settings.items()) if n not in IRRELEVANT})


def needed(config: Any) -> dict[str, int]:
    """Return the bytes that a run of `config` needs, by device; one step of each stage is made.

    Raises:
        GeometricMemoryError: if the run cannot be prepared.
    """
    from geometric_memory.console import make_console
    from geometric_memory.runs.dry_run import memory_need
    from geometric_memory.runs.preparation import prepare
    from geometric_memory.runs.stage_needs import measure_stage

    trainer = prepare(config, make_console(quiet=True)).trainer
    stages = [measure_stage(trainer, index, 0) for index in range(len(trainer.stages))]
    need = memory_need(trainer, stages).total
    device = trainer.arithmetic.device.type
    if device == "cpu":
        return {"cpu": PROCESS_BYTES + need}
    return {"cpu": 3 * PROCESS_BYTES, device: need}


def free() -> dict[str, int]:
    """Return the bytes that a sweep may plan with, by device, where the device can tell."""
    import torch

    from geometric_memory.runs.memory import free_memory

    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    found = {device: free_memory(torch.device(device)) for device in devices}
    return {device: int(SHARE * size) for device, size in found.items() if size is not None}


class Budget:
    """What is free, and what the running cells have taken of it."""

    def __init__(self, available: dict[str, int]) -> None:
        self.available = available
        self.taken: dict[str, int] = {}

    def fits(self, need: dict[str, int]) -> bool:
        """Whether `need` is free."""
        return all(
            self.taken.get(device, 0) + size <= self.available.get(device, size)
            for device, size in need.items()
        )

    def take(self, need: dict[str, int]) -> None:
        """Set `need` aside."""
        for device, size in need.items():
            self.taken[device] = self.taken.get(device, 0) + size

    def give_back(self, need: dict[str, int]) -> None:
        """Free what was set aside."""
        for device, size in need.items():
            self.taken[device] -= size
