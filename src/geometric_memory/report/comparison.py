"""The page of several runs: what differs, numbers and curves over seeds, embeddings in a row."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from geometric_memory.analysis.estimate import estimate
from geometric_memory.analysis.measures import list_further
from geometric_memory.config import LoggingSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.figures.colors import PALETTE
from geometric_memory.figures.page import Note, Page, Section, Table, number
from geometric_memory.figures.picture import Level, Line, Picture
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, chart_of, loss_floor
from geometric_memory.report.embedding import space_picture
from geometric_memory.report.run_page import NOT_ASKED, shown
from geometric_memory.report.view import (
    LEVEL,
    NON_EDGES,
    RECOVERY,
    course_of,
    level_series,
    view_of,
)
from geometric_memory.runs.metrics import Metrics, Series
from geometric_memory.runs.run import Run
from geometric_memory.synonyms import unknown_name

SEEDS = ("seed", "init_seed")
"""Settings in which the runs of one group may differ."""
NOT_COMPARED = frozenset(
    (*SEEDS, *NOT_ASKED, *(field.name for field in fields(LoggingSettings)), "dataset_root")
) - {"published"}
"""Settings of where a run lies, what it stores and how it is drawn: they change nothing in it."""
MOST_COLUMNS = 5
"""Groups that stand side by side in a table."""
FRAMES = 20
"""Steps of training that are shown of each run."""
MOST_NODES = 128
"""Nodes that are drawn of each run."""
MOST_SCENES = 6
"""Embeddings in space on one page: browsers allow few."""
COLORS = (*PALETTE[:6], "#8A8A8A")
NUMBERS = {
    "edges memorized (%)": RECOVERY,
    "loss of edge facts": EDGE_LOSS,
    "held-out paths (%)": ACCURACY,
    "best held-out paths (%)": ACCURACY,
    "geometric level": LEVEL,
    "level of non-edges": NON_EDGES,
}
CURVES = {
    EDGE_LOSS: ("loss", "loss of edge facts (nats)"),
    RECOVERY: ("recovery", "edges memorized (%)"),
    ACCURACY: ("accuracy", "held-out paths (%)"),
    LEVEL: ("level", "geometric level (mean cosine)"),
}


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

    def series(self, name: str) -> list[Series]:
        """Return a metric of every run that has logged it."""
        return [run.metrics[name] for run in self.runs if name in run.metrics]


def comparison_page(runs: Sequence[Run]) -> Page:
    """Return the page that compares `runs`."""
    groups = group_runs([_with_levels(run) for run in runs])
    headings = ("run", "group", "seed", "status", "steps", "remarks")
    rows = [
        [run.name, group.label, str(run.seed), run.status, number(run.last_step),
         " ".join(run.notes)]
        for group in groups for run in group.runs
    ]  # fmt: skip
    further = {each.metric: (each.name, each.label) for each in list_further()}
    curves = [
        _curve(groups, name, *words)
        for name, words in (CURVES | further).items()
        if any(group.series(name) for group in groups)
    ]
    return Page(
        title=f"Comparison of {len(runs)} runs",
        subtitle="geometric memory",
        sections=[
            _overview(groups),
            _numbers(groups),
            Section("curves", "Along training", [
                "Means over seeds, with the 95 % interval of the mean as a band.", *curves,
            ]),
            *_embeddings(groups),
            Section("runs", "The runs", [Table(name="runs", headings=headings, rows=rows)]),
        ],
    )  # fmt: skip


def group_runs(runs: Sequence[Run]) -> list[Group]:
    """Group runs whose settings are equal but for the seed, in order of appearance."""
    names = [
        name
        for name in dict.fromkeys(name for run in runs for name in run.settings)
        if name not in NOT_COMPARED and len({shown(run.settings.get(name)) for run in runs}) > 1
    ]
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        key = tuple(shown(run.settings.get(name)) for name in names)
        found.setdefault(key, []).append(run)
    return [
        Group(
            label=_label(place, names, key),
            settings=dict(zip(names, key, strict=True)),
            runs=sorted(own, key=lambda run: run.seed),
        )
        for place, (key, own) in enumerate(found.items(), start=1)
    ]


def _label(place: int, names: Sequence[str], key: Sequence[str]) -> str:
    """Return what tells a group from the others, in few words; numbered where that is long."""
    if not names:
        return "all runs"
    if len(names) > 2:
        return f"{place}: {', '.join(key[:4])}"
    words = (name.replace("_", " ") for name in names)
    return ", ".join(f"{word} {value}" for word, value in zip(words, key, strict=True))


def _with_levels(run: Run) -> Run:
    """Return the run with the level of its last embedding, where no metric holds it."""
    course = None if LEVEL in run.metrics else course_of(run, view_of(run, MOST_NODES), FRAMES)
    if course is None:
        return run
    kept = slice(None) if course.frames.tracked else slice(-1, None)
    series = {
        name: Series(steps=found.steps[kept], values=found.values[kept])
        for name, found in level_series(run, course).items()
    }
    more = copy(run)
    more.metrics = Metrics({**run.metrics, **series})
    return more


def _overview(groups: Sequence[Group]) -> Section:
    names = list(groups[0].settings)
    rows = [[name, *(str(group.settings[name]) for group in groups)] for name in names]
    rows.append(["seeds", *(group.seeds for group in groups)])
    count = sum(len(group.runs) for group in groups)
    same = "" if names else " All settings are equal but the seed."
    text = (
        f"{count} runs in {len(groups)} groups; runs of one group differ in the seed alone.{same}"
    )
    return Section("settings", "What differs", [text, _table("differing", "setting", groups, rows)])


def _numbers(groups: Sequence[Group]) -> Section:
    rows = []
    for label, name in (NUMBERS | {each.label: each.metric for each in list_further()}).items():
        best = label.startswith("best")
        found = [
            estimate([np.fmax.reduce(s.values) if best else s.last for s in group.series(name)])
            for group in groups
        ]
        if any(one.count for one in found):
            rows.append([label, *(one.text for one in found)])
    rows.append(["runs", *(str(len(group.runs)) for group in groups)])
    text = "Mean over seeds ± half the 95 % interval of the mean (Student)."
    return Section("numbers", "At the end", [text, _table("means", "number", groups, rows)])


def mean_line(group: Group, name: str, color: str) -> Line | None:
    """Return the mean of a metric over the seeds of a group, at the steps that all logged."""
    found = group.series(name)
    if not found:
        return None
    steps = found[0].steps
    for series in found[1:]:
        steps = np.intersect1d(steps, series.steps)
    if not len(steps):
        found, steps = found[:1], found[0].steps
    values = [series.values[np.searchsorted(series.steps, steps)] for series in found]
    means = [estimate(column) for column in zip(*values, strict=True)]
    low, high = np.array([one.interval for one in means]).T
    return Line(
        label=group.label, x=steps, y=np.array([one.mean for one in means]), color=color,
        band=(low, high) if len(found) > 1 else None, markers=len(steps) < 3,
    )  # fmt: skip


def metrics_picture(runs: Sequence[Run], names: Sequence[str] = ()) -> Picture:
    """Return metrics along training, a chart each: means over seeds with their 95 % intervals.

    Without names it is those of CURVES that the runs have logged.

    Raises:
        ConfigurationError: if no run has logged a metric, with the nearest that one has.
    """
    groups = group_runs([_with_levels(run) for run in runs])
    known = list(dict.fromkeys(name for run in runs for name in run.metrics))
    problems = [unknown_name(name, known, "metric") for name in names if name not in known]
    chosen = names or [name for name in CURVES if name in known]
    if problems or not chosen:
        listed = f"there are {', '.join(known)}" if known else "these runs have logged none"
        raise ConfigurationError([*problems, listed])
    titles = {name: title for name, (_, title) in CURVES.items()}
    pictures = [_curve(groups, name, name, titles.get(name, name)) for name in chosen]
    columns = min(len(pictures), 2)
    return Picture(
        panels=[picture.panels[0] for picture in pictures],
        label=" ".join(picture.label for picture in pictures),
        columns=columns, size=(5.5 * columns, 3.4 * -(-len(pictures) // columns)),
    )  # fmt: skip


def _curve(groups: Sequence[Group], name: str, short: str, title: str) -> Picture:
    found = (
        mean_line(group, name, COLORS[place % len(COLORS)]) for place, group in enumerate(groups)
    )
    lines = [line for line in found if line is not None]
    every = [run for group in groups for run in group.runs]
    levels = {EDGE_LOSS: ("floor", {round(loss_floor(run), 6) for run in every}),
              ACCURACY: ("chance", {round(run.chance, 6) for run in every})}  # fmt: skip
    label, values = levels.get(name, ("", set()))
    chart = chart_of(
        max(every, key=lambda run: run.last_step), lines, title,
        levels=[Level(label=label, value=value) for value in values if len(values) == 1],
        y_range=(-3.0, 103.0) if title.endswith("(%)") else None,
    )  # fmt: skip
    ends = "; ".join(f"{line.label}: {number(float(line.y[-1]))}" for line in lines)
    return Picture(name=short, panels=[chart], label=f"{title} over steps, at the end {ends}.")


def _embeddings(groups: Sequence[Group]) -> list[Section]:
    """Return the embedding of one run of each group, side by side."""
    pictures = []
    for place, group in enumerate(groups[:MOST_SCENES]):
        run = next((r for r in group.runs if r.frames is not None), group.runs[0])
        view = view_of(run, MOST_NODES)
        course = course_of(run, view, FRAMES)
        if view is not None and course is not None:
            caption = f"{group.label}, seed {run.seed}."
            picture = space_picture(run, view, course)
            pictures.append(
                replace(picture, name=f"space-{place}", height=360, wide=False, caption=caption)
            )
    if not pictures:
        return []
    text = "One run of each group. Sliders move together."
    more = Note(f"The first {MOST_SCENES} of {len(groups)} groups are drawn.")
    blocks = [text, *pictures, *[more] * (len(groups) > MOST_SCENES)]
    return [Section("embeddings", "Embeddings side by side", blocks)]


def _table(name: str, corner: str, groups: Sequence[Group], rows: Sequence[Sequence[str]]) -> Table:
    """Return a column per group, or a row per group where there are many."""
    whole = [[corner, *(group.label for group in groups)], *(list(row) for row in rows)]
    if len(groups) > MOST_COLUMNS:
        whole = [list(column) for column in zip(*whole, strict=True)]
    return Table(name=name, headings=whole[0], rows=whole[1:])
