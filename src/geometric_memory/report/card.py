"""The card of a run: one still figure that sums it up, and the arrays it was drawn from."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure

from geometric_memory.analysis.geometry import GeometricLevel
from geometric_memory.figures.charts import Chart, Level, Line, draw_chart
from geometric_memory.figures.embedding import Drawing, draw_graph, draw_plane
from geometric_memory.figures.interactive_space import MOST_LABELS
from geometric_memory.figures.style import PALETTE, for_matplotlib
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, LONGEST_LINEAR, line, loss_floor
from geometric_memory.report.embedding import frames_in_space
from geometric_memory.report.measures import (
    LEVEL,
    NON_EDGES,
    RECOVERY,
    Judgement,
    judged,
    level_series,
    levels_along,
)
from geometric_memory.report.record import Record, Series
from geometric_memory.report.sections import attempt, key_numbers
from geometric_memory.report.view import View, view_of
from geometric_memory.runs.files import write_whole

Arrays = dict[str, Any]


def write_card(record: Record, base: Path) -> Path:
    """Write BASE.pdf, BASE.png and BASE.json, and return the first; equal runs, equal bytes.

    Raises:
        DiskError: if they cannot be written.
    """
    figure, arrays = card_figure(record)
    contents = {
        ".json": (json.dumps(_plain(arrays), allow_nan=False) + "\n").encode(),
        ".png": _drawn(figure, "png", {"Software": None}),
        ".pdf": _drawn(figure, "pdf", {"CreationDate": None}),
    }
    for suffix, content in contents.items():
        write_whole(base.with_name(base.name + suffix), content)
    return base.with_name(base.name + ".pdf")


def card_figure(record: Record) -> tuple[Figure, Arrays]:
    """Return the figure: the graph, its embedding, curves and key numbers; and its arrays."""
    levels, view = levels_along(record), view_of(record, 128)
    judgement = attempt([], lambda: judged(record))
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    # Told apart by hand: the types of matplotlib do not tell how many figures come back.
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.5, 1])
    graph, space, facts = halves[0].subfigures(1, 3, width_ratios=[0.8, 1.15, 0.85])
    arrays = _draw_spaces(record, view, graph, space)
    arrays |= _tell(record, levels, judgement, facts)
    arrays |= _draw_curves(record, levels, halves[1])
    return figure, arrays


def _draw_spaces(record: Record, view: View | None, left: SubFigure, right: SubFigure) -> Arrays:
    if view is None:
        return {}
    drawing = Drawing(
        edges=view.edges, root=view.root, colors=view.colors, names=view.names,
        labels=len(view.nodes) <= MOST_LABELS // 2,
    )  # fmt: skip
    draw_plane(left.add_subplot(), view.layout, drawing)
    left.suptitle("graph" if view.whole else f"graph ({len(view.nodes)} nodes of it)", fontsize=10)
    found: Arrays = {"nodes": view.nodes, "edges": view.edges, "layout": view.layout}
    if record.snapshots is None:
        return found
    coordinates = frames_in_space(record.snapshots.embeddings[-1:, view.nodes])[0]
    draw_graph(right.add_subplot(projection="3d"), coordinates, drawing, size=60.0)
    right.suptitle(f"embedding after {record.snapshots.steps[-1]:,} steps", fontsize=10)
    return found | {"coordinates": coordinates, "coordinates_step": record.snapshots.steps[-1]}


def _tell(
    record: Record, levels: list[GeometricLevel], judgement: Judgement | None, place: SubFigure
) -> Arrays:
    numbers = key_numbers(record, levels, judgement)
    axes = place.add_subplot()
    axes.set_axis_off()
    name = record.name if len(record.name) <= 42 else record.name[:41] + "…"
    axes.text(0, 1.0, for_matplotlib(name), fontsize=10, fontweight="bold", va="top")
    for row, (label, value) in enumerate(numbers.items()):
        height = 0.88 - 0.105 * row
        axes.text(0, height, for_matplotlib(label), fontsize=7.5, color="0.4", va="top")
        axes.text(0, height - 0.04, for_matplotlib(value), fontsize=9.5, va="top")
    return {"numbers": numbers}


def _draw_curves(record: Record, levels: list[GeometricLevel], place: SubFigure) -> Arrays:
    cosines = level_series(record, levels)
    wanted = [
        ("loss of edge facts", EDGE_LOSS, PALETTE[0], 1.0),
        ("held-out paths", ACCURACY, PALETTE[1], 0.01),
        ("memorization", RECOVERY, PALETTE[4], 0.01),
    ]
    lines: dict[str, Line] = {}
    for label, name, color, factor in wanted:
        if name in record.series:
            series = record.series[name]
            scaled = Series(steps=series.steps, values=factor * series.values)
            lines[name] = line(scaled, label, color)
    for label, name, dash in (("geometric level", LEVEL, "solid"), ("non-edges", NON_EDGES, "dot")):
        if name in cosines:
            lines[name] = line(cosines[name], label, PALETTE[2], dash=dash)
    floor = Level(label="floor", value=loss_floor(record))
    chance = Level(label="chance", value=record.chance / 100)
    panels = [
        ([EDGE_LOSS], [floor], "nats", None),
        ([RECOVERY, ACCURACY], [chance], "share", (-0.03, 1.05)),
        ([LEVEL, NON_EDGES], [], "mean cosine", (-1.03, 1.05)),
    ]
    for column, (names, marks, title, limits) in enumerate(panels):
        own = [lines[name] for name in names if name in lines]
        if own:
            chart = Chart(
                lines=own, y_title=title, y_range=limits, log_x=record.last_step > LONGEST_LINEAR,
                levels=[mark for mark in marks if np.isfinite(mark.value)],
            )  # fmt: skip
            draw_chart(place.add_subplot(1, 3, column + 1), chart)
    return {name: {"steps": found.x, "values": found.y} for name, found in lines.items()}


def _drawn(figure: Figure, kind: str, metadata: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    """Return arrays as lists of few digits, None for what is not finite."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind != "f":
        return array.tolist()
    rounded = np.round(array.astype(np.float64), 6).astype(object)
    rounded[~np.isfinite(array)] = None
    return rounded.tolist()
