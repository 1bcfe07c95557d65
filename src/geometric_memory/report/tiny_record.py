"""From a stored section of `geomem tiny` to records, one per seed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.errors import ConfigurationError
from geometric_memory.experiments.tiny.results import SectionRun
from geometric_memory.experiments.tiny.sections import Section
from geometric_memory.experiments.tiny.sections import section as named_section
from geometric_memory.experiments.tiny.storage import read_run
from geometric_memory.experiments.tiny.tiny_graph import tiny_graph
from geometric_memory.report.record import Record, Series, Snapshots
from geometric_memory.report.snapshots import chosen_steps

SERIES = {
    "edge_memorization/loss": ("loss", 1.0),
    "edge_memorization/top_k_recovery": ("recovery", 100.0),
    "geometry/level": ("level", 1.0),
    "geometry/level_without_self_pairs": ("level_without_self", 1.0),
    "geometry/non_edges": ("non_edge_level", 1.0),
}
"""Our name of each stored curve, and what one is multiplied by."""


def is_tiny(path: Path) -> bool:
    """Whether `path` names a stored section: SECTION.json, SECTION.safetensors or SECTION."""
    return all(file.is_file() for file in _files(path))


def read_tiny(path: Path, *, frames: int) -> list[Record]:
    """Return a record for every seed of a stored section, the one with snapshots first.

    Raises:
        CheckpointError: if its files are damaged.
    """
    run = read_run(_files(path)[1])
    first = run.shown
    order = [first, *(place for place in range(len(run.seeds)) if place != first)]
    return [_record(run, place, frames) for place in order]


def _files(path: Path) -> tuple[Path, Path]:
    base = path.with_name(path.name.removesuffix(".json").removesuffix(".safetensors"))
    return base.with_name(base.name + ".json"), base.with_name(base.name + ".safetensors")


def _record(run: SectionRun, place: int, frames: int) -> Record:
    seed, section = run.seeds[place], run.section
    settings: dict[str, Any] = asdict(section) | {"seed": seed, "precision": run.precision}
    final = {name: values[place] for name, values in run.final.items()}
    shown = place == run.shown
    return Record(
        name=f"{section.name}-seed{seed}",
        command="geomem tiny",
        status="finished",
        remark="",
        seed=seed,
        settings=settings,
        defaults=_defaults(section),
        settings_help={},
        series={
            name: Series(
                steps=run.steps.astype(np.float64),
                values=factor * run.curves[stored][:, place].astype(np.float64),
            )
            for name, (stored, factor) in SERIES.items()
        },
        numbers={name: value for name, value in final.items() if isinstance(value, int | float)},
        dataset=tiny_graph(section),
        snapshots=_snapshots(run, frames) if shown else None,
        answers=None,
        provenance={"Stored section": {"seeds": ", ".join(map(str, run.seeds)),
                                       "precision": run.precision}},
        notes=[] if shown else [f"Snapshots are stored of seed {run.shown_seed} alone."],
    )  # fmt: skip


def _defaults(section: Section) -> dict[str, Any]:
    """Return the published settings of the section's graph and block, to compare with."""
    try:
        reference = named_section("transformer", section.graph)
    except ConfigurationError:
        return {}
    return asdict(reference) | {"seed": 7, "precision": "fp32"}


def _snapshots(run: SectionRun, frames: int) -> Snapshots:
    steps = chosen_steps(run.snapshot_steps, frames)
    places = np.searchsorted(run.snapshot_steps, steps)
    return Snapshots(
        steps=steps,
        embeddings=run.snapshots[places],
        stored=len(run.snapshot_steps),
        tracked=True,
    )
