"""A stored section of `geomem tiny` as runs, one per seed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from geometric_memory.errors import ConfigurationError
from geometric_memory.runs.history import Frames
from geometric_memory.runs.metrics import Metrics, Series
from geometric_memory.runs.run import Run
from geometric_memory.tiny.results import SectionRun, read_run
from geometric_memory.tiny.sections import Section, SeededSection, tiny_graph
from geometric_memory.tiny.sections import section as named_section
from geometric_memory.topic import settings_of_topic

Stored = TypeVar("Stored", bound=Run)

SERIES = {
    "edge_memorization/loss": ("loss", 1.0),
    "edge_memorization/top_k_recovery": ("recovery", 100.0),
    "geometry/level": ("level", 1.0),
    "geometry/level_without_self_pairs": ("level_without_self", 1.0),
    "geometry/non_edges": ("non_edge_level", 1.0),
}
"""Our name of each stored curve, and what one is multiplied by."""


def section_runs(path: Path, kind: type[Stored] = Run) -> list[Stored]:
    """Return a run for every seed of the stored section at `path`, the one with frames first.

    Raises:
        CheckpointError: if its files are damaged.
    """
    stored = read_run(_files(path)[1])
    order = sorted(range(len(stored.seeds)), key=lambda place: place != stored.shown)
    return [kind(path, **_find_known(stored, place)) for place in order]


def is_section(path: Path) -> bool:
    """Whether `path` names a stored section: SECTION.json, SECTION.safetensors or SECTION."""
    return all(file.is_file() for file in _files(path))


def _files(path: Path) -> tuple[Path, Path]:
    stem = path.name.removesuffix(".json").removesuffix(".safetensors")  # empty for "."
    return path.parent / f"{stem}.json", path.parent / f"{stem}.safetensors"


def _find_known(run: SectionRun, place: int) -> dict[str, Any]:
    """Return all that there is to know of one seed, by the attributes of `Run`."""
    seed, steps = run.seeds[place], run.steps.astype(np.float64)
    curves = {name: run.curves[stored][:, place] for name, (stored, _) in SERIES.items()}
    shown = place == run.shown
    kept = f"Snapshots are stored of seed {run.shown_seed} alone."
    return {
        "command": "geomem tiny",
        "name": f"{run.section.name}-seed{seed}",
        "seed": seed,
        "settings": asdict(run.section) | {"seed": seed, "precision": run.precision},
        "defaults": _defaults(run.section),
        "settings_help": {n: s.help for n, s in settings_of_topic(SeededSection).items()},
        "notes": [] if shown else [kept],
        "status": "finished",
        "remark": "",
        "summary": {name: values[place] for name, values in run.final.items()},
        "metrics": Metrics(
            {
                name: Series(steps=steps, values=SERIES[name][1] * values.astype(np.float64))
                for name, values in curves.items()
            }
        ),
        "dataset": tiny_graph(run.section),
        "frames": _frames(run) if shown else None,
        "provenance": {
            "Stored section": {"seeds": ", ".join(map(str, run.seeds)), "precision": run.precision}
        },
    }


def _frames(run: SectionRun) -> Frames:
    def read(step: int) -> Float[np.ndarray, "nodes dim"]:
        return run.snapshots[np.searchsorted(run.snapshot_steps, step)]

    steps = run.snapshot_steps
    return Frames(steps=steps, read=read, stored=len(steps), tracked=True)


def _defaults(section: Section) -> dict[str, Any]:
    """Return the published settings of the section's graph and block, to compare with."""
    try:
        reference = named_section("transformer", section.graph)
    except ConfigurationError:
        return {}
    return asdict(reference) | {"seed": 7, "precision": "fp32"}
