"""The jobs of claims in worker processes, errors handed back."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from geometric_memory.errors import GeometricMemoryError, Interrupted
from geometric_memory.studies.claims.jobs import Job, perform
from geometric_memory.work.processes import completed


def performed(jobs: Sequence[Job], results: Path, workers: int) -> Iterator[tuple[Job, str]]:
    """Do `jobs` in their order, `workers` at a time; yield each with its error, "" if none.

    A job that fails does not stop the others.
    """
    return completed(partial(attempt, results=results), jobs, workers)


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
