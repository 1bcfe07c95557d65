"""A claim at a glance: curves of every seed, and the numbers of its criteria by their bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geometric_memory.figures.curves import Curve
from geometric_memory.figures.style import GREY, PALETTE, quiet

COLORS = {"met": PALETTE[2], "open": PALETTE[4], "not met": PALETTE[1]}
MOST_ROWS = 14


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One criterion: a number per seed, mean and interval, and the bound of the mean."""

    text: str
    values: Sequence[float]
    mean: float
    interval: tuple[float, float]
    bound: float
    outcome: str


@dataclass(frozen=True, kw_only=True)
class CurvePanel:
    """Curves by line of the legend, one per seed."""

    label: str
    lines: Mapping[str, Sequence[Curve]]
    logarithmic: bool


def claim_figure(panels: Sequence[CurvePanel], rows: Sequence[Measured], title: str) -> Figure:
    """Return the panels in a row, above one line per criterion, relative to its bound."""
    shown = rows[:MOST_ROWS]
    figure = Figure(
        figsize=(8, (3 if panels else 0) + 0.9 + 0.3 * len(shown)), layout="constrained"
    )
    figure.suptitle(title, fontsize=10)
    heights = ([3.0] if panels else []) + [0.6 + 0.3 * len(shown)]
    grid = figure.add_gridspec(len(heights), max(1, len(panels)), height_ratios=heights)
    for place, panel in enumerate(panels):
        _draw_curves(figure.add_subplot(grid[0, place]), panel)
    _draw_rows(figure.add_subplot(grid[-1, :]), shown)
    return figure


def _draw_curves(axes: Axes, panel: CurvePanel) -> None:
    for (name, curves), color in zip(panel.lines.items(), PALETTE, strict=False):
        for index, curve in enumerate(curves):
            label = name if index == 0 else None
            axes.plot(curve.steps, curve.values, color=color, linewidth=0.9, alpha=0.6, label=label)
    if panel.logarithmic:
        axes.set_xscale("symlog", linthresh=1)
    axes.set_xlabel("step", fontsize=8)
    axes.set_ylabel(panel.label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(frameon=False, fontsize=7)
    quiet(axes)


def _draw_rows(axes: Axes, rows: Sequence[Measured]) -> None:
    """Draw every number less its bound, in units of the larger of both, so that 0 is the bound."""
    for place, row in enumerate(rows):
        size = max(abs(row.bound), *(abs(x) for x in (row.mean, *row.values)), 1e-9)
        color = COLORS[row.outcome]
        scaled = [(value - row.bound) / size for value in row.values]
        axes.plot(scaled, [place] * len(scaled), ".", color=GREY, alpha=0.5, markersize=4)
        low, high = ((end - row.bound) / size for end in row.interval)
        axes.plot([low, high], [place, place], color=color, linewidth=2)
        axes.plot([(row.mean - row.bound) / size], [place], "o", color=color, markersize=5)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [row.text for row in rows], fontsize=7)
    axes.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axes.set_xlabel("below the bound  |  above the bound (relative)", fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    quiet(axes)
