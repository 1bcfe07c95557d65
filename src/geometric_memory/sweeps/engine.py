"""What an engine is told, and what it is given to run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from geometric_memory.runs.interruption import Interruption
    from geometric_memory.sweeps.folder import SweepFolder
    from geometric_memory.sweeps.jobs import Job, Outcome

EngineName = Literal["process", "ray", "slurm"]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What runs the cells."""

    name: EngineName = "process"
    workers: int = 1
    """Cells at once: on this machine, or in each job of Slurm."""
    timeout: float = math.inf
    """Seconds that a cell, or a batch of tiny members, may take."""
    address: str = ""
    """Of a Ray cluster; empty starts one on this machine."""
    gpus: float = 0.0
    """GPUs that Ray sets aside for a cell; may be a fraction."""
    shards: int = 1
    """Jobs of a Slurm array."""
    slurm: dict[str, str] = field(default_factory=dict)
    """What Slurm is asked for: partition, time, and so on."""


Report = Callable[["Outcome"], None]
Say = Callable[[str], None]
Start = Callable[
    ["SweepFolder", Sequence["Job"], Engine, Report, Say, "Interruption"], None
]  # fmt: skip
"""An engine: it runs jobs, reports what becomes of each cell, and stops when a signal came."""
