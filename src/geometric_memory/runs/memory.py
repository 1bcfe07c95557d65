"""Memory: how much is free, and what to do when it was too little."""

import sys
from pathlib import Path

import torch

from geometric_memory.errors import is_out_of_memory
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.stage_needs import bytes_per_row
from geometric_memory.training.trainer import Trainer

if sys.platform != "win32":
    import resource

CONTROL_GROUP = Path("/sys/fs/cgroup")
SPARED = 0.5
"""Share of the free memory that a suggested batch leaves alone."""


def free_memory(device: torch.device) -> int | None:
    """Return the bytes of memory that are free on `device`, None where nobody can say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    file = Path("/proc/meminfo")
    rows = file.read_text(encoding="ascii").splitlines() if file.is_file() else []
    found = [int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable:")]
    return min([*found, *_allowed(), *_free_in_container()], default=None)


def _free_in_container() -> list[int]:
    """Return the bytes that the control group of this process may still take, if it has a limit."""
    limit, used = (CONTROL_GROUP / name for name in ("memory.max", "memory.current"))
    texts = [file.read_text(encoding="ascii").strip() for file in (limit, used) if file.is_file()]
    return [int(texts[0]) - int(texts[1])] if len(texts) == 2 and texts[0] != "max" else []


def _allowed() -> list[int]:
    """Return what `ulimit -v` still allows, if it is set."""
    size = Path("/proc/self/statm")
    if sys.platform == "win32" or not size.is_file():
        return []
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return []
    used = int(size.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    return [max(0, limit - used)]


def describe_shortage(trainer: Trainer, folder: RunFolder, *, evaluating: bool) -> str:
    """Return what ran out of memory, what it needs, and how to go on."""
    stage, step = trainer.stage, trainer.position.step
    free = free_memory(trainer.arithmetic.device)
    what = f"out of memory in step {step + 1} ({stage.name}), "
    advice = "take a smaller batch or model"
    if evaluating:
        what, advice = f"out of memory in the evaluation after step {step}, ", "free some memory"
    elif (per_row := _bytes_per_row(trainer)) and free is not None:
        rows = min(stage.batch_size, sum(map(len, stage.examples)))
        what += f"whose {rows} rows take about {size_text(int(per_row * rows))}, "
        advice = f"try --{stage.topic}_batch_size {_fitting(per_row, free, rows)}"
    known = "" if free is None else f"{size_text(free)} free: "
    return (
        f"{what}{known}{advice}. Earlier checkpoints are whole: where there is more memory, "
        f"--resume {folder.path} goes on from the last"
    )


def size_text(count: int) -> str:
    """Return a number of bytes as people read it."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def _fitting(per_row: float, free: int, rows: int) -> int:
    """Return the largest power of two that fits, below the batch that did not."""
    most = max(1, min(int(SPARED * free / per_row), rows // 2))
    return 1 << (most.bit_length() - 1)


def _bytes_per_row(trainer: Trainer) -> float:
    """Return what one row keeps for the backward pass, 0 if there is no memory to find out."""
    try:
        return bytes_per_row(trainer)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return 0.0
