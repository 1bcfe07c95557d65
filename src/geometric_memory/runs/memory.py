"""How much memory is free, and numbers of bytes as people read them."""

import sys
from pathlib import Path

import torch

if sys.platform != "win32":
    import resource

CONTROL_GROUP = Path("/sys/fs/cgroup")


def free_memory(device: torch.device) -> int | None:
    """Return the bytes of memory that are free on `device`, None where that is unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    file = Path("/proc/meminfo")
    rows = file.read_text(encoding="ascii").splitlines() if file.is_file() else []
    found = [int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable:")]
    return min([*found, *_find_allowed(), *_free_in_container()], default=None)


def _free_in_container() -> list[int]:
    """Return the bytes that the control group of this process may still take, if it has a limit."""
    limit, used = (CONTROL_GROUP / name for name in ("memory.max", "memory.current"))
    texts = [file.read_text(encoding="ascii").strip() for file in (limit, used) if file.is_file()]
    return [int(texts[0]) - int(texts[1])] if len(texts) == 2 and texts[0] != "max" else []


def _find_allowed() -> list[int]:
    """Return what `ulimit -v` still allows, if it is set."""
    size = Path("/proc/self/statm")
    if sys.platform == "win32" or not size.is_file():
        return []
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return []
    used = int(size.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    return [max(0, limit - used)]


def size_text(count: int) -> str:
    """Return a number of bytes as people read it."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"
