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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.runs.files import read_json, write_json, write_whole
from geometric_memory.runs.metrics import read_rows
from geometric_memory.sweeps.cells import Cell

if TYPE_CHECKING:
    import pyarrow


@dataclass(frozen=True)
class SweepFolder:
    """Paths inside one sweep."""

    path: Path

    @property
    def plan(self) -> Path:
        """The cells, one JSON row each."""
        return self.path / "plan.jsonl"

    @property
    def records(self) -> Path:
        """Folder of what became of the cells."""
        return self.path / "cells"

    @property
    def runs(self) -> Path:
        """Folder of the run folders."""
        return self.path / "runs"

    @property
    def curves(self) -> Path:
        """Folder of the curves of tiny cells."""
        return self.path / "curves"

    @property
    def logs(self) -> Path:
        """Folder of what the cells said."""
        return self.path / "logs"

    @property
    def table(self) -> Path:
        """The results."""
        return self.path / "results.parquet"

    def record(self, key: str) -> dict[str, Any] | None:
        """Return what became of a cell, None if nothing did so far."""
        path = self.records / f"{key}.json"
        return read_json(path) if path.is_file() else None

    def write_record(self, record: dict[str, Any]) -> None:
        """Write what became of a cell, whole or not at all."""
        self.records.mkdir(parents=True, exist_ok=True)
        write_json(self.records / f"{record['key']}.json", record)

    def is_finished(self, key: str) -> bool:
        """Whether a cell has its result; one that failed has none."""
        record = self.record(key)
        return record is not None and record["status"] == "finished"

    def read_plan(self) -> tuple[Cell, ...]:
        """Return the cells of the sweep.

        Raises:
            DataError: if this is no folder of a sweep, or its plan is damaged.
        """
        if not self.plan.is_file():
            raise DataError(f"{self.path}: is not the folder of a sweep: it holds no plan.jsonl")
        try:
            return tuple(msgspec.convert(row, Cell) for row in read_rows(self.plan))
        except msgspec.ValidationError as error:
            raise DataError(f"{self.plan}: is not the plan of a sweep: {error}") from None

    def write_plan(self, cells: Sequence[Cell]) -> None:
        """Write the plan, which may add cells to the one that is there.

        Raises:
            ConfigurationError: if the folder holds another sweep.
        """
        there = self.read_plan() if self.plan.is_file() else ()
        keys = {cell.key for cell in cells}
        lost = [cell for cell in there if cell.key not in keys]
        if lost:
            raise ConfigurationError(
                [
                    f"--folder {self.path}: holds another sweep, of which {len(lost)} of "
                    f"{len(there)} cells are not in this one; choose another folder"
                ]
            )
        if len(there) == len(cells):
            return
        self.path.mkdir(parents=True, exist_ok=True)
        rows = (json.dumps(msgspec.to_builtins(cell)) + "\n" for cell in cells)
        write_whole(self.plan, "".join(rows).encode())


def run_folders(sweep: Path) -> list[Path]:
    """Return the folders of all finished runs of `geomem train` in a sweep, in its order.

    Raises:
        DataError: if `sweep` is no folder of a sweep.
    """
    folder = SweepFolder(sweep)
    records = [folder.record(cell.key) for cell in folder.read_plan()]
    found = [r for r in records if r and r["status"] == "finished" and r["run"]]
    return [sweep / record["run"] for record in found]


def read_results(sweep: Path) -> "pyarrow.Table":
    """Return the table of a sweep as its records stand, one row per cell, in its order.

    Raises:
        DataError: if `sweep` is no folder of a sweep.
        ConfigurationError: if pyarrow is missing.
    """
    from geometric_memory.sweeps.table import results_table

    return results_table(SweepFolder(sweep))
