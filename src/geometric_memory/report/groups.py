"""Runs grouped by their settings, and means over the seeds of a group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.estimate import estimate
from geometric_memory.config import LoggingSettings
from geometric_memory.figures.charts import Line
from geometric_memory.report.asked import shown
from geometric_memory.runs.run import Run

SEEDS = ("seed", "init_seed")
"""Settings in which the runs of one group may differ."""
NOT_COMPARED = frozenset(
    (*SEEDS, *(field.name for field in fields(LoggingSettings)),
     "dataset_root", "view", "graph_view", "evolution_steps", "heatmap_step")
)  # fmt: skip
"""Settings of where a run lies, what it stores and how it is drawn: they change nothing in it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Runs whose settings are equal but for the seed."""

    label: str
    settings: Mapping[str, Any]
    """Those that differ between groups."""
    runs: Sequence[Run]

    @property
    def seeds(self) -> str:
        """The seeds, in order."""
        return ", ".join(str(run.seed) for run in self.runs)


def grouped(runs: Sequence[Run]) -> list[Group]:
    """Group runs whose settings are equal but for the seed, in order of appearance."""
    names = differing(runs)
    found: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        key = tuple(shown(run.settings.get(name)) for name in names)
        found.setdefault(key, []).append(run)
    labels = _labels(names, list(found))
    return [
        Group(
            label=label,
            settings=dict(zip(names, key, strict=True)),
            runs=sorted(own, key=lambda run: run.seed),
        )
        for label, (key, own) in zip(labels, found.items(), strict=True)
    ]


def differing(runs: Sequence[Run]) -> list[str]:
    """Return the settings in which the runs differ, seeds and places left out."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    return [
        name
        for name in names
        if name not in NOT_COMPARED and len({shown(run.settings.get(name)) for run in runs}) > 1
    ]


def mean_line(group: Group, name: str, color: str, factor: float = 1.0) -> Line | None:
    """Return the mean of a metric over the seeds of a group, at the steps that all logged."""
    found = [run.metrics[name] for run in group.runs if name in run.metrics]
    if not found:
        return None
    steps = found[0].steps
    for series in found[1:]:
        steps = np.intersect1d(steps, series.steps)
    if not len(steps):
        found, steps = found[:1], found[0].steps
    values: Float[np.ndarray, "seeds points"] = factor * np.stack(
        [series.values[np.searchsorted(series.steps, steps)] for series in found]
    )
    means = [estimate(column) for column in values.T]
    band = None
    if len(found) > 1:
        band = (np.array([one.interval[0] for one in means]),
                np.array([one.interval[1] for one in means]))  # fmt: skip
    middle = np.array([one.mean for one in means])
    return Line(
        label=group.label, x=steps, y=middle, color=color, band=band, markers=len(steps) < 3
    )


def _labels(names: Sequence[str], keys: Sequence[tuple[Any, ...]]) -> list[str]:
    """Return what tells each group from the others, in few words; numbered where that is long."""
    if not names:
        return ["all runs"]
    if len(names) <= 2:
        words = [name.replace("_", " ") for name in names]
        return [
            ", ".join(f"{word} {value}" for word, value in zip(words, key, strict=True))
            for key in keys
        ]
    return [
        f"{place}: {', '.join(str(value) for value in key[:4])}"
        for place, key in enumerate(keys, start=1)
    ]
