"""The page of several runs: what differs, numbers and curves over seeds, embeddings in a row."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry import geometric_level, non_edge_level
from geometric_memory.figures.charts import Chart, Level
from geometric_memory.figures.style import PALETTE
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, LONGEST_LINEAR, loss_floor
from geometric_memory.report.embedding import space_picture, step_captions
from geometric_memory.report.groups import Group, estimate, grouped, mean_line
from geometric_memory.report.measures import LEVEL, NON_EDGES, RECOVERY, levels_along
from geometric_memory.report.parts import Part, Picture, Table, chart_picture, number
from geometric_memory.report.record import Record, Series
from geometric_memory.report.view import view_of

MOST_COLUMNS = 5
"""Groups that stand side by side in a table."""
MOST_SCENES = 6
"""Embeddings in space on one page: browsers allow few."""
COLORS = (*PALETTE[:6], "#8A8A8A")
CURVES = {
    EDGE_LOSS: ("loss", "loss of edge facts (nats)", 1.0),
    RECOVERY: ("recovery", "edges memorized (%)", 1.0),
    ACCURACY: ("accuracy", "held-out paths (%)", 1.0),
    LEVEL: ("level", "geometric level (mean cosine)", 1.0),
}


def comparison_parts(records: Sequence[Record]) -> list[Part]:
    """Return the parts of a page that compares `records`."""
    prepared = [_with_levels(record) for record in records]
    groups = grouped(prepared)
    return [
        _overview(groups),
        _numbers(groups),
        _curves(groups),
        *_embeddings(groups),
        _runs(groups),
    ]


def _with_levels(record: Record) -> Record:
    """Return the record with the level of its last embedding, where no series holds it."""
    if LEVEL in record.series or record.dataset is None or record.snapshots is None:
        return record
    steps, edges = record.snapshots.steps.astype(np.float64), record.dataset.facts
    rows = record.snapshots.embeddings
    kept = slice(None) if record.snapshots.tracked else slice(-1, None)
    levels = np.array([geometric_level(found, edges) for found in rows[kept]])
    others = np.array([non_edge_level(found, edges) for found in rows[kept]])
    series = {
        LEVEL: Series(steps=steps[kept], values=levels),
        NON_EDGES: Series(steps=steps[kept], values=others),
    }
    return replace(record, series={**record.series, **series})


def _overview(groups: Sequence[Group]) -> Part:
    names = list(groups[0].settings)
    rows = [
        [name, *(str(group.settings[name]) for group in groups)]
        for name in names
    ] + [["seeds", *(group.seeds for group in groups)]]  # fmt: skip
    count = sum(len(group.records) for group in groups)
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
            estimate([pick(r.series[name].values) for r in group.records if name in r.series])
            for group in groups
        ]
        if any(one.count for one in found):
            rows.append([label, *(one.text for one in found)])
    rows.append(["runs", *(str(len(group.records)) for group in groups)])
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
        if any(name in record.series for group in groups for record in group.records)
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
    every = [record for group in groups for record in group.records]
    levels = []
    floors = {round(loss_floor(record), 6) for record in every}
    chances = {round(record.chance, 6) for record in every}
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
        record = next((r for r in group.records if r.snapshots is not None), None)
        view = None if record is None else view_of(record, 128)
        if record is None or view is None:
            continue
        picture = space_picture(record, view, step_captions(record, levels_along(record)))
        pictures.append(
            replace(
                picture, name=f"space-{place}", height=360, wide=False,
                caption=f"{group.label}, seed {record.seed}.",
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
        [record.name, group.label, str(record.seed), record.status, number(record.last_step),
         " ".join(record.notes)]
        for group in groups
        for record in group.records
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
