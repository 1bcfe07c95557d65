"""Stored sections of `geomem tiny` as runs, one per seed."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import CheckpointError, ConfigurationError
from geometric_memory.experiments.tiny.results import SectionRun
from geometric_memory.experiments.tiny.sections import Section
from geometric_memory.experiments.tiny.sections import section as named_section
from geometric_memory.experiments.tiny.storage import read_run
from geometric_memory.experiments.tiny.tiny_graph import tiny_graph
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.frames import Frames
from geometric_memory.runs.metrics import Metrics, Series
from geometric_memory.runs.run import Run
from geometric_memory.runs.source import Source, TrainingSource

SERIES = {
    "edge_memorization/loss": ("loss", 1.0),
    "edge_memorization/top_k_recovery": ("recovery", 100.0),
    "geometry/level": ("level", 1.0),
    "geometry/level_without_self_pairs": ("level_without_self", 1.0),
    "geometry/non_edges": ("non_edge_level", 1.0),
}
"""Our name of each stored curve, and what one is multiplied by."""


def sources_of(path: Path) -> list[Source]:
    """Return what is stored at `path`: a run folder, or every seed of a section, the shown first.

    Raises:
        CheckpointError: if it is neither, or damaged.
    """
    if not is_section(path):
        return [TrainingSource(path)]
    run = read_run(_files(path)[1])
    order = sorted(range(len(run.seeds)), key=lambda place: place != run.shown)
    return [SectionSource(run, place, path) for place in order]


def runs_of(path: Path) -> list[Run]:
    """Return the runs that are stored at `path`; see `sources_of`."""
    return [Run(source) for source in sources_of(path)]


def runs_in(path: Path) -> list[Path]:
    """Return `path` itself if it is a run, else every run below it, in order of their names.

    Raises:
        CheckpointError: if there is none.
    """
    if is_section(path) or RunFolder(path).config.is_file():
        return [path]
    runs = [file.parent for file in path.glob("**/config.json")]
    sections = [file for file in path.glob("**/*.safetensors") if is_section(file)]
    if not runs and not sections:
        raise CheckpointError(f"{path}: is not a run folder, and holds none")
    return sorted(runs) + sorted(sections)


def is_section(path: Path) -> bool:
    """Whether `path` names a stored section: SECTION.json, SECTION.safetensors or SECTION."""
    return all(file.is_file() for file in _files(path))


def _files(path: Path) -> tuple[Path, Path]:
    stem = path.name.removesuffix(".json").removesuffix(".safetensors")  # empty for "."
    return path.parent / f"{stem}.json", path.parent / f"{stem}.safetensors"


class SectionSource(Source):
    """One seed of a stored section."""

    command = "geomem tiny"
    settings_help: Mapping[str, str] = {}

    def __init__(self, run: SectionRun, place: int, path: Path) -> None:
        self._run, self._place = run, place
        self.path = path
        self.seed = run.seeds[place]
        self.name = f"{run.section.name}-seed{self.seed}"
        self.settings = asdict(run.section) | {
            "seed": self.seed, "precision": run.precision,
        }  # fmt: skip
        self.defaults = _defaults(run.section)
        self.notes = []

    def status(self) -> tuple[str, str]:
        return "finished", ""

    def summary(self) -> Mapping[str, Any]:
        return {name: values[self._place] for name, values in self._run.final.items()}

    def metrics(self) -> Metrics:
        run, steps = self._run, self._run.steps.astype(np.float64)
        return Metrics(
            {
                name: Series(
                    steps=steps,
                    values=factor * run.curves[stored][:, self._place].astype(np.float64),
                )
                for name, (stored, factor) in SERIES.items()
            }
        )

    def dataset(self) -> Dataset:
        return tiny_graph(self._run.section)

    def frames(self, node_count: int) -> Frames | None:
        run = self._run
        if self._place != run.shown:
            self.notes.append(f"Snapshots are stored of seed {run.shown_seed} alone.")
            return None

        def read(step: int) -> Float[np.ndarray, "nodes dim"]:
            return run.snapshots[np.searchsorted(run.snapshot_steps, step)]

        steps = run.snapshot_steps
        return Frames(steps=steps, read=read, stored=len(steps), tracked=True)

    def provenance(self) -> dict[str, dict[str, str]]:
        seeds = ", ".join(map(str, self._run.seeds))
        return {"Stored section": {"seeds": seeds, "precision": self._run.precision}}


def _defaults(section: Section) -> dict[str, Any]:
    """Return the published settings of the section's graph and block, to compare with."""
    try:
        reference = named_section("transformer", section.graph)
    except ConfigurationError:
        return {}
    return asdict(reference) | {"seed": 7, "precision": "fp32"}
