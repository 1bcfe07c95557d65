"""The page of several runs: what differs, numbers and curves over seeds, embeddings in a row."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.estimate import estimate
from geometric_memory.figures.charts import Chart, Level
from geometric_memory.figures.style import PALETTE
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, LONGEST_LINEAR, loss_floor
from geometric_memory.report.embedding import space_picture, step_captions
from geometric_memory.report.groups import Group, grouped, mean_line
from geometric_memory.report.measures import LEVEL, NON_EDGES, RECOVERY, course_of, level_series
from geometric_memory.report.parts import Part, Picture, Table, chart_picture, number
from geometric_memory.report.view import view_of
from geometric_memory.runs.metrics import Metrics, Series
from geometric_memory.runs.run import Run

MOST_COLUMNS = 5
"""Groups that stand side by side in a table."""
FRAMES = 20
"""Steps of training that are shown of each run."""
MOST_NODES = 128
"""Nodes that are drawn of each run."""
MOST_SCENES = 6
"""Embeddings in space on one page: browsers allow few."""
COLORS = (*PALETTE[:6], "#8A8A8A")
CURVES = {
    EDGE_LOSS: ("loss", "loss of edge facts (nats)", 1.0),
    RECOVERY: ("recovery", "edges memorized (%)", 1.0),
    ACCURACY: ("accuracy", "held-out paths (%)", 1.0),
    LEVEL: ("level", "geometric level (mean cosine)", 1.0),
}


def comparison_parts(runs: Sequence[Run]) -> list[Part]:
    """Return the parts of a page that compares `runs`."""
    prepared = [_with_levels(run) for run in runs]
    groups = grouped(prepared)
    return [
        _overview(groups),
        _numbers(groups),
        _curves(groups),
        *_embeddings(groups),
        _runs(groups),
    ]


def _with_levels(run: Run) -> Run:
    """Return the run with the level of its last embedding, where no metric holds it."""
    if LEVEL in run.metrics:
        return run
    course = course_of(run, view_of(run, MOST_NODES), FRAMES)
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


def _overview(groups: Sequence[Group]) -> Part:
    names = list(groups[0].settings)
    rows = [
        [name, *(str(group.settings[name]) for group in groups)]
        for name in names
    ] + [["seeds", *(group.seeds for group in groups)]]  # fmt: skip
    count = sum(len(group.runs) for group in groups)
    same = "" if names else " All settings are equal but the seed."
    return Part(
        name="settings",
        title="What differs",
        text=f"{count} runs in {len(groups)} groups; runs of one group differ in the seed alone."
        + same,
        tables=[_table("differing", "setting", groups, rows)],
    )


def _numbers(groups: Sequence[Group]) -> Part:
    wanted = {
        "edges memorized (%)": RECOVERY,
        "loss of edge facts": EDGE_LOSS,
        "held-out paths (%)": ACCURACY,
        "best held-out paths (%)": ACCURACY,
        "geometric level": LEVEL,
        "level of non-edges": NON_EDGES,
    }
    rows = []
    for label, name in wanted.items():
        pick = _best if label.startswith("best") else _last
        found = [
            estimate([pick(r.metrics[name].values) for r in group.runs if name in r.metrics])
            for group in groups
        ]
        if any(one.count for one in found):
            rows.append([label, *(one.text for one in found)])
    rows.append(["runs", *(str(len(group.runs)) for group in groups)])
    return Part(
        name="numbers",
        title="At the end",
        text="Mean over seeds ± half the 95 % interval of the mean (Student).",
        tables=[_table("means", "number", groups, rows)],
    )


def _best(values: Float[np.ndarray, " points"]) -> float:
    return float(np.fmax.reduce(values))


def _last(values: Float[np.ndarray, " points"]) -> float:
    return float(values[-1])


def _curves(groups: Sequence[Group]) -> Part:
    pictures = [
        _curve(groups, name, *told)
        for name, told in CURVES.items()
        if any(name in run.metrics for group in groups for run in group.runs)
    ]
    return Part(
        name="curves",
        title="Along training",
        text="Means over seeds, with the 95 % interval of the mean as a band.",
        pictures=pictures,
    )


def _curve(groups: Sequence[Group], name: str, short: str, title: str, factor: float) -> Picture:
    lines = [
        found
        for place, group in enumerate(groups)
        if (found := mean_line(group, name, COLORS[place % len(COLORS)], factor)) is not None
    ]
    every = [run for group in groups for run in group.runs]
    levels = []
    floors = {round(loss_floor(run), 6) for run in every}
    chances = {round(run.chance, 6) for run in every}
    if name == EDGE_LOSS and len(floors) == 1:
        levels = [Level(label="floor", value=floors.pop())]
    if name == ACCURACY and len(chances) == 1:
        levels = [Level(label="chance", value=chances.pop())]
    last = max(float(line.x[-1]) for line in lines)
    chart = Chart(
        lines=lines,
        levels=[level for level in levels if np.isfinite(level.value)],
        y_title=title,
        log_x=last > LONGEST_LINEAR,
        y_range=(-3.0, 103.0) if title.endswith("(%)") else None,
    )
    ends = "; ".join(f"{line.label}: {number(float(line.y[-1]))}" for line in lines)
    return chart_picture(short, chart, label=f"{title} over steps, at the end {ends}.")


def _embeddings(groups: Sequence[Group]) -> list[Part]:
    """Return the embedding of one run of each group, side by side."""
    pictures = []
    for place, group in enumerate(groups[:MOST_SCENES]):
        run = next((r for r in group.runs if r.frames is not None), group.runs[0])
        view = view_of(run, MOST_NODES)
        course = course_of(run, view, FRAMES)
        if view is None or course is None:
            continue
        picture = space_picture(course, view, step_captions(run, course))
        pictures.append(
            replace(
                picture, name=f"space-{place}", height=360, wide=False,
                caption=f"{group.label}, seed {run.seed}.",
            )
        )  # fmt: skip
    if not pictures:
        return []
    notes = []
    if len(groups) > MOST_SCENES:
        notes.append(f"The first {MOST_SCENES} of {len(groups)} groups are drawn.")
    return [
        Part(
            name="embeddings", title="Embeddings side by side",
            text="One run of each group. Sliders move together where steps are the same.",
            pictures=pictures, notes=notes,
        )
    ]  # fmt: skip


def _runs(groups: Sequence[Group]) -> Part:
    rows = [
        [run.name, group.label, str(run.seed), run.status, number(run.last_step),
         " ".join(run.notes)]
        for group in groups
        for run in group.runs
    ]  # fmt: skip
    headings = ("run", "group", "seed", "status", "steps", "remarks")
    return Part(
        name="runs", title="The runs", tables=[Table(name="runs", headings=headings, rows=rows)]
    )


def _table(name: str, corner: str, groups: Sequence[Group], rows: Sequence[Sequence[str]]) -> Table:
    """Return a column per group, or a row per group where there are many."""
    whole = [[corner, *(group.label for group in groups)], *(list(row) for row in rows)]
    if len(groups) > MOST_COLUMNS:
        whole = [list(column) for column in zip(*whole, strict=True)]
    return Table(name=name, headings=whole[0], rows=whole[1:])
