"""Jobs: cells that are run together, by whichever process, and the record each leaves."""

import os
import platform
import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from geometric_memory.errors import GeometricMemoryError, Interrupted, RunLockedError
from geometric_memory.sweeps.cells import Cell
from geometric_memory.sweeps.folder import Record, SweepFolder


@dataclass(frozen=True, kw_only=True)
class Job:
    """Cells that are run together: a run of `geomem train`, or a batch of tiny members."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a cell just now."""

    key: str
    status: Literal["finished", "failed", "interrupted", "busy"]
    """interrupted: by a signal, and goes on later; busy: another process is at it."""
    error: str = ""


def make_jobs(cells: Sequence[Cell]) -> list[Job]:
    """Return the jobs of a plan, in a fixed order; tiny cells of equal shape go together.

    What is in a batch depends on the plan alone, so that a resumed sweep makes the same batches.
    """
    tiny = [cell for cell in cells if cell.kind == "tiny"]
    jobs = [Job(cells=(cell,)) for cell in cells if cell.kind == "train"]
    if tiny:
        from geometric_memory.sweeps.tiny_cells import batches

        jobs += [Job(cells=batch) for batch in batches(tiny)]
    return jobs


def missing_jobs(jobs: Sequence[Job], folder: SweepFolder) -> list[Job]:
    """Return the jobs with a cell that has no result."""
    return [job for job in jobs if not all(folder.is_finished(cell.key) for cell in job.cells)]


def execute(folder: SweepFolder, job: Job) -> list[Outcome]:
    """Run a job and record what became of its cells.

    Raises:
        DiskError: if a record cannot be written.
    """
    folder.logs.mkdir(parents=True, exist_ok=True)
    first = job.cells[0]
    if first.kind == "train":
        return [_train(folder, first)]
    from geometric_memory.sweeps.tiny_cells import train_members

    try:
        results = train_members(folder, job.cells)
    except Exception as error:  # one member ends the batch, so each is tried by itself
        if len(job.cells) > 1:
            return [
                outcome
                for cell in job.cells
                if not folder.is_finished(cell.key)
                for outcome in execute(folder, Job(cells=(cell,)))
            ]
        return [fail(folder, first, error)]
    return [
        _finish(folder, cell, **result) for cell, result in zip(job.cells, results, strict=True)
    ]


def fail(folder: SweepFolder, cell: Cell, error: Exception) -> Outcome:
    """Record the failure of a cell; an error of an unknown kind leaves its trace in the log.

    Files in the folder of the sweep are told as seen from it.
    """
    known = isinstance(error, GeometricMemoryError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    if not known:
        with folder.log(cell.key) as log:
            traceback.print_exception(error, file=log)
    for place in (folder.path, folder.path.resolve()):
        # The same wherever the sweep lies; not in the middle of another path.
        text = re.sub(rf"(?<![^\s:'\"(]){re.escape(f'{place}{os.sep}')}", "", text)
    code = error.exit_code if isinstance(error, GeometricMemoryError) else 1
    folder.write_record(_record(cell, "failed", error=text[:2000], exit_code=code))
    return Outcome(key=cell.key, status="failed", error=text)


def _train(folder: SweepFolder, cell: Cell) -> Outcome:
    from geometric_memory.sweeps.training_cells import train_cell

    try:
        run = train_cell(folder, cell)
        summary = run.summary
    except Interrupted as error:
        return Outcome(key=cell.key, status="interrupted", error=str(error))
    except RunLockedError as error:
        return Outcome(key=cell.key, status="busy", error=str(error))
    except Exception as error:  # whatever happens to one cell, the others go on
        return fail(folder, cell, error)
    return _finish(
        folder, cell, run=run.path.relative_to(folder.path), seconds=summary["seconds"],
        steps=summary["steps"], final=summary["final"], best=summary["best"],
    )  # fmt: skip


def _finish(  # noqa: PLR0913 - the columns of a result
    folder: SweepFolder, cell: Cell, *, seconds: float, steps: int, final: dict[str, Any],
    best: dict[str, Any], run: Path | None = None,
) -> Outcome:  # fmt: skip
    if not folder.is_finished(cell.key):
        record = _record(cell, "finished", run=run.as_posix() if run else "", seconds=seconds)
        record.update(steps=steps, final=final, best=best)
        folder.write_record(record)
    return Outcome(key=cell.key, status="finished")


def _record(cell: Cell, status: Literal["finished", "failed"], **more: Any) -> Record:
    ended = datetime.now().isoformat(timespec="seconds")
    record = Record(
        key=cell.key, status=status, error="", exit_code=0, ended=ended, host=_machine(), run="",
        seconds=None,
    )  # fmt: skip
    record.update(more)  # type: ignore[typeddict-item]
    return record


def _machine() -> str:
    """Return the name of this machine; Ray may have several nodes on one."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return platform.node()
    return f"{platform.node()}/{ray.get_runtime_context().get_node_id()[:8]}"
