"""The card of a run: one still figure that sums it up, and the arrays it was drawn from."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure, SubFigure

from geometric_memory.analysis.geometry_result import Geometry
from geometric_memory.figures.charts import Chart, Level, Line, draw_chart
from geometric_memory.figures.embedding import Drawing, draw_graph, draw_plane
from geometric_memory.figures.interactive_space import MOST_LABELS
from geometric_memory.figures.style import PALETTE, for_matplotlib
from geometric_memory.files.whole import write_whole
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, LONGEST_LINEAR, line, loss_floor
from geometric_memory.report.embedding import frames_in_space
from geometric_memory.report.measures import (
    LEVEL,
    NON_EDGES,
    RECOVERY,
    SCORE,
    Course,
    course_of,
    level_series,
)
from geometric_memory.report.sections import FRAMES, attempt, key_numbers
from geometric_memory.report.view import View, view_of
from geometric_memory.runs.metrics import Series
from geometric_memory.runs.run import Run

Arrays = dict[str, Any]


def write_card(run: Run, base: Path) -> Path:
    """Write BASE.pdf, BASE.png and BASE.json, and return the first; equal runs, equal bytes.

    Raises:
        DiskError: if they cannot be written.
    """
    figure, arrays = card_figure(run)
    contents = {
        ".json": (json.dumps(_plain(arrays), allow_nan=False) + "\n").encode(),
        ".png": _drawn(figure, "png", {"Software": None}),
        ".pdf": _drawn(figure, "pdf", {"CreationDate": None}),
    }
    for suffix, content in contents.items():
        write_whole(base.with_name(base.name + suffix), content)
    return base.with_name(base.name + ".pdf")


def card_figure(run: Run) -> tuple[Figure, Arrays]:
    """Return the figure: the graph, its embedding, curves and key numbers; and its arrays."""
    view = view_of(run, 128)
    course = course_of(run, view, FRAMES)
    geometry = attempt([], run.geometry)
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    # Told apart by hand: the types of matplotlib do not tell how many figures come back.
    halves: Any = figure.subfigures(2, 1, height_ratios=[1.5, 1])
    graph, space, facts = halves[0].subfigures(1, 3, width_ratios=[0.8, 1.15, 0.85])
    arrays = _draw_spaces(course, view, graph, space)
    arrays |= _tell(run, course, geometry, facts)
    arrays |= _draw_curves(run, course, halves[1])
    return figure, arrays


def curves_figure(run: Run, course: Course | None) -> Figure:
    """Return the curves of the card alone."""
    figure = Figure(figsize=(11, 2.8), layout="constrained")
    _draw_curves(run, course, figure)
    return figure


def _draw_spaces(
    course: Course | None, view: View | None, left: SubFigure, right: SubFigure
) -> Arrays:
    if view is None:
        return {}
    drawing = Drawing(
        edges=view.edges, root=view.root, colors=view.colors, names=view.names,
        labels=len(view.nodes) <= MOST_LABELS // 2,
    )  # fmt: skip
    draw_plane(left.add_subplot(), view.layout, drawing)
    left.suptitle("graph" if view.whole else f"graph ({len(view.nodes)} nodes of it)", fontsize=10)
    found: Arrays = {"nodes": view.nodes, "edges": view.edges, "layout": view.layout}
    if course is None:
        return found
    coordinates = frames_in_space(course.shown[-1:])[0]
    draw_graph(right.add_subplot(projection="3d"), coordinates, drawing, size=60.0)
    right.suptitle(f"embedding after {course.steps[-1]:,} steps", fontsize=10)
    return found | {"coordinates": coordinates, "coordinates_step": course.steps[-1]}


def _tell(run: Run, course: Course | None, geometry: Geometry | None, place: SubFigure) -> Arrays:
    numbers = key_numbers(run, course, geometry)
    axes = place.add_subplot()
    axes.set_axis_off()
    name = run.name if len(run.name) <= 42 else run.name[:41] + "…"
    axes.text(0, 1.0, for_matplotlib(name), fontsize=10, fontweight="bold", va="top")
    for row, (label, value) in enumerate(numbers.items()):
        height = 0.88 - 0.105 * row
        axes.text(0, height, for_matplotlib(label), fontsize=7.5, color="0.4", va="top")
        axes.text(0, height - 0.04, for_matplotlib(value), fontsize=9.5, va="top")
    return {"numbers": numbers}


def _draw_curves(run: Run, course: Course | None, place: Figure | SubFigure) -> Arrays:
    cosines = level_series(run, course)
    wanted = [
        ("loss of edge facts", EDGE_LOSS, PALETTE[0], 1.0),
        ("held-out paths", ACCURACY, PALETTE[1], 0.01),
        ("memorization", RECOVERY, PALETTE[4], 0.01),
    ]
    lines: dict[str, Line] = {}
    for label, name, color, factor in wanted:
        if name in run.metrics:
            series = run.metrics[name]
            scaled = Series(steps=series.steps, values=factor * series.values)
            lines[name] = line(scaled, label, color)
    for label, name, dash, color in (
        ("geometric level", LEVEL, "solid", PALETTE[2]),
        ("non-edges", NON_EDGES, "dot", PALETTE[2]),
        ("geometry score", SCORE, "solid", PALETTE[3]),
    ):
        if name in cosines:
            lines[name] = line(cosines[name], label, color, dash=dash)
    floor = Level(label="floor", value=loss_floor(run))
    chance = Level(label="chance", value=run.chance / 100)
    panels = [
        ([EDGE_LOSS], [floor], "nats", None),
        ([RECOVERY, ACCURACY], [chance], "share", (-0.03, 1.05)),
        ([LEVEL, NON_EDGES, SCORE], [], "mean cosine, score", (-1.03, 1.05)),
    ]
    for column, (names, marks, title, limits) in enumerate(panels):
        own = [lines[name] for name in names if name in lines]
        if own:
            chart = Chart(
                lines=own, y_title=title, y_range=limits, log_x=run.last_step > LONGEST_LINEAR,
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
