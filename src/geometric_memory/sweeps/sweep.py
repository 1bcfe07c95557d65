"""A sweep from its cells to its table: what is missing is run, by one of several engines."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from geometric_memory.errors import GeometricMemoryError, Interrupted
from geometric_memory.extras import require
from geometric_memory.runs.interruption import EXIT_CODES, Interruption
from geometric_memory.runs.preparation import prepare_dataset
from geometric_memory.sweeps.cells import Cell, training_config
from geometric_memory.sweeps.engine import Engine, Start
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.sweeps.jobs import Job, Outcome, make_jobs, missing_jobs
from geometric_memory.sweeps.progress import SweepProgress
from geometric_memory.sweeps.table import write_table

PATIENCE = 3.0
"""Seconds before cells are tried again that another process was at."""


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """How a sweep stands."""

    folder: SweepFolder
    cells: int
    finished: int
    failed: dict[str, str]
    """Error by key."""
    missing: int
    """Cells of which nothing became so far, those of other shards among them."""
    left: int
    """Cells that this command was asked for and that have no result."""


def run_sweep(
    folder: SweepFolder, engine: Engine, console: Console, *, shard: tuple[int, int] = (0, 1)
) -> SweepResult:
    """Run what is missing of the sweep that is planned in `folder`, and write its table.

    `shard` (i, n) takes every n-th job from the i-th on, counted from 0.

    Raises:
        Interrupted: if a signal came; everything so far is kept, the table included.
        GeometricMemoryError: if anything else a user can mend is wrong.
    """
    require("a sweep", "pyarrow")
    folder.refuse_links()
    jobs = make_jobs(folder.read_plan())[shard[0] :: shard[1]]
    keys = [cell.key for job in jobs for cell in job.cells]
    done = {key for key in keys if folder.is_finished(key)}
    missing = missing_jobs(jobs, folder)
    with Interruption(console=console) as interruption:
        with SweepProgress(console, total=len(keys), done=len(done)) as progress:
            for problem in folder.damaged_records(keys):
                progress.say(f"warning: {problem}; the cell is run again")
            if done:
                progress.say(f"{len(done)} of {len(keys)} cells are there already")
            counter = _Counter(progress, done)
            run = engine_named(engine.name)
            if missing:
                _build_datasets(missing, console)
                run(folder, missing, engine, counter.report, progress.say, interruption)
            again = [job for job in missing if {cell.key for cell in job.cells} & counter.busy]
            if again and not interruption.name:
                time.sleep(PATIENCE)  # what a kill left behind is about to end
                run(folder, again, engine, counter.report, progress.say, interruption)
        write_table(folder)
    result = read_result(folder, keys)
    if interruption.name:
        raise Interrupted(
            f"{interruption.name}: stopped; {result.finished} of {result.cells} cells are "
            f"finished, the same command goes on with the others",
            EXIT_CODES[interruption.name],
        )
    return result


class _Counter:
    """Shows what becomes of cells, and counts each once."""

    def __init__(self, progress: SweepProgress, done: set[str]) -> None:
        self._progress = progress
        self._done = done
        self.busy: set[str] = set()

    def report(self, outcome: Outcome) -> None:
        """Take in one outcome."""
        if outcome.status == "failed":
            self._progress.say(f"failed: {outcome.key}: {outcome.error}")
        if outcome.status == "busy":
            self.busy.add(outcome.key)
            self._progress.say(f"another process is at it: {outcome.key}")
        if outcome.status in ("finished", "failed") and outcome.key not in self._done:
            self._done.add(outcome.key)
            self._progress.count(failed=outcome.status == "failed")


def read_result(folder: SweepFolder, keys: Sequence[str]) -> SweepResult:
    """Return how the sweep in `folder` stands, and how many of the cells `keys` have no result.

    Raises:
        DataError: if there is none.
    """
    cells = folder.read_plan()
    records = {cell.key: folder.record(cell.key) for cell in cells}
    there = {key: record for key, record in records.items() if record is not None}
    failed = {key: r["error"] for key, r in there.items() if r["status"] == "failed"}
    return SweepResult(
        folder=folder,
        cells=len(cells),
        finished=len(there) - len(failed),
        failed=failed,
        missing=len(cells) - len(there),
        left=sum(key not in there or key in failed for key in keys),
    )


def engine_named(name: str) -> Start:
    """Return the engine; what it needs is imported now."""
    if name == "ray":
        from geometric_memory.sweeps.ray_engine import run_on_ray

        return run_on_ray
    if name == "slurm":
        from geometric_memory.sweeps.slurm_engine import run_on_slurm

        return run_on_slurm
    from geometric_memory.sweeps.local import run_locally

    return run_locally


def _build_datasets(jobs: Sequence[Job], console: Console) -> None:
    """Build every data set that is not there, once; a cell whose graph is refused fails later."""
    seen = set()
    for cell in (job.cells[0] for job in jobs if job.cells[0].kind == "train"):
        try:
            config = training_config(cell)
        except GeometricMemoryError:
            continue
        if (config.graph, config.dataset) in seen:
            continue
        seen.add((config.graph, config.dataset))
        _try_to_build(cell, console)


def _try_to_build(cell: Cell, console: Console) -> None:
    try:
        prepare_dataset(training_config(cell), console)
    except GeometricMemoryError:
        return
