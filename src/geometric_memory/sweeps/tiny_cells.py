"""Cells of `geomem tiny`: those of equal shape are trained as one batch."""

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from safetensors.numpy import save

from geometric_memory.files.whole import write_whole
from geometric_memory.sweeps.cells import Cell
from geometric_memory.sweeps.folder import SweepFolder
from geometric_memory.tiny.results import SectionRun, numbers
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.training import shape, train_batch
from geometric_memory.tiny.workers import CACHED_WEIGHTS, weight_count
from geometric_memory.topic import settings_of_topic


def section_of(cell: Cell) -> Section:
    """Return the section that a cell trains."""
    own = settings_of_topic(Section)
    return Section(**{name: value for name, value in cell.settings.items() if name in own})


def batches(cells: Sequence[Cell]) -> list[tuple[Cell, ...]]:
    """Group cells by shape and precision into batches that fit a cache, every seed of a section.

    A batch is every combination of its sections and its seeds, section by section.
    """
    groups: dict[Any, dict[Section, list[Cell]]] = {}
    for cell in cells:
        section = section_of(cell)
        key = (shape(section), cell.settings["precision"])
        groups.setdefault(key, {}).setdefault(section, []).append(cell)
    found = []
    for by_section in groups.values():
        for rows in _rectangles(list(by_section.values())):
            found += _cut(rows)
    return found


def _rectangles(rows: Sequence[list[Cell]]) -> list[list[list[Cell]]]:
    """Group the sections that are there for the same seeds."""
    alike: dict[tuple[int, ...], list[list[Cell]]] = {}
    for row in rows:
        ordered = sorted(row, key=lambda cell: cell.seed)
        alike.setdefault(tuple(cell.seed for cell in ordered), []).append(ordered)
    return list(alike.values())


def _cut(rows: list[list[Cell]]) -> list[tuple[Cell, ...]]:
    section = section_of(rows[0][0])
    members = max(1, CACHED_WEIGHTS // weight_count(section))
    seeds = min(members, len(rows[0]))
    together = 1 if section.block == "node2vec" else max(1, members // seeds)
    return [
        tuple(cell for row in rows[first : first + together] for cell in row[start : start + seeds])
        for first in range(0, len(rows), together)
        for start in range(0, len(rows[0]), seeds)
    ]


def train_members(folder: SweepFolder, cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Train a batch; keep the curves of every member and return its numbers.

    Raises:
        NonFiniteError: when a loss is no longer finite.
    """
    begin = time.perf_counter()
    sections = list(dict.fromkeys(map(section_of, cells)))
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    precision = cells[0].settings["precision"]
    runs = dict(zip(sections, train_batch(sections, seeds, precision=precision), strict=True))
    share = round((time.perf_counter() - begin) / len(cells), 3)
    folder.curves.mkdir(parents=True, exist_ok=True)
    results = []
    for cell in cells:
        run = runs[section_of(cell)]
        _save_curves(folder, cell, run)
        final = _final(run, seeds.index(cell.seed))
        results.append({"seconds": share, "steps": run.section.steps, "final": final, "best": {}})
    return results


def _final(run: SectionRun, member: int) -> dict[str, Any]:
    found = {name: float(values[member]) for name, values in numbers(run).items()}
    told: dict[str, Any] = {n: v if math.isfinite(v) else None for n, v in found.items()}
    return told | {"verdict": run.verdicts[member]}


def _save_curves(folder: SweepFolder, cell: Cell, run: SectionRun) -> None:
    member = run.seeds.index(cell.seed)
    arrays = {name: np.ascontiguousarray(values[:, member]) for name, values in run.curves.items()}
    arrays["steps"] = np.ascontiguousarray(run.steps)
    write_whole(folder.curves / f"{cell.key}.safetensors", save(arrays))
