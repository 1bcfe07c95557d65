"""`report(folders)`: the page of one run, or of several side by side."""

from collections.abc import Sequence
from pathlib import Path

from geometric_memory.errors import CheckpointError, ConfigurationError
from geometric_memory.report.card import write_card
from geometric_memory.report.comparison import comparison_parts
from geometric_memory.report.page import render
from geometric_memory.report.record import Record
from geometric_memory.report.run_record import read_run
from geometric_memory.report.sections import parts_of
from geometric_memory.report.tiny_record import is_tiny, read_tiny
from geometric_memory.runs.files import write_whole
from geometric_memory.runs.folder import RunFolder

FRAMES = 60
"""Steps of training that the page of a run shows at most."""
FRAMES_COMPARED = 20
"""The same, of every run of a comparison."""


def report(folders: Sequence[Path], target: Path | None = None) -> Path:
    """Write the page of the runs in `folders` and return its path.

    A run is the folder of `geomem train`, or a stored section of `geomem tiny`; any other folder
    stands for all runs below it. One run makes a page of its own, by default report.html in its
    folder; several are compared, by default in comparison.html in the present folder. The file is
    whole or absent.

    Raises:
        GeometricMemoryError: if a folder holds no run or is damaged, or the page cannot be written.
    """
    paths = [run for folder in folders for run in runs_in(folder)]
    if not paths:
        raise ConfigurationError(["name at least one run folder"])
    if len(paths) == 1:
        record = read_records(paths[0], frames=FRAMES)[0]
        text = render(record.name, f"Report of a run, {record.command}", parts_of(record))
        target = target or default_target(paths[0], ".html")
    else:
        several = [
            record
            for path in paths
            for record in read_records(path, frames=FRAMES_COMPARED, ask=False)
        ]
        title = f"Comparison of {len(several)} runs"
        text = render(title, "geometric memory", comparison_parts(several))
        target = target or Path("comparison.html")
    write_whole(target, text.encode())
    return target


def runs_in(path: Path) -> list[Path]:
    """Return `path` itself if it is a run, else every run below it, in order of their names.

    Raises:
        CheckpointError: if there is none.
    """
    if is_tiny(path) or RunFolder(path).config.is_file():
        return [path]
    runs = [file.parent for file in path.glob("**/config.json")]
    sections = [file for file in path.glob("**/*.safetensors") if is_tiny(file)]
    if not runs and not sections:
        raise CheckpointError(f"{path}: is not a run folder, and holds none")
    return sorted(runs) + sorted(sections)


def read_records(path: Path, *, frames: int, ask: bool = True) -> list[Record]:
    """Return what is stored at `path`: one run, or every seed of a tiny section."""
    if is_tiny(path):
        return read_tiny(path, frames=frames)
    return [read_run(path, frames=frames, ask=ask)]


def default_target(path: Path, suffix: str) -> Path:
    """Return where the page or card of a run goes when nobody says: into its folder."""
    stem = "report" if suffix == ".html" else "card"
    if is_tiny(path):
        base = path.name.removesuffix(".json").removesuffix(".safetensors")
        return path.with_name(f"{base}.{stem}{suffix}")
    return path / f"{stem}{suffix}"


def card(folders: Sequence[Path], target: Path | None = None) -> Path:
    """Write the card of the run in `folders`, PDF, PNG and JSON, and return the PDF's path.

    Raises:
        GeometricMemoryError: if there is not exactly one run, or it is damaged.
    """
    paths = [run for folder in folders for run in runs_in(folder)]
    if len(paths) != 1:
        raise ConfigurationError(["--card sums up one run: name one folder"])
    record = read_records(paths[0], frames=FRAMES, ask=False)[0]
    base = target or default_target(paths[0], ".pdf")
    return write_card(record, base.with_suffix(""))
