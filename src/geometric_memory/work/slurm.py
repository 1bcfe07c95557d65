"""The place that is Slurm: one array, each of its jobs a shard of the pieces done by local workers.

submitit writes the batch file. Its folder, and the store, lie on a disk that all machines see. A
job that Slurm stops for its time limit is put back, and its pieces go on from what they stored.
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geometric_memory.console import make_console
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import load
from geometric_memory.limits import whole_number
from geometric_memory.work.local import Local
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Failure, Found, Piece, Pieces, Place, Report, Stopped, Store
from geometric_memory.work.progress import Progress

GLANCE = 2.0
DEFAULTS: dict[str, Any] = {"timeout_min": 24 * 60, "name": "geomem-sweep"}
CLUSTERS = ("slurm", "local", "debug")
"""What `--slurm cluster=` may be: the last two run the jobs of the array here, to try it out."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A job of the array; submitit stores it, and asks it how to go on when time is up."""

    pieces: Pieces
    store: Store
    here: Path
    place: Local

    def __call__(self) -> list[tuple[Piece, Failure]]:
        """Do the pieces; return those that failed."""
        os.chdir(self.here)
        failed = []
        console = make_console(width=100)
        with Progress(console, "pieces", total=len(self.pieces), done=0) as progress:
            for piece, found in perform(
                self.pieces, self.store, place=self.place, report=progress.say
            ):
                if isinstance(found, Failure):
                    progress.say(f"failed: {piece.name or piece.key}: {found}")
                    failed.append((piece, found))
                progress.count(failed=isinstance(found, Failure))
        return failed

    def checkpoint(self) -> Any:
        """Return what is put back into the queue: the same shard, of which less is missing."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


@dataclass(frozen=True, kw_only=True)
class Slurm(Place):
    """An array of `shards` jobs."""

    folder: Path
    """Of batch files and logs."""
    workers: int = 1
    """Pieces at once in each job."""
    shards: int = 1
    timeout: float = math.inf
    """Seconds that a piece may take."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """What Slurm is asked for: partition, time, and so on."""

    def run(self, pieces: Pieces, store: Store, report: Report, stopped: Stopped) -> Found:
        executor, count = self.executor(), max(1, min(self.shards, len(pieces)))
        place = Local(workers=self.workers, timeout=self.timeout)
        with executor.batch():
            jobs = [
                executor.submit(
                    Shard(pieces=pieces[i::count], store=store, here=Path.cwd(), place=place)
                )
                for i in range(count)
            ]
        names = ", ".join(job.job_id for job in jobs[:5])
        report(f"submitted {count} jobs: {names}; logs in {self.folder}")
        waiting, ended = list(pieces), False
        while not ended:
            ended = stopped() or all(job.done() for job in jobs)
            yield from _take_answers(waiting, store)
            if not ended:
                time.sleep(GLANCE)
        if stopped():
            for job in jobs:
                job.cancel(check=False)
            return
        yield from _take_failures(waiting, store, jobs)

    def executor(self) -> Any:
        """Return the executor of submitit.

        Raises:
            ConfigurationError: if submitit or Slurm is missing, or refuses a parameter.
        """
        submitit = load("submitit", "--engine slurm")
        asked: dict[str, Any] = dict(self.asked)
        cluster = asked.pop("cluster", "slurm")
        if cluster not in CLUSTERS:
            raise ConfigurationError([f"--slurm cluster={cluster}: one of {', '.join(CLUSTERS)}"])
        parameters = DEFAULTS | {"cpus_per_task": self.workers}
        parameters |= {
            name if name in ("timeout_min", "mem_gb", "gpus_per_node") else f"slurm_{name}":
            value if (number := whole_number(value)) is None else number
            for name, value in asked.items()
        }  # fmt: skip
        try:
            executor = submitit.AutoExecutor(folder=self.folder, cluster=cluster)
            executor.update_parameters(**parameters)
        except (RuntimeError, NameError, TypeError, ValueError) as error:
            raise ConfigurationError([f"--engine slurm: {error}"]) from None
        return executor


def _take_answers(waiting: list[Piece], store: Store) -> Found:
    """Yield the pieces that have an answer now, and take them out of `waiting`."""
    for piece in tuple(waiting):
        if (answer := store.answer(piece)) is not None:
            waiting.remove(piece)
            yield piece, answer


def _take_failures(waiting: Pieces, store: Store, jobs: Sequence[Any]) -> Found:
    """Yield what is left when all jobs have ended, batches as the parts that were tried."""
    failed: dict[Piece, Failure] = {}
    lost = Failure("its job ended before it", kind="interrupted")
    for job in jobs:
        try:
            failed |= dict(job.result())
        except Exception as error:  # what submitit raises of a job that ended without a result
            lost = Failure(f"its job ended before it: {error}", kind="interrupted")
    for piece in waiting:
        for part in (piece,) if piece in failed else piece.parts or (piece,):
            answer, failure = store.answer(part), failed.get(part, lost)
            if failure.kind == "busy":  # twice
                failure.kind = "interrupted"
            yield part, failure if answer is None else answer
