"""A claim at a glance: curves of every seed, and the numbers of its criteria by their bounds."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

from geometric_memory.figures.colors import GREY, PALETTE
from geometric_memory.figures.picture import Chart, Level, Line, Picture

COLORS = {"not met": PALETTE[1], "undecided": PALETTE[4], "met": PALETTE[2]}
LONGEST_ROW = 44
"""Letters of a line beside a row, so that the numbers keep their room."""
Curve = Sequence[Sequence[float | int | None]]
"""Steps, and the values at them; None breaks the line."""


def claim_picture(
    panels: Mapping[str, tuple[Mapping[str, Sequence[Curve]], bool]],
    rows: Sequence[Mapping[str, Any]],
    title: str,
) -> Picture:
    """Return panels above one line per criterion, relative to its bound; what is not met first.

    A panel has lines by their names, a curve per seed, and whether its steps are logarithmic. A row
    has text, bound, values, mean and interval, and outcome; a seed without a number is None.
    """
    charts = [
        Chart(lines=seed_lines(lines), y_title=label, log_x=logarithmic)
        for label, (lines, logarithmic) in panels.items()
    ]
    shown = sorted(rows, key=lambda row: list(COLORS).index(row["outcome"]))
    lines = [line for place, row in enumerate(shown) for line in _row_lines(place, row)]
    bounds = Chart(
        lines=lines, rows=[_row_name(row) for row in shown],
        levels=[Level(value=0.0, upright=True)],
        x_title="below the bound  |  above the bound (relative)",
    )  # fmt: skip
    heights = [2.4] * len(charts) + [0.8 + 0.4 * len(shown)]
    return Picture(
        panels=[*charts, bounds], title=title, label=title, columns=1, heights=heights,
        size=(8.0, sum(heights) + 0.3),
    )  # fmt: skip


def seed_lines(groups: Mapping[str, Sequence[Curve]]) -> list[Line]:
    """Return a thin line per seed, one colour per group."""
    return [
        Line(x=np.asarray(steps), y=np.asarray(values, dtype=float),
             label=name if place == 0 else "", color=color, width=1.2, alpha=0.6)
        for (name, curves), color in zip(groups.items(), PALETTE, strict=False)
        for place, (steps, values) in enumerate(curves)
    ]  # fmt: skip


def _row_name(row: Mapping[str, Any]) -> str:
    missing = sum(value is None for value in row["values"])
    none = f" ({missing} of {len(row['values'])} have none)" * bool(missing)
    mark = "" if row["outcome"] == "met" else f"{row['outcome'].upper()}: "
    return fill(f"{mark}{row['text']}, {row['bound']}{none}", LONGEST_ROW)


def _row_lines(place: int, row: Mapping[str, Any]) -> list[Line]:
    """Return every number less its bound, in units of the larger of both: 0 is the bound."""
    bound = float(row["bound"].split()[-1])
    values, middle, low, high = (
        np.array(numbers, dtype=float)
        for numbers in (row["values"], [row["mean"]], *([end] for end in row["interval"]))
    )
    every = np.abs([bound, *middle, *values])
    size = max(np.nanmax(every), 1e-9)
    values, middle, low, high = ((each - bound) / size for each in (values, middle, low, high))
    seeds = Line(x=values, y=np.full(len(values), place), dash="none", markers=True, color=GREY,
                 width=1.5, alpha=0.5)  # fmt: skip
    mean = Line(x=middle, y=np.array([place]), dash="none", markers=True, ends=(low, high),
                color=COLORS[row["outcome"]], width=2.5)  # fmt: skip
    return [seeds, mean]
