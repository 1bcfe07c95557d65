"""The place that is this machine: worker processes, as many as cores and memory allow."""

import math
import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from geometric_memory.work.memory import Budget, free
from geometric_memory.work.piece import Failure, Found, Piece, Pieces, Place, Report, Stopped, Store
from geometric_memory.work.processes import serve

GLANCE = 0.2
"""Seconds between two looks at whether a signal came."""
GRACE = 10.0
"""Seconds that a worker which has taken too long has to save a checkpoint."""


@dataclass(eq=False)
class Worker:
    """A process, and what it is at."""

    process: BaseProcess
    connection: Connection
    piece: Piece | None = None
    measuring: bool = False
    """Whether only the memory of the piece is tried out."""
    need: Mapping[str, int] = field(default_factory=dict)
    ready: bool = False
    """Whether it has loaded its libraries."""
    since: float = math.inf
    """When it began its work, by the monotonic clock."""
    late: bool = False
    """Whether it has taken too long, and was asked to end."""

    def give(self, store: Store, piece: Piece, *, measuring: bool) -> None:
        """Hand over work; that a worker has ended shows when one listens to it."""
        self.piece, self.measuring, self.late = piece, measuring, False
        self.since = time.monotonic() if self.ready else math.inf
        with suppress(OSError):
            self.connection.send((store, piece, measuring))


@dataclass(frozen=True, kw_only=True)
class Local(Place):
    """Worker processes of this machine; one that dies or hangs fails its piece and is replaced."""

    workers: int
    timeout: float = math.inf
    """Seconds that a piece may take."""

    def run(self, pieces: Pieces, store: Store, report: Report, stopped: Stopped) -> Found:
        return _Pool(self, pieces, store, report).run(stopped)


class _Pool:
    def __init__(self, place: Local, pieces: Pieces, store: Store, report: Report) -> None:
        self._place, self._store, self._report = place, store, report
        self._count = max(1, min(place.workers, len(pieces)))
        self._workers: list[Worker] = []
        self._waiting: dict[str, deque[Piece]] = {}
        """By shape, so that what fits is found without looking at every piece."""
        for piece in pieces:
            self._waiting.setdefault(piece.shape, deque()).append(piece)
        self._needs: dict[str, Mapping[str, int]] = {}
        self._budget = Budget(free())
        self._stopped = False

    def run(self, stopped: Stopped) -> Found:
        try:
            while self._waiting or any(worker.piece for worker in self._workers):
                if stopped() and not self._stopped:
                    self._stop()
                self._assign()
                yield from self._listen()
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
            pieces = self._waiting[shape]
            if shape not in self._needs:
                worker.give(self._store, pieces[0], measuring=True)
                continue
            worker.need = self._needs[shape]
            self._budget.take(worker.need)
            worker.give(self._store, pieces.popleft(), measuring=False)
            if not pieces:
                del self._waiting[shape]

    def _next_shape(self) -> str | None:
        """Return a shape that fits, or that nobody has measured, if there is any."""
        measuring = {w.piece.shape for w in self._workers if w.piece and w.measuring}
        for shape in self._waiting:
            known = self._needs.get(shape)
            if shape not in measuring and (known is None or self._budget.fits(known)):
                return shape
        if any(worker.piece for worker in self._workers):
            return None
        shape = next(iter(self._waiting))
        first = self._waiting[shape][0]
        name = first.name or first.key
        self._report(f"warning: {name} needs more memory than is free; it runs alone")
        return shape

    def _idle_worker(self) -> Worker | None:
        for worker in self._workers:
            if worker.piece is None:
                return worker
        if len(self._workers) >= self._count:
            return None
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, list(sys.path)))
        with _main_left_out():
            process.start()
        theirs.close()
        self._workers.append(Worker(process, ours))
        return self._workers[-1]

    def _listen(self) -> Found:
        """Take in what workers send, or that they have ended."""
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout=GLANCE):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                received = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                received = self._bury(worker)
            if not worker.ready and received is None:
                worker.ready, worker.since = True, time.monotonic()
                continue
            piece, worker.piece = worker.piece, None
            if piece is None:  # it ended with nothing to do
                continue
            if worker.measuring:  # which was too much for a worker that died of it
                self._needs[piece.shape] = {} if isinstance(received, Failure) else received
                continue
            self._budget.take(worker.need, -1)
            interrupted = isinstance(received, Failure) and received.kind == "interrupted"
            if interrupted and worker.late and not self._stopped:
                received = self._too_long()
            if not (interrupted and self._stopped):
                yield piece, received

    def _end_late(self) -> None:
        """End workers that take longer than allowed: kindly, and then whatever they are at."""
        for worker in self._workers:
            taken = time.monotonic() - worker.since if worker.piece else 0.0
            if taken > self._place.timeout + GRACE:
                worker.process.kill()
            elif taken > self._place.timeout and not worker.late:
                worker.late = True
                worker.process.terminate()

    def _too_long(self) -> Failure:
        text = f"took longer than --timeout {self._place.timeout:g} seconds"
        return Failure(text, kind="late")

    def _bury(self, worker: Worker) -> Failure:
        """Return what became of the piece of a dead worker."""
        worker.process.join()
        self._workers.remove(worker)
        code = worker.process.exitcode or 0
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        if self._stopped:
            return Failure(how, kind="interrupted")
        if worker.late:
            return self._too_long()
        reason = "perhaps for want of memory" if code == -signal.SIGKILL else "see its log"
        return Failure(f"its process ended with {how}, {reason}")

    def _stop(self) -> None:
        self._waiting.clear()
        self._stopped = True
        for worker in self._workers:
            worker.process.terminate()

    def _end(self) -> None:
        for worker in self._workers:
            worker.connection.close()
            if worker.piece:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(timeout=5)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


@contextmanager
def _main_left_out() -> Iterator[None]:
    """Keep workers from running the caller's script, which needs no guard then.

    A process that is spawned imports the main module again, for functions that lie there; ours do
    not.
    """
    main = sys.modules["__main__"]
    kept = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(kept)
