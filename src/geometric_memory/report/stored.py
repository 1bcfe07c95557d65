"""Runs on the disk: those at a path, those below a folder, and the latest of them."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from geometric_memory.errors import CheckpointError, GeometricMemoryError
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.run import Run
from geometric_memory.tiny.section_source import Stored, is_section, section_runs

LOGS = Path("experiment_logs")
"""Where runs lie when nobody says."""
LATEST = "latest"
DEEPEST = 6
"""Folders below the one that is searched."""


def runs_of(path: Path, kind: type[Stored] = Run) -> list[Stored]:
    """Return what is stored at `path`: a run folder, or every seed of a section of `geomem tiny`.

    The seed whose frames are stored is the first.

    Raises:
        CheckpointError: if it is neither, or damaged.
    """
    return section_runs(path, kind) if is_section(path) else [kind(path)]


def runs_in(path: Path) -> list[Path]:
    """Return `path` itself if it is a run, else every run below it, in order of their names.

    Raises:
        CheckpointError: if there is none.
    """
    if is_section(path):
        return [path]
    found = sorted(runs_below(path), key=lambda run: (run.suffix == ".safetensors", run))
    if not found:
        raise CheckpointError(f"{path}: is not a run folder, and holds none")
    return found


def runs_below(folder: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """Yield every run folder, and every stored section, at or below `folder`; links lead nowhere.

    A section is named by its .safetensors file.
    """
    if RunFolder(folder).config.is_file():
        yield folder
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.suffix == ".safetensors" and is_section(entry):
            yield entry
        elif depth and entry.is_dir():
            yield from runs_below(entry, depth - 1)


def located(place: Path, *, trained: bool = False) -> Path:
    """Return the path of the run that `place` names: `latest` is the newest of experiment_logs.

    So is FOLDER/latest, of the runs below FOLDER. With `trained`, runs of `geomem tiny` are none.

    Raises:
        CheckpointError: if there is no run to be the latest.
    """
    if place.name != LATEST or place.exists():
        return place
    folder = LOGS if place == Path(LATEST) else place.parent
    found = [run for run in runs_below(folder) if not (trained and run.suffix == ".safetensors")]
    if not found:
        raise CheckpointError(f"{place}: there is no run in {folder}")
    return max(found, key=changed_at)


def changed_at(run: Path) -> float:
    """Return when a run was begun or gone on with, in seconds of the epoch."""
    file = RunFolder(run).config if run.is_dir() else run
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return a row about every run at or below `folder`, the newest first.

    A row holds `run` (its path), `name`, `command`, `status`, `changed` (when it was begun or gone
    on with), `seed`, `steps`, `chance` (percent), `final` (last metrics by their published names)
    and `problem`, which is empty unless the run cannot be read.
    """
    paths = sorted(runs_below(folder), key=changed_at, reverse=True)
    return [row for path in paths for row in _rows(path)]


def _rows(path: Path) -> list[dict[str, Any]]:
    time = datetime.fromtimestamp(changed_at(path)).isoformat(" ", timespec="seconds")
    known = {"run": str(path), "changed": time, "problem": ""}
    try:
        return [known | _row(run) for run in runs_of(path)]
    except GeometricMemoryError as error:
        unknown = {"name": path.stem, "command": "", "seed": None, "steps": None, "chance": None}
        return [{**known, **unknown, "status": "damaged", "final": {}, "problem": str(error)}]


def _row(run: Run) -> dict[str, Any]:
    final = run.summary.get("final") or {name: found.last for name, found in run.metrics.items()}
    return {
        "name": run.name,
        "command": run.command,
        "status": run.status,
        "seed": run.seed,
        "steps": run.summary.get("steps", run.last_step),
        "chance": run.summary.get("chance"),
        "final": final,
    }
