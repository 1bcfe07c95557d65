"""A sweep from its cells to its table: what is missing is run, by one of several engines."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from geometric_memory.errors import GeometricMemoryError, Interrupted
from geometric_memory.runs.interruption import EXIT_CODES, Interruption
from geometric_memory.runs.launch import prepare_dataset
from geometric_memory.sweeps.cells import Cell, training_config
from geometric_memory.sweeps.engine import Engine, Start
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.sweeps.jobs import Job, Outcome, make_jobs, missing_jobs
from geometric_memory.sweeps.progress import SweepProgress
from geometric_memory.sweeps.table import check_installed, write_table


@dataclass(frozen=True, kw_only=True)
class SweepResult:
    """How a sweep stands."""

    folder: SweepFolder
    cells: int
    finished: int
    failed: dict[str, str]
    """Error by key."""
    missing: int


def run_sweep(
    folder: SweepFolder, engine: Engine, console: Console, *, shard: tuple[int, int] = (0, 1)
) -> SweepResult:
    """Run what is missing of the sweep that is planned in `folder`, and write its table.

    `shard` (i, n) takes every n-th job from the i-th on, counted from 0.

    Raises:
        Interrupted: if a signal came; everything so far is kept, the table included.
        GeometricMemoryError: if anything else a user can mend is wrong.
    """
    check_installed()
    cells = folder.read_plan()
    jobs = make_jobs(cells)[shard[0] :: shard[1]]
    missing = missing_jobs(jobs, folder)
    keys = [cell.key for job in jobs for cell in job.cells]
    done = {key for key in keys if folder.is_finished(key)}
    with Interruption() as interruption:
        with SweepProgress(console, total=len(keys), done=len(done)) as progress:
            if done:
                progress.say(f"{len(done)} of {len(keys)} cells are there already")

            def report(outcome: Outcome) -> None:
                if outcome.status == "failed":
                    progress.say(f"failed: {outcome.key}: {outcome.error}")
                if outcome.status in ("finished", "failed") and outcome.key not in done:
                    done.add(outcome.key)
                    progress.count(failed=outcome.status == "failed")
                if outcome.status == "busy":
                    progress.say(f"left to another process: {outcome.key}")

            if missing:
                _build_datasets(missing, console)
                engine_named(engine.name)(
                    folder, missing, engine, report, progress.say, interruption
                )
        write_table(folder)
    result = read_result(folder)
    if interruption.name:
        raise Interrupted(
            f"{interruption.name}: stopped; {result.finished} of {result.cells} cells are "
            f"finished, the same command goes on with the others",
            EXIT_CODES[interruption.name],
        )
    return result


def read_result(folder: SweepFolder) -> SweepResult:
    """Return how the sweep in `folder` stands.

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
        config = training_config(cell)
        if (config.graph, config.dataset) in seen:
            continue
        seen.add((config.graph, config.dataset))
        _try_to_build(cell, console)


def _try_to_build(cell: Cell, console: Console) -> None:
    try:
        prepare_dataset(training_config(cell), console)
    except GeometricMemoryError:
        return
