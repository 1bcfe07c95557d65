"""The engine of Slurm: one array, each of its jobs a shard of the sweep run by local workers.

submitit writes the batch file. Its folder, and that of the sweep, lie on a disk that all machines
see. A job that Slurm stops for its time limit is put back, and its cells go on from checkpoints.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import load
from geometric_memory.runs.interruption import Interruption
from geometric_memory.sweeps.engine import Engine, Report, Say
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.sweeps.jobs import Job, Outcome

GLANCE = 2.0
DEFAULTS: dict[str, Any] = {"timeout_min": 24 * 60}
CLUSTERS = ("slurm", "local", "debug")
"""What `--slurm cluster=` may be: the last two run the jobs of the array here, to try it out."""


class Shard:
    """A job of the array; submitit stores it, and asks it how to go on when time is up."""

    def __init__(self, folder: Path, here: Path, shard: tuple[int, int], engine: Engine) -> None:
        self.folder = folder
        self.here = here
        self.shard = shard
        self.engine = Engine(workers=engine.workers, timeout=engine.timeout)

    def __call__(self) -> int:
        """Run the shard; return the number of its cells that failed."""
        from geometric_memory.console import make_console
        from geometric_memory.sweeps.sweep import run_sweep

        os.chdir(self.here)
        console = make_console(width=100)
        return len(
            run_sweep(SweepFolder(self.folder), self.engine, console, shard=self.shard).failed
        )

    def checkpoint(self) -> Any:
        """Return what is put back into the queue: the same shard, of which less is missing."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def run_on_slurm(
    folder: SweepFolder, jobs: Sequence[Job], engine: Engine, report: Report, say: Say,
    interruption: Interruption,
) -> None:  # fmt: skip
    """Submit one array of `engine.shards` jobs and wait for it; a signal here cancels it.

    Raises:
        ConfigurationError: if submitit or Slurm is missing, or refuses a parameter.
    """
    executor = make_executor(folder, engine)
    count = max(1, min(engine.shards, len(jobs)))
    place, here = folder.path.resolve(), Path.cwd()
    shards = [Shard(place, here, (index, count), engine) for index in range(count)]
    with executor.batch():
        submitted = [executor.submit(shard) for shard in shards]
    say(f"submitted {count} jobs: {', '.join(job.job_id for job in submitted[:5])}; logs in "
        f"{folder.path / 'slurm'}")  # fmt: skip
    _follow(folder, jobs, submitted, report, interruption)


def make_executor(folder: SweepFolder, engine: Engine) -> Any:
    """Return the executor of submitit with the parameters of `engine`.

    Raises:
        ConfigurationError: as `run_on_slurm`.
    """
    submitit = load("submitit", "--engine slurm")
    asked: dict[str, Any] = dict(engine.slurm)
    cluster = asked.pop("cluster", "slurm")
    if cluster not in CLUSTERS:
        raise ConfigurationError([f"--slurm cluster={cluster}: one of {', '.join(CLUSTERS)}"])
    parameters = DEFAULTS | {"cpus_per_task": engine.workers, "name": "geomem-sweep"}
    parameters |= {
        name if name in ("timeout_min", "mem_gb", "gpus_per_node") else f"slurm_{name}":
        int(value) if value.isdecimal() else value
        for name, value in asked.items()
    }  # fmt: skip
    try:
        executor = submitit.AutoExecutor(folder=folder.path / "slurm", cluster=cluster)
        executor.update_parameters(**parameters)
    except (RuntimeError, NameError, TypeError, ValueError) as error:
        raise ConfigurationError([f"--engine slurm: {error}"]) from None
    return executor


def _follow(
    folder: SweepFolder, jobs: Sequence[Job], submitted: Sequence[Any], report: Report,
    interruption: Interruption,
) -> None:  # fmt: skip
    """Report cells as their records appear, until all jobs of the array have ended."""
    waiting = {cell.key for job in jobs for cell in job.cells}
    before = {key: folder.record(key) for key in waiting}
    ended = False
    while not ended:
        ended = all(job.done() for job in submitted)
        if interruption.name:
            for job in submitted:
                job.cancel(check=False)
            ended = True
        for key in sorted(waiting):
            record = folder.record(key)
            if record and record != before[key]:
                waiting.discard(key)
                report(Outcome(key=key, status=record["status"], error=record["error"]))
        if not ended:
            time.sleep(GLANCE)
