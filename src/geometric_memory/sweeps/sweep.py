"""A sweep from its cells to its table: what is missing is done, in one of several places."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console

from geometric_memory.errors import GeometricMemoryError, Interrupted
from geometric_memory.extras import require
from geometric_memory.runs.preparation import prepare_dataset
from geometric_memory.sweeps.cells import Cell, training_config
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.sweeps.pieces import make_pieces
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Failure, Found, Place
from geometric_memory.work.progress import Progress


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
    folder: SweepFolder, place: Place, console: Console, *, shard: tuple[int, int] = (0, 1)
) -> SweepResult:
    """Run what is missing of the sweep that is planned in `folder`, and write its table.

    `shard` (i, n) takes every n-th piece from the i-th on, counted from 0.

    Raises:
        Interrupted: if a signal came; everything so far is kept, the table included.
        GeometricMemoryError: if anything else a user can mend is wrong.
    """
    require("a sweep", "pyarrow")
    folder.refuse_links()
    pieces = make_pieces(folder.read_plan())[shard[0] :: shard[1]]
    keys = [cell.key for piece in pieces for cell in piece.arguments["cells"]]
    done = {key for key in keys if folder.finished(key)}
    missing = [piece for piece in pieces if folder.answer(piece) is None]
    stopped = None
    with Progress(console, "cells", total=len(keys), done=len(done)) as progress:
        for problem in folder.find_damaged_records(keys):
            progress.say(f"warning: {problem}; the cell is run again")
        if done:
            progress.say(f"{len(done)} of {len(keys)} cells are there already")
        _build_datasets((piece.arguments["cells"][0] for piece in missing), console)
        try:
            _count(perform(missing, folder, place=place, report=progress.say), done, progress)
        except Interrupted as error:
            stopped = error
    folder.write_table()
    result = read_result(folder, keys)
    if stopped:
        text = (
            f"{str(stopped).partition(';')[0]}; {result.finished} of {result.cells} cells are "
            f"finished, the same command goes on with the others"
        )
        raise Interrupted(text, stopped.exit_code)
    return result


def _count(found: Found, done: set[str], progress: Progress) -> None:
    """Show what becomes of cells, and count each that is not `done`."""
    for piece, answer in found:
        failed = isinstance(answer, Failure)
        for cell in piece.arguments["cells"]:
            if failed:
                progress.say(f"failed: {cell.key}: {answer}")
            if cell.key not in done:
                progress.count(failed=failed)


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


def _build_datasets(cells: Iterable[Cell], console: Console) -> None:
    """Build every data set that is not there, once; a cell whose graph is refused fails later."""
    seen = set()
    for cell in cells:
        with suppress(GeometricMemoryError):
            if cell.kind == "train":
                config = training_config(cell)
                if (config.graph, config.dataset) not in seen:
                    seen.add((config.graph, config.dataset))
                    prepare_dataset(config, console)
