"""A stored section of `geomem tiny` as what runs are read from, one per seed."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.runs.frames import Frames
from geometric_memory.runs.metrics import Metrics, Series
from geometric_memory.runs.source import Source
from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.sections import Section, SeededSection
from geometric_memory.tiny.sections import section as named_section
from geometric_memory.tiny.storage import read_run
from geometric_memory.tiny.tiny_graph import tiny_graph
from geometric_memory.topic import settings_of_topic

SERIES = {
    "edge_memorization/loss": ("loss", 1.0),
    "edge_memorization/top_k_recovery": ("recovery", 100.0),
    "geometry/level": ("level", 1.0),
    "geometry/level_without_self_pairs": ("level_without_self", 1.0),
    "geometry/non_edges": ("non_edge_level", 1.0),
}
"""Our name of each stored curve, and what one is multiplied by."""


def section_sources(path: Path) -> "list[SectionSource]":
    """Return a source for every seed of the stored section at `path`, the one with frames first.

    Raises:
        CheckpointError: if its files are damaged.
    """
    run = read_run(_files(path)[1])
    order = sorted(range(len(run.seeds)), key=lambda place: place != run.shown)
    return [SectionSource(run, place, path) for place in order]


def is_section(path: Path) -> bool:
    """Whether `path` names a stored section: SECTION.json, SECTION.safetensors or SECTION."""
    return all(file.is_file() for file in _files(path))


def _files(path: Path) -> tuple[Path, Path]:
    stem = path.name.removesuffix(".json").removesuffix(".safetensors")  # empty for "."
    return path.parent / f"{stem}.json", path.parent / f"{stem}.safetensors"


class SectionSource(Source):
    """One seed of a stored section."""

    command = "geomem tiny"
    settings_help = MappingProxyType(
        {name: setting.help for name, setting in settings_of_topic(SeededSection).items()}
    )

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

    def status(self) -> str:
        return "finished"

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
