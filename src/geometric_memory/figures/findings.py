"""The pictures of the findings: effects, what an edit moves, capacities, signs."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geometric_memory.analysis.estimate import Estimate
from geometric_memory.figures.colors import GREY, PALETTE
from geometric_memory.figures.picture import Chart, Level, Line, Picture

Interval = Sequence[float]
"""Both ends of a 95 % interval."""
Mean = tuple[float, Interval]
Point = tuple[int, float, float, Interval]
"""Width, parameters, and the mean of what is memorized with its interval."""
ZERO = Level(value=0.0, upright=True, color="black")


def effect_bars(
    models: Mapping[str, Sequence[tuple[str, float, Interval, Mapping[str, float]]]], *, label: str
) -> Picture:
    """Return a panel per model: mean and interval of every effect, and its value on each graph."""
    most = max(len(rows) for rows in models.values())
    panels = []
    for model, rows in models.items():
        graphs = dict.fromkeys(graph for row in rows for graph in row[3])
        lines = [mean_rows([(mean, interval) for _, mean, interval, _ in rows], PALETTE[0])]
        for place, graph in enumerate(graphs):
            known = [(row[3][graph], n + 0.22) for n, row in enumerate(rows) if graph in row[3]]
            x, y = np.array(known).T
            lines.append(Line(x=x, y=y, label=graph, dash="none", markers=True, width=1.6,
                              color=(GREY, *PALETTE[3:])[place % 5], alpha=0.7))  # fmt: skip
        names = [textwrap.fill(row[0], 28) for row in rows]
        panels.append(Chart(lines=lines, rows=names, levels=[ZERO], title=model, x_title=label))
    return Picture(panels=panels, label=label, size=(10.0, 0.9 + 0.5 * most))


def mean_rows(means: Sequence[Mean], color: str, label: str = "", shift: float = 0.0) -> Line:
    """Return means with their intervals, one below the other."""
    low, high = np.array([interval for _, interval in means], dtype=float).reshape(-1, 2).T
    return Line(
        x=np.array([mean for mean, _ in means]), y=np.arange(len(means)) + shift, ends=(low, high),
        label=label, color=color, dash="none", markers=True, width=2.6,
    )  # fmt: skip


def success_curves(
    numbers: Mapping[str, Mapping[str, Sequence[Mean]]], levels: Sequence[float]
) -> Picture:
    """Return a panel per number: a line with its band per kind over levels of success."""
    panels = []
    for place, (name, kinds) in enumerate(numbers.items()):
        lines = []
        for (kind, means), color in zip(kinds.items(), PALETTE, strict=False):
            low, high = np.array([interval for _, interval in means], dtype=float).T
            lines.append(
                Line(x=np.array(levels), y=np.array([mean for mean, _ in means]),
                     label=kind * (not place), color=color, band=(low, high), width=1.5)
            )  # fmt: skip
        panels.append(Chart(lines=lines, title=textwrap.fill(name, 34), log_y=name == "updates",
                            x_title="success of the edit"))  # fmt: skip
    return Picture(panels=panels, label="What an edit moves", columns=3, size=(11.0, 6.0))


def capacity_lines(
    graphs: Mapping[str, Mapping[str, Sequence[tuple[int, float, float, Interval]]]],
    *,
    largest: int,
) -> Picture:
    """Return a panel per graph: nodes memorized against trained parameters, a line per kind."""
    panels = []
    for graph, kinds in graphs.items():
        lines = []
        for (kind, points), color in zip(kinds.items(), PALETTE, strict=False):
            widths, parameters, means, intervals = zip(*points, strict=True)
            low, high = np.maximum(np.array(intervals, dtype=float), 0).T
            lines.append(
                Line(x=np.array(parameters), y=np.array(means), ends=(low, high), label=kind,
                     markers=True, color=color, notes=list(map(str, widths)))
            )  # fmt: skip
        panels.append(
            Chart(lines=lines, levels=[Level(value=largest)], log_x=True, log_y=True, title=graph,
                  x_title="trained parameters", y_title="nodes memorized (width at each point)")
        )  # fmt: skip
    return Picture(panels=panels, label="Nodes memorized by trained parameters", size=(9.0, 3.6))


def growth_lines(
    axes: Mapping[str, Sequence[tuple[int, Estimate]]], label: str, *, most: int
) -> Picture:
    """Return a panel per axis: a number at each size, its mean joined, and that of every seed.

    Below a size stands how many seeds have the number, where some have not.
    """
    panels = []
    for place, (axis, points) in enumerate(axes.items()):
        seeds = np.array([found.values for _, found in points], dtype=float).T
        at = np.arange(len(points))
        lines = [Line(x=at, y=np.array([found.mean for _, found in points]), color=PALETTE[0])]
        lines += [Line(x=at, y=own, color=GREY, dash="none", markers=True) for own in seeds]
        names = [f"{value}" + f"\n({found.count} of {len(found.values)})" * bool(found.missing)
                 for value, found in points]  # fmt: skip
        panels.append(
            Chart(lines=lines, columns=names, y_range=(0.0, 1.05 * most), x_title=axis,
                  levels=[Level(value=float(most), label="end of the schedule" * (not place))],
                  y_title="" if place % 3 else label)
        )  # fmt: skip
    return Picture(panels=panels, label=label, columns=3, size=(11.0, 3.4 * -(-len(axes) // 3)))


def signs_and_curves(
    curves: Sequence[Mapping[str, Any]], signs: Mapping[str, Mean], *, step: float
) -> Picture:
    """Return alignment and accuracy of every run over steps, and how well each sign orders runs."""
    names = {"alignment": ("alignment, x 100", 100.0), "accuracy": ("held-out paths (%)", 1.0)}
    lines = [
        Line(x=np.asarray(own[key][0]), y=np.multiply(own[key][1], factor), color=PALETTE[place],
             label=label if not run else "", width=1.0, alpha=0.5)
        for run, own in enumerate(curves)
        for place, (key, (label, factor)) in enumerate(names.items())
    ]  # fmt: skip
    along = Chart(lines=lines, levels=[Level(value=step, upright=True)], log_x=True)
    ranks = Chart(
        lines=[mean_rows(list(signs.values()), PALETTE[0])], levels=[ZERO],
        rows=[textwrap.fill(name, 30) for name in signs],
        x_title=f"rank correlation at step {step:.0f} with being early",
    )  # fmt: skip
    return Picture(
        panels=[along, ranks], label="Signs and curves", widths=(1.2, 1.0), size=(10.0, 3.6)
    )
