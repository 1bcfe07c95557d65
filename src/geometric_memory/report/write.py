"""`report(folders)`: the page of one run, or of several side by side."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geometric_memory.config.topics import Device, TrainingSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.figures.page import html
from geometric_memory.files.whole import write_whole
from geometric_memory.report.comparison import comparison_page
from geometric_memory.report.run_page import card, plot, run_page
from geometric_memory.report.stored import located, runs_in, runs_of
from geometric_memory.tiny.section_source import is_section
from geometric_memory.training.precision import choose_arithmetic


def report(
    folders: Sequence[Path], target: Path | None = None, *, device: Device = "cpu", **seen: Any
) -> Path:
    """Write the page of the runs in `folders` and return its path.

    A run is the folder of `geomem train`, or a stored section of `geomem tiny`; any other folder
    stands for all runs below it. One run makes a page of its own, by default report.html in its
    folder; several are compared, by default in comparison.html in the present folder, or, since an
    older page may be of other runs, in comparison-2.html and so on. The file is whole or absent.
    The model of a single run is asked for its answers on `device`, in float32. `seen` are arguments
    of `Run.seen`.

    Raises:
        ConfigurationError: if there is no such device here.
        GeometricMemoryError: if a folder holds no run or is damaged, or the page cannot be written.
    """
    _refuse_folder(target)
    arithmetic = choose_arithmetic(TrainingSettings(device=device, precision="fp32"))
    paths = [run for folder in folders for run in runs_in(located(folder))]
    if not paths:
        raise ConfigurationError(["name at least one run folder"])
    if len(paths) == 1:
        page = run_page(runs_of(paths[0])[0].seen(**seen), arithmetic)
        target = target or default_target(paths[0], ".html")
    else:
        page = comparison_page([run.seen(**seen) for path in paths for run in runs_of(path)])
        target = target or _free("comparison")
    write_whole(target, html(page).encode())
    return target


def _refuse_folder(target: Path | None) -> None:
    if target is not None and target.is_dir():
        raise ConfigurationError([f"--output {target}: is a folder; name the file to write"])


def _free(stem: str) -> Path:
    names = (Path(f"{stem}{'' if n == 1 else f'-{n}'}.html") for n in itertools.count(1))
    return next(name for name in names if not name.exists())


def default_target(path: Path, suffix: str = "", stem: str = "report") -> Path:
    """Return where a file about a run goes when nobody says: into its folder."""
    if is_section(path):
        base = path.name.removesuffix(".json").removesuffix(".safetensors")
        return path.with_name(f"{base}.{stem}{suffix}")
    return path / f"{stem}{suffix}"


def still(
    folders: Sequence[Path], target: Path | None = None, kind: str = "card", **seen: Any
) -> Path:
    """Write a figure of the run in `folders`, PDF, PNG and JSON, and return the PDF's path.

    It is the card, or one of PLOTS; `seen` are arguments of `Run.seen`.

    Raises:
        GeometricMemoryError: if there is not exactly one run, or it is damaged.
    """
    _refuse_folder(target)
    paths = [run for folder in folders for run in runs_in(located(folder))]
    if len(paths) != 1:
        raise ConfigurationError([f"--plot {kind} shows one run: name one folder"])
    run = runs_of(paths[0])[0].seen(**seen)
    picture = card(run) if kind == "card" else plot(run, kind)
    target = target or default_target(paths[0], ".pdf", kind)
    return picture.save(target.with_suffix(".pdf"), ".png")
