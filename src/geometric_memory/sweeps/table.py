"""The results of a sweep as one Parquet table: settings, status, metrics and time of every cell."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from geometric_memory.errors import CheckpointError
from geometric_memory.extras import load
from geometric_memory.files.whole import write_whole
from geometric_memory.sweeps.cells import Cell
from geometric_memory.sweeps.folder import SweepFolder

if TYPE_CHECKING:
    import pyarrow

TIMES = ("seconds", "ended", "host")
"""Columns that differ between two runs of the same sweep."""
TOLD = ("status", "error", "exit_code", "run", "steps", *TIMES)


def results_table(folder: SweepFolder) -> "pyarrow.Table":
    """Return one row per cell of the plan; a cell without a record is `missing`.

    Settings have their names, metrics are `final/NAME` and `best/NAME`. A cell whose record is
    damaged is missing too, and its error says so.
    """
    pyarrow = load("pyarrow", "a sweep")
    rows = [_row(cell, folder) for cell in folder.read_plan()]
    names = dict.fromkeys(name for row in rows for name in row)
    return pyarrow.table({name: _column([row.get(name) for row in rows]) for name in names})


def write_table(folder: SweepFolder) -> None:
    """Write `results.parquet`, whole or not at all.

    Raises:
        DiskError: if it cannot be written.
    """
    table = results_table(folder)
    import pyarrow.parquet

    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content)
    write_whole(folder.table, content.getvalue())


def _row(cell: Cell, folder: SweepFolder) -> dict[str, Any]:
    found: Mapping[str, Any]
    try:
        found = folder.read_record(cell.key) or {"status": "missing"}
    except CheckpointError as error:
        found = {"status": "missing", "error": str(error)}
    row = {"key": cell.key, "kind": cell.kind} | {name: found.get(name) for name in TOLD}
    row |= {n: tuple(v) if isinstance(v, list) else v for n, v in cell.settings.items()}
    for group in ("final", "best"):
        row |= {f"{group}/{name}": value for name, value in (found.get(group) or {}).items()}
    return row


def _column(values: list[Any]) -> "pyarrow.Array":
    """Return a column of one type; numbers of two kinds become floats, other mixtures text."""
    import pyarrow

    kinds = {type(value) for value in values if value is not None}
    try:
        if len(kinds) > 1:
            kind = float if kinds <= {int, float} else str
            values = [None if value is None else kind(value) for value in values]
        return pyarrow.array(values)
    except (OverflowError, ValueError):  # a plan that was changed may hold anything
        return pyarrow.array([None if value is None else repr(value) for value in values])
