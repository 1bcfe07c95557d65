"""Metrics: a local file of JSON rows is the truth; mirrors such as W&B copy it when they can."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from geometric_memory.errors import CheckpointError


@runtime_checkable
class Mirror(Protocol):
    """Something that copies rows elsewhere; it may neither raise nor wait."""

    def log(self, row: dict[str, Any]) -> None:
        """Copy one row."""

    def finish(self) -> None:
        """End the copy; the last call."""


class MetricLog:
    """Appends rows to a file, each flushed at once, and hands them to mirrors."""

    def __init__(self, path: Path, mirrors: Sequence[Mirror] = ()) -> None:
        self.path = path
        self._file = path.open("a", encoding="utf-8")
        self._mirrors = mirrors
        self._begin = time.perf_counter()

    def write(self, *, stage: str, epoch: int, step: int, **metrics: float) -> None:
        """Write one row; `step` counts updates over all stages. NaN and infinity become null."""
        seconds = round(time.perf_counter() - self._begin, 3)
        row = {"stage": stage, "epoch": epoch, "step": step, "seconds": seconds}
        row |= {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        for mirror in self._mirrors:
            mirror.log(row)

    def close(self) -> None:
        """Close the file and end the mirrors."""
        self._file.close()
        for mirror in self._mirrors:
            mirror.finish()


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file of JSON rows; a last row cut short by a kill is left out.

    Raises:
        CheckpointError: if any other row is broken.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            yield json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                return
            raise CheckpointError(f"{path}:{number}: is not JSON: {error}") from None
