"""A claim at a glance: curves of every seed, and the numbers of its criteria by their bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geometric_memory.figures.colors import GREY, PALETTE
from geometric_memory.figures.picture import Chart, Level, Line, Picture

COLORS = {"met": PALETTE[2], "open": PALETTE[4], "not met": PALETTE[1]}
MOST_ROWS = 14
Curve = Sequence[Sequence[float | int]]
"""Steps, and the values at them."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One criterion: a number per seed, mean and interval, and the bound of the mean."""

    text: str
    values: Sequence[float]
    mean: float
    interval: tuple[float, float]
    bound: float
    outcome: str


def claim_picture(
    panels: Mapping[str, tuple[Mapping[str, Sequence[Curve]], bool]],
    rows: Sequence[Measured],
    title: str,
) -> Picture:
    """Return panels above one line per criterion, relative to its bound.

    A panel has lines by their names, a curve per seed, and whether its steps are logarithmic.
    """
    charts = [
        Chart(lines=seed_lines(lines), y_title=label, log_x=logarithmic)
        for label, (lines, logarithmic) in panels.items()
    ]
    shown = rows[:MOST_ROWS]
    lines = [line for place, row in enumerate(shown) for line in _row_lines(place, row)]
    bounds = Chart(
        lines=lines, rows=[row.text for row in shown], levels=[Level(value=0.0, upright=True)],
        x_title="below the bound  |  above the bound (relative)",
    )  # fmt: skip
    heights = [2.4] * len(charts) + [0.9 + 0.3 * len(shown)]
    return Picture(panels=[*charts, bounds], title=title, label=title, columns=1, heights=heights,
                   size=(8.0, 0.3 + sum(heights)))  # fmt: skip


def seed_lines(groups: Mapping[str, Sequence[Curve]]) -> list[Line]:
    """Return a thin line per seed, one colour per group."""
    return [
        Line(x=np.asarray(steps), y=np.asarray(values), label=name if place == 0 else "",
             color=color, width=1.2, alpha=0.6)
        for (name, curves), color in zip(groups.items(), PALETTE, strict=False)
        for place, (steps, values) in enumerate(curves)
    ]  # fmt: skip


def _row_lines(place: int, row: Measured) -> list[Line]:
    """Return every number less its bound, in units of the larger of both: 0 is the bound."""
    size = max(abs(row.bound), *(abs(x) for x in (row.mean, *row.values)), 1e-9)
    values, mean, low, high = (
        (np.atleast_1d(numbers) - row.bound) / size
        for numbers in (row.values, row.mean, *row.interval)
    )
    seeds = Line(x=values, y=np.full(len(values), place), dash="none", markers=True, color=GREY,
                 width=1.5, alpha=0.5)  # fmt: skip
    middle = Line(x=mean, y=np.array([place]), dash="none", markers=True, color=COLORS[row.outcome],
                  ends=(low, high), width=2.5)  # fmt: skip
    return [seeds, middle]
