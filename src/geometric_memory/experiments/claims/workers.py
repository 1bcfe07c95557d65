"""Worker processes: one thread each, errors handed back, none left behind when the parent dies."""

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from geometric_memory.errors import GeometricMemoryError, Interrupted
from geometric_memory.experiments.claims.jobs import Job, perform


def performed(jobs: Sequence[Job], results: Path, workers: int) -> Iterator[tuple[Job, str]]:
    """Do `jobs` in their order, `workers` at a time; yield each with its error, "" if none.

    A job that fails does not stop the others.
    """
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield job, attempt(job, results)
        return
    context = multiprocessing.get_context("spawn")
    threads = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # read by a worker when it starts
    pool = ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=follow_parent)
    try:
        waiting = {pool.submit(attempt, job, results): job for job in jobs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        if threads is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = threads


def attempt(job: Job, results: Path) -> str:
    """Do a job; return the message of an error that a user can mend, "" if there was none.

    Raises:
        KeyboardInterrupt: if a signal asks to stop.
    """
    try:
        perform(job, results)
    except Interrupted:
        raise KeyboardInterrupt from None  # the run is saved, and all work is to stop
    except GeometricMemoryError as error:
        return str(error)
    return ""


def follow_parent() -> None:
    """End this process when its parent is gone, however the parent went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
