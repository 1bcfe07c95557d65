"""`report(folders)`: the page of one run, or of several side by side."""

from collections.abc import Sequence
from pathlib import Path

from geometric_memory.errors import ConfigurationError
from geometric_memory.report.page import render
from geometric_memory.report.record import Record
from geometric_memory.report.run_record import read_run
from geometric_memory.report.sections import parts_of
from geometric_memory.report.tiny_record import is_tiny, read_tiny
from geometric_memory.runs.files import write_whole

FRAMES = 60
"""Steps of training that a page shows at most."""


def report(folders: Sequence[Path], target: Path | None = None) -> Path:
    """Write the page of the runs in `folders` and return its path.

    A run is the folder of `geomem train`, or a stored section of `geomem tiny`. One run makes a
    page of its own, by default report.html in its folder; several are compared, by default in
    comparison.html in the present folder. The file is whole or absent.

    Raises:
        GeometricMemoryError: if a folder is no run or is damaged, or the page cannot be written.
    """
    if not folders:
        raise ConfigurationError(["name at least one run folder"])
    records = [read_records(path, frames=FRAMES) for path in folders]
    if len(folders) == 1:
        record = records[0][0]
        text = render(record.name, f"Report of a run, {record.command}", parts_of(record))
        target = target or default_target(folders[0], ".html")
    else:
        from geometric_memory.report.comparison import comparison_parts

        several = [record for found in records for record in found]
        title = f"Comparison of {len(several)} runs"
        text = render(title, "geometric memory", comparison_parts(several))
        target = target or Path("comparison.html")
    write_whole(target, text.encode())
    return target


def read_records(path: Path, *, frames: int) -> list[Record]:
    """Return what is stored at `path`: one run, or every seed of a tiny section."""
    if is_tiny(path):
        return read_tiny(path, frames=frames)
    return [read_run(path, frames=frames)]


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
    from geometric_memory.report.card import write_card

    if len(folders) != 1:
        raise ConfigurationError(["--card sums up one run: name one folder"])
    record = read_records(folders[0], frames=FRAMES)[0]
    base = target or default_target(folders[0], ".pdf")
    return write_card(record, base.with_suffix(""))
