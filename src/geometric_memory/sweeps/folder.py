"""The folder of a sweep, and how to read it.

FOLDER/
  plan.jsonl       one cell per line: key, kind, settings
  cells/KEY.json   what became of a cell
  runs/            the run folders of `geomem train`: runs/DATASET_NAME/KEY
  curves/          of `geomem tiny`: KEY.safetensors with the curves of a member
  logs/KEY.txt     what a cell said
  results.parquet  one row per cell
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta

from geometric_memory.errors import CheckpointError, ConfigurationError, DataError
from geometric_memory.extras import load
from geometric_memory.files.whole import (
    open_plain,
    read_json,
    refuse_links,
    write_json,
    write_whole,
)
from geometric_memory.limits import COMPONENT
from geometric_memory.sweeps.cells import Cell, cell_key, misfit
from geometric_memory.work.piece import Failure, Piece, Store, machine

if TYPE_CHECKING:
    import pyarrow

SHOWN_PROBLEMS = 20
TIMES = ("seconds", "ended", "host")
"""Columns that differ between two runs of the same sweep."""
TOLD = ("status", "error", "exit_code", "run", "steps", *TIMES)


class Record(TypedDict):
    """What became of a cell."""

    key: str
    status: Literal["finished", "failed"]
    error: str
    exit_code: Annotated[int, Meta(ge=0, le=255)]
    ended: str
    host: str
    run: Annotated[str, Meta(pattern=rf"^(runs/{COMPONENT}/{COMPONENT})?\Z")]
    seconds: float | None
    steps: NotRequired[Annotated[int, Meta(ge=0, le=10**15)]]
    final: NotRequired[dict[str, float | str | None]]
    best: NotRequired[dict[str, float]]


class SweepFolder(Store):
    """Paths inside one sweep; the store of its pieces, whose answers are the records of cells."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan, self.table = path / "plan.jsonl", path / "results.parquet"
        self.records, self.runs = path / "cells", path / "runs"
        self.curves, self.logs = path / "curves", path / "logs"

    def log(self, key: str) -> TextIOWrapper:
        """Return the open log of a cell, to be added to; no link is followed."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return open(self.logs / f"{key}.txt", "a", encoding="utf-8", opener=open_plain)

    def refuse_links(self) -> None:
        """Check that everything is written into this folder.

        Raises:
            CheckpointError: naming a folder in it that is a symbolic link.
        """
        for place in (self.records, self.curves, self.logs, self.runs, *self.runs.glob("*/")):
            refuse_links(place, deep=False)

    def record(self, key: str) -> Record | None:
        """Return what became of a cell; None if nothing did so far, or its record is damaged."""
        with suppress(CheckpointError):
            return self.read_record(key)
        return None

    def read_record(self, key: str) -> Record | None:
        """Return what became of a cell, None if nothing did so far.

        Raises:
            CheckpointError: if its record is damaged.
        """
        path = self.records / f"{key}.json"
        if not path.exists():
            return None
        try:
            record = msgspec.convert(read_json(path), Record)
        except msgspec.ValidationError as error:
            raise CheckpointError(f"{path}: is not the record of a cell: {error}") from None
        if record["key"] != key:
            raise CheckpointError(f"{path}: is the record of another cell")
        return record

    def find_damaged_records(self, keys: Iterable[str]) -> list[str]:
        """Return, as sentences, what is wrong with records of the cells `keys`."""
        problems = []
        for key in keys:
            try:
                self.read_record(key)
            except CheckpointError as error:
                problems.append(str(error))
        return problems

    def write_record(self, record: Record) -> None:
        """Write what became of a cell, whole or not at all."""
        self.records.mkdir(parents=True, exist_ok=True)
        write_json(self.records / f"{record['key']}.json", record)

    def finished(self, key: str) -> Record | None:
        """Return the result of a cell; None if it has none, as one that failed."""
        record = self.record(key)
        return record if record and record["status"] == "finished" else None

    def finish(self, key: str, **result: Any) -> Record:
        """Record the result of a cell, if it has none yet; return its record."""
        record = self.finished(key)
        if record is None:
            record = _record(key, "finished", machine(), **result)
            self.write_record(record)
        return record

    def answer(self, piece: Piece) -> list[Record] | None:
        """Return the records of the cells of a piece, if all of them are finished."""
        found = [record for c in piece.arguments["cells"] if (record := self.finished(c.key))]
        return found if len(found) == len(piece.arguments["cells"]) else None

    def complete(self, piece: Piece) -> list[Record]:
        return piece.function(**piece.arguments, folder=self)

    def fail(self, piece: Piece, failure: Failure) -> None:
        """Record the failure of the cells of a piece; an error of ours leaves its trace in the log.

        Files in the folder of the sweep are named as seen from it.
        """
        text = str(failure)
        for place in (self.path, self.path.resolve()):
            # The same wherever the sweep lies; not in the middle of another path.
            text = re.sub(rf"(?<![^\s:'\"(]){re.escape(f'{place}{os.sep}')}", "", text)
        told = {"error": text[:2000], "exit_code": failure.exit_code}
        for cell in piece.arguments["cells"]:
            if failure.trace:
                with self.log(cell.key) as log:
                    log.write(failure.trace)
            if not self.finished(cell.key):
                self.write_record(_record(cell.key, "failed", failure.host, **told))

    def read_plan(self) -> tuple[Cell, ...]:
        """Return the cells of the sweep.

        Raises:
            DataError: if this is no folder of a sweep, or its plan is damaged, with every line.
        """
        if not self.plan.is_file():
            raise DataError(f"{self.path}: is not the folder of a sweep: it holds no plan.jsonl")
        cells, problems = self._read_planned()
        if problems:
            more = [f"and {len(problems) - SHOWN_PROBLEMS} more"] * (len(problems) > SHOWN_PROBLEMS)
            advice = "the command that planned the sweep writes its plan again"
            raise DataError("\n".join([*problems[:SHOWN_PROBLEMS], *more, advice]))
        return tuple(cells.values())

    def write_plan(self, cells: Sequence[Cell]) -> list[str]:
        """Write the plan, which may add cells to the one that is there, or mend it.

        Return what was wrong with the old one, as sentences.

        Raises:
            ConfigurationError: if the folder holds another sweep.
        """
        there, problems = self._read_planned() if self.plan.is_file() else ({}, [])
        known = {*there, *self._list_recorded()}
        lost = known - {cell.key for cell in cells}
        if lost:
            raise ConfigurationError(
                [
                    f"--folder {self.path}: holds another sweep, of which {len(lost)} of "
                    f"{len(known)} cells are not in this one; choose another folder"
                ]
            )
        if problems or len(there) < len(cells):
            self.path.mkdir(parents=True, exist_ok=True)
            rows = (json.dumps(msgspec.to_builtins(cell)) + "\n" for cell in cells)
            write_whole(self.plan, "".join(rows).encode())
        return problems

    def write_table(self) -> None:
        """Write `results.parquet`, whole or not at all.

        Raises:
            DiskError: if it cannot be written.
        """
        table = read_results(self.path)
        import pyarrow.parquet

        content = BytesIO()
        pyarrow.parquet.write_table(table, content)
        write_whole(self.table, content.getvalue())

    def _read_planned(self) -> tuple[dict[str, Cell], list[str]]:
        """Return the cells of the plan by key, and what is wrong with it, as sentences."""
        cells: dict[str, Cell] = {}
        problems: list[str] = []
        try:
            lines = self.plan.read_bytes().splitlines()
        except OSError as error:
            return {}, [f"{self.plan}: cannot be read: {error.strerror}"]
        for number, line in enumerate(lines, start=1):
            try:
                cell = msgspec.json.decode(line, type=Cell)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                problems.append(f"{self.plan}:{number}: is not a cell: {error!s:.300}")
                continue
            if cell_key(cell.kind, cell.settings) != cell.key or cell.key in cells:
                problems.append(f"{self.plan}:{number}: its key is not that of its settings")
            elif cell.kind == "tiny" and (reason := misfit(cell)):
                problems.append(f"{self.plan}:{number}: {reason}")
            cells[cell.key] = cell
        lost = set(self._list_recorded()) - set(cells)
        if not lines or (lost and not problems):
            problems.append(f"{self.plan}: cut short: it lacks {len(lost)} cells with a record")
        return cells, problems

    def _list_recorded(self) -> list[str]:
        return [path.stem for path in self.records.glob("*.json")]


def run_folders(sweep: Path) -> list[Path]:
    """Return the folders of all finished runs of `geomem train` in a sweep, in its order.

    Raises:
        DataError: if `sweep` is no folder of a sweep.
    """
    folder = SweepFolder(sweep)
    records = [folder.finished(cell.key) for cell in folder.read_plan()]
    return [sweep / record["run"] for record in records if record and record["run"]]


def read_results(sweep: Path) -> "pyarrow.Table":
    """Return the table of a sweep as its records stand, one row per cell, in its order.

    Settings have their names, metrics are `final/NAME` and `best/NAME`. A cell without a record is
    `missing`; one whose record is damaged too, and its error says so.

    Raises:
        DataError: if `sweep` is no folder of a sweep.
        ConfigurationError: if pyarrow is missing.
    """
    pyarrow = load("pyarrow", "a sweep")
    folder = SweepFolder(sweep)
    rows = [_row(cell, folder) for cell in folder.read_plan()]
    names = dict.fromkeys(name for row in rows for name in row)
    return pyarrow.table({name: _column([row.get(name) for row in rows]) for name in names})


def _record(key: str, status: Literal["finished", "failed"], host: str, **more: Any) -> Record:
    ended = datetime.now().isoformat(timespec="seconds")
    record = Record(
        key=key, status=status, error="", exit_code=0, ended=ended, host=host, run="", seconds=None
    )
    record.update(more)  # type: ignore[typeddict-item]
    return record


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
