"""Memorization and geometric level over the steps of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from geometric_memory.figures.style import GREY, PALETTE

LONGEST_LINEAR = 1000
"""Steps of the longest run on a linear axis: what happens first would vanish on a longer one."""
MEMORIZED, MEMORIZED_TEXT, LEVEL = PALETTE[4], PALETTE[1], PALETTE[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """Curves of one seed, and of the others as a band."""

    steps: Int[np.ndarray, " steps"]
    recovery: Float[np.ndarray, "steps seeds"]
    """Percent."""
    level: Float[np.ndarray, "steps seeds"]
    non_edges: Float[np.ndarray, "steps seeds"]
    shown: int
    """Which seed is drawn as a line; the middle 95 % of all are a band."""


def memorization_curves(
    trajectory: Trajectory, *, marked: Sequence[int] = (), title: str = ""
) -> Figure:
    """Return memorization (left axis) and geometric level (right axis) over steps.

    The level of non-edges is drawn with it: what rises in both is a common direction, no geometry.
    The right axis always spans -1 to 1, so that pictures compare. `marked` steps get a line.
    """
    figure = Figure(figsize=(7, 5), layout="constrained")
    left = figure.add_subplot()
    right = left.twinx()
    lines = [
        _line(left, trajectory, trajectory.recovery, MEMORIZED, "memorization", "-"),
        _line(right, trajectory, trajectory.level, LEVEL, "geometric level", "-"),
        _line(right, trajectory, trajectory.non_edges, LEVEL, "non-edges", ":"),
    ]
    left.set_ylim(-1, 105)
    right.set_ylim(-1, 1.1)
    right.axhline(0, color=GREY, linewidth=0.6)
    for step in marked:
        left.axvline(step, color=GREY, linewidth=1, linestyle="--")
        left.annotate(
            f" all edges: {step}", (step, 3), color=GREY, fontfamily="monospace", fontsize=10
        )
    if trajectory.steps[-1] > LONGEST_LINEAR:
        left.set_xscale("symlog", linthresh=10)
        left.set_xlim(0, trajectory.steps[-1])
    _label(left, "Memorization (%)", MEMORIZED_TEXT)
    _label(right, "Mean cosine", LEVEL)
    left.set_xlabel("Step", fontfamily="monospace", fontsize=15)
    left.set_zorder(right.get_zorder() + 1)
    left.patch.set_visible(False)
    font = {"family": "monospace", "size": 11}
    figure.legend(handles=lines, loc="outside upper center", ncols=3, frameon=False, prop=font)
    if title:
        left.set_title(title, fontfamily="monospace", fontsize=11)
    return figure


def _line(
    axes: Axes,
    trajectory: Trajectory,
    values: Float[np.ndarray, "steps seeds"],
    color: str,
    label: str,
    style: str,
) -> Line2D:
    steps = trajectory.steps
    if values.shape[1] > 2:
        low, high = np.nanquantile(values, (0.025, 0.975), axis=1)
        axes.fill_between(steps, low, high, color=color, alpha=0.18, linewidth=0)
    width = 3.5 if style == "-" else 2
    (line,) = axes.plot(
        steps,
        values[:, trajectory.shown],
        color=color,
        linewidth=width,
        linestyle=style,
        label=label,
    )
    return line


def _label(axes: Axes, text: str, color: str) -> None:
    axes.set_ylabel(text, color=color, fontfamily="monospace", fontsize=15)
    axes.tick_params(axis="y", labelcolor=color)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontfamily("monospace")
    for side in ("top",):
        axes.spines[side].set_visible(False)
