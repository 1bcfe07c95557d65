"""Metrics: a local file of JSON rows is the truth; mirrors such as W&B copy it when they can.

Read back, they are curves by name: `Metrics`, a mapping from name to `Series`.
"""

import hashlib
import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Float

from geometric_memory.config import RunConfig
from geometric_memory.errors import CheckpointError
from geometric_memory.extras import installation
from geometric_memory.files.whole import decode_json, json_bytes, naming, open_plain, persistently
from geometric_memory.synonyms import unknown_name

if TYPE_CHECKING:
    import pandas

NOT_METRICS = ("stage", "epoch", "step", "seconds")
"""What a row holds beside metrics: where the run stood."""


@runtime_checkable
class Mirror(Protocol):
    """Something that copies rows elsewhere; it may neither raise nor wait."""

    def log(self, row: dict[str, Any]) -> None:
        """Copy one row."""

    def finish(self) -> None:
        """End the copy; the last call."""


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
        """Close the file and end the mirrors."""
        self._rows.close()
        for mirror in self._mirrors:
            mirror.finish()


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


QUEUE_LENGTH = 10_000
FINISH_SECONDS = 60


class WandbMirror:
    """Sends rows to W&B from a queue; the first failure is noted and ends the mirror.

    It has a thread of its own, so that it can neither stop nor slow a run.
    """

    def __init__(self, config: RunConfig, folder: Path) -> None:
        self.failure = ""
        self._rows: queue.Queue[dict[str, Any] | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._send, args=(config, folder), daemon=True)
        self._thread.start()

    def log(self, row: dict[str, Any]) -> None:
        """Queue one row, or drop it when the mirror is gone or far behind."""
        if not self.failure:
            try:
                self._rows.put_nowait(row)
            except queue.Full:
                self.failure = "W&B fell behind; its copy of the metrics is incomplete"

    def finish(self) -> None:
        """Wait for the rows still queued, but not for ever."""
        try:
            self._rows.put(None, timeout=1)
        except queue.Full:
            self.failure = self.failure or "W&B hangs; its copy of the metrics is incomplete"
        self._thread.join(timeout=FINISH_SECONDS)
        if self._thread.is_alive():
            self.failure = self.failure or "W&B did not finish in time"

    def _send(self, config: RunConfig, folder: Path) -> None:
        # Whatever W&B raises, of whatever type, must end here and not in the run.
        try:
            run = _start(config, folder)
            while (row := self._rows.get()) is not None:
                run.log({k: v for k, v in row.items() if v is not None}, step=row["step"])
            run.finish()
        except ModuleNotFoundError as error:
            self.failure = (
                f"W&B is not installed ({error}); metrics.jsonl is whole, and "
                f"{installation(['wandb'])} adds the mirror"
            )
        except BaseException as error:
            self.failure = f"W&B failed ({type(error).__name__}: {error}); metrics.jsonl is whole"


def _start(config: RunConfig, folder: Path) -> Any:
    import wandb

    logging = config.logging
    return wandb.init(
        project=logging.wandb_project,
        entity=logging.wandb_entity or None,
        group=logging.wandb_group or None,
        tags=[tag.strip() for tag in logging.wandb_tags.split(",") if tag.strip()],
        mode=logging.wandb_mode,
        name=folder.name,
        id=hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16],
        resume="allow",
        dir=str(folder),
        config=msgspec.to_builtins(config),
        settings=wandb.Settings(silent=True, x_disable_stats=True),
    )
