"""The engine of one machine: worker processes, as many as cores and memory allow."""

import math
import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from geometric_memory.runs.interruption import Interruption
from geometric_memory.sweeps.cells import Cell
from geometric_memory.sweeps.engine import Engine, Report, Say
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.sweeps.jobs import Job, Outcome, fail
from geometric_memory.sweeps.memory import PROCESS_BYTES, Budget, free, shape_of
from geometric_memory.sweeps.worker import serve

GLANCE = 0.2
"""Seconds between two looks at whether a signal came."""
GRACE = 10.0
"""Seconds that a worker which has taken too long has to save a checkpoint."""


class WorkerEndedError(Exception):
    """A worker ended in the middle of a job."""


@dataclass(eq=False)
class Worker:
    """A process, and what it is at."""

    process: BaseProcess
    connection: Connection
    job: Job | None = None
    measuring: Cell | None = None
    need: dict[str, int] = field(default_factory=dict)
    ready: bool = False
    """Whether it has loaded its libraries."""
    since: float = math.inf
    """When it began its work, by the monotonic clock."""
    late: bool = False
    """Whether it has taken too long, and was told to end."""

    @property
    def idle(self) -> bool:
        """Whether it waits for work."""
        return self.job is None and self.measuring is None

    def give(self, task: str, content: Job | Cell) -> None:
        """Hand over work; of a worker that has ended one hears when one listens to it."""
        self.since, self.late = time.monotonic() if self.ready else math.inf, False
        with suppress(OSError):
            self.connection.send((task, content))


class LocalEngine:
    """Runs jobs in worker processes; one that dies or hangs fails its cells and is replaced."""

    def __init__(self, folder: SweepFolder, engine: Engine, report: Report, say: Say) -> None:
        self._folder = folder
        self._count = engine.workers
        self._timeout = engine.timeout
        self._report = report
        self._say = say
        self._workers: list[Worker] = []
        self._waiting: dict[str, deque[Job]] = {}
        """By shape, so that what fits is found without looking at every job."""
        self._needs: dict[str, dict[str, int]] = {"": {"cpu": PROCESS_BYTES}}
        self._budget = Budget({})
        self._stopped = False

    def run(self, jobs: Sequence[Job], interruption: Interruption) -> None:
        """Run all jobs, or, after a signal, bring those that run to their next checkpoint.

        Raises:
            DiskError: if what became of a cell cannot be written.
        """
        for job in jobs:
            self._waiting.setdefault(shape_of(job.cells[0]), deque()).append(job)
        self._budget = Budget(free())
        try:
            while self._waiting or any(not worker.idle for worker in self._workers):
                if interruption.name and not self._stopped:
                    self._stop()
                self._assign()
                self._listen()
                self._end_late()
        finally:
            self._end()

    def _assign(self) -> None:
        """Give idle workers what fits into memory, and measure what nobody knows yet."""
        while self._waiting:
            shape = self._next_shape()
            worker = None if shape is None else self._idle_worker()
            if shape is None or worker is None:
                return
            jobs = self._waiting[shape]
            if shape not in self._needs:
                worker.measuring = jobs[0].cells[0]
                worker.give("measure", worker.measuring)
                continue
            worker.job, worker.need = jobs.popleft(), self._needs[shape]
            if not jobs:
                del self._waiting[shape]
            self._budget.take(worker.need)
            worker.give("run", worker.job)

    def _next_shape(self) -> str | None:
        """Return a shape that fits, or that nobody has measured, if there is any."""
        measuring = {shape_of(w.measuring) for w in self._workers if w.measuring}
        for shape in self._waiting:
            known = self._needs.get(shape)
            if shape not in measuring and (known is None or self._budget.fits(known)):
                return shape
        if any(not worker.idle for worker in self._workers):
            return None
        shape = next(iter(self._waiting))
        cell = self._waiting[shape][0].cells[0]
        self._say(f"warning: {cell.key} needs more memory than is free; it runs alone")
        return shape

    def _idle_worker(self) -> Worker | None:
        for worker in self._workers:
            if worker.idle:
                return worker
        if len(self._workers) >= self._count:
            return None
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self._folder.path, list(sys.path))
        process = context.Process(target=serve, args=arguments)
        process.start()
        theirs.close()
        self._workers.append(Worker(process, ours))
        return self._workers[-1]

    def _listen(self) -> None:
        """Take in what workers have to tell, or that they have ended."""
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout=GLANCE):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                task, content = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                self._bury(worker)
                continue
            if task == "ready":
                worker.ready, worker.since = True, time.monotonic()
            elif task == "measured" and worker.measuring is not None:
                self._needs[shape_of(worker.measuring)] = content
                worker.measuring = None
            elif task == "ran":
                self._take_in(worker, content)

    def _take_in(self, worker: Worker, outcomes: Sequence[Outcome]) -> None:
        job = worker.job
        self._free(worker)
        for outcome in outcomes:
            late = worker.late and not self._stopped
            if late and job and outcome.status == "interrupted":
                cell = next(cell for cell in job.cells if cell.key == outcome.key)
                self._report(fail(self._folder, cell, self._too_long()))
            else:
                self._report(outcome)

    def _end_late(self) -> None:
        """End workers that take longer than allowed: kindly, and then whatever they are at."""
        for worker in self._workers:
            taken = 0.0 if worker.idle else time.monotonic() - worker.since
            if taken > self._timeout + GRACE:
                worker.process.kill()
            elif taken > self._timeout and not worker.late:
                worker.late = True
                worker.process.terminate()

    def _too_long(self) -> WorkerEndedError:
        return WorkerEndedError(f"took longer than --timeout {self._timeout:g} seconds")

    def _free(self, worker: Worker) -> None:
        self._budget.give_back(worker.need)
        worker.job, worker.need = None, {}

    def _bury(self, worker: Worker) -> None:
        """Record what a dead worker was at as failed; measuring that killed it counts as free."""
        worker.process.join()
        self._workers.remove(worker)
        code = worker.process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if worker.measuring is not None:
            self._needs[shape_of(worker.measuring)] = {}
        if worker.job is not None:
            job = worker.job
            self._free(worker)
            reason = "perhaps for want of memory" if code == -signal.SIGKILL else "see its log"
            error = WorkerEndedError(f"its process ended with {how}, {reason}")
            for cell in job.cells:
                if self._stopped:
                    self._report(Outcome(key=cell.key, status="interrupted"))
                elif not self._folder.is_finished(cell.key):
                    late = self._too_long() if worker.late else error
                    self._report(fail(self._folder, cell, late))

    def _stop(self) -> None:
        self._waiting.clear()
        self._stopped = True
        for worker in self._workers:
            worker.process.terminate()

    def _end(self) -> None:
        for worker in self._workers:
            worker.connection.close()
            if not worker.idle:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(timeout=5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def run_locally(
    folder: SweepFolder, jobs: Sequence[Job], engine: Engine, report: Report,
    say: Say, interruption: Interruption,
) -> None:  # fmt: skip
    """Run jobs on this machine, `engine.workers` at once at most."""
    count = max(1, min(engine.workers, len(jobs)))
    LocalEngine(folder, replace(engine, workers=count), report, say).run(jobs, interruption)
