"""Metrics: a local file of JSON rows is the truth; mirrors such as W&B copy it when they can.

Read back, they are curves by name: `Metrics`, a mapping from name to `Series`.
"""

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import decode_json, json_bytes, naming, open_plain, persistently
from geometric_memory.synonyms import unknown_name

if TYPE_CHECKING:
    import pandas

NOT_METRICS = ("stage", "epoch", "step", "seconds")
"""What a row holds beside metrics: where the run stood."""


@runtime_checkable
class Mirror(Protocol):
    """Something that copies rows elsewhere; it may neither raise nor wait."""

    def log(self, row: Mapping[str, Any]) -> None:
        """Copy one row of metrics."""

    def log_predictions(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Copy the rows of predictions of one moment."""


class RowFile:
    """A file of JSON rows, each handed to the system at once; a full disk delays rows, no more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with naming(path):
            self._file = open(path, "ab", buffering=0, opener=open_plain)  # noqa: SIM115
        self._good = self._file.seek(0, os.SEEK_END)
        self._waiting = b""

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one row; what the disk does not take now waits for the next call."""
        self._waiting += json_bytes(row, indent=0)
        with suppress(OSError):
            self._flush()

    def size(self) -> int:
        """Return the bytes of the file once all rows are safely on the disk.

        Raises:
            DiskError: if they cannot be written.
        """
        persistently(self._sync, self.path, len(self._waiting))
        return self._good

    def cut(self, size: int) -> bool:
        """Drop all rows after the first `size` bytes; False if the file is shorter than that."""
        whole = self._good >= size
        self._good = min(self._good, size)
        with naming(self.path):
            self._file.truncate(self._good)
        return whole

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _sync(self) -> None:
        self._flush()
        os.fsync(self._file.fileno())

    def _flush(self) -> None:
        view = memoryview(self._waiting)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            self._file.truncate(self._good)
            raise
        self._good += len(self._waiting)
        self._waiting = b""


class MetricLog:
    """Appends rows of metrics to a file and hands them to mirrors."""

    def __init__(self, path: Path, mirrors: Sequence[Mirror] = ()) -> None:
        self._rows = RowFile(path)
        self._mirrors = mirrors
        self._begin = time.perf_counter()
        self._kept = 0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resume included."""
        return time.perf_counter() - self._begin

    def write(self, *, stage: str, epoch: int, step: int, **metrics: float) -> None:
        """Write one row; `step` counts updates over all stages. NaN and infinity become null."""
        row = {"stage": stage, "epoch": epoch, "step": step, "seconds": round(self.seconds, 3)}
        row |= finite(metrics)
        self._rows.append(row)
        for mirror in self._mirrors:
            mirror.log(row)

    def copy_predictions(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Hand the predictions of one moment to the mirrors."""
        for mirror in self._mirrors:
            mirror.log_predictions(rows)

    def state(self) -> dict[str, Any]:
        """Return where the log stands, its rows safely on the disk."""
        return {"bytes": self._rows.size(), "seconds": self.seconds}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to `state`; later rows stay until they are dropped."""
        self._begin = time.perf_counter() - state["seconds"]
        self._kept = int(state["bytes"])

    def drop_later(self) -> bool:
        """Drop the rows after the restored state; False if earlier ones are missing."""
        return self._rows.cut(self._kept)

    def close(self) -> None:
        """Close the file."""
        self._rows.close()


def finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return `metrics` with None for NaN and infinity, which JSON does not know."""
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of JSON rows; a last row cut short by a kill is left out.

    Raises:
        CheckpointError: if the file cannot be read, or any other row is broken.
    """
    try:
        with open(path, "rb", opener=open_plain) as file:
            lines = file.read().splitlines(keepends=True)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        try:
            yield decode_json(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines) and not line.endswith(b"\n"):
                return
            raise CheckpointError(f"{path}:{number}: is not JSON: {error}") from None


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One metric along training."""

    steps: Float[np.ndarray, " points"]
    """Updates made, over all stages."""
    values: Float[np.ndarray, " points"]
    """NaN where the run logged a number that was not finite."""

    @property
    def last(self) -> float:
        """The last value."""
        return float(self.values[-1])

    def at(self, step: float | int) -> float:
        """Return the last value at or before `step`; NaN before the first."""
        place = int(np.searchsorted(self.steps, step, side="right"))
        return float(self.values[place - 1]) if place else float("nan")


class Metrics(dict[str, Series]):
    """Every curve of a run by its published name, such as `test/accuracy`."""

    def __missing__(self, name: str) -> Series:
        raise KeyError(unknown_name(name, self, "metric"))

    def __repr__(self) -> str:
        rows = [f"  {name}: {s.last:.6g} ({len(s.steps)} points)" for name, s in self.items()]
        return "\n".join(["Metrics, last values:", *rows])

    def to_pandas(self) -> "pandas.DataFrame":
        """Return one row per step and one column per metric, NaN where a step logged none.

        Raises:
            ImportError: if pandas is not installed.
        """
        import pandas

        columns = {
            name: pandas.Series(s.values, index=s.steps.astype(np.int64)).groupby(level=0).last()
            for name, s in self.items()
        }
        return pandas.DataFrame(columns).rename_axis("step")


def read_metrics(path: Path) -> Metrics:
    """Return every metric of a metrics.jsonl; empty where there is no such file.

    Raises:
        CheckpointError: if a row is no row of metrics.
    """
    steps: dict[str, list[float]] = {}
    values: dict[str, list[float]] = {}
    for row in read_rows(path) if path.exists() else ():
        step = row.get("step") if isinstance(row, dict) else None
        if not isinstance(step, int | float):
            raise CheckpointError(f"{path}: holds a row without a step")
        for name, value in row.items():
            if name in NOT_METRICS or not isinstance(value, int | float | None):
                continue
            steps.setdefault(name, []).append(float(step))
            values.setdefault(name, []).append(float("nan") if value is None else float(value))
    return Metrics({n: Series(steps=np.array(steps[n]), values=np.array(values[n])) for n in steps})
