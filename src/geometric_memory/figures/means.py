"""Means with their intervals as error bars, over numbers or over names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geometric_memory.figures.style import PALETTE, for_matplotlib, quiet

Point = tuple[Any, float, float, float]
"""Place, mean, and both ends of its interval."""


def means_figure(lines: Mapping[str, Sequence[Point]], *, x_title: str, y_title: str) -> Figure:
    """Return a figure with a line of means for every label; places are numbers or names.

    Lines stand a little apart where they share places, so that no error bar hides another.
    """
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    names = list(dict.fromkeys(place for points in lines.values() for place, *_ in points))
    numbers = all(isinstance(name, int | float) for name in names)
    where = {name: float(name) if numbers else place for place, name in enumerate(names)}
    apart = 0.012 * ((max(where.values()) - min(where.values())) or 1.0)
    for place, (label, points) in enumerate(lines.items()):
        shift = apart * (place - (len(lines) - 1) / 2)
        mean, low, high = np.array([point[1:] for point in points], dtype=float).T
        axes.errorbar(
            [where[point[0]] + shift for point in points], mean, [mean - low, high - mean],
            label=for_matplotlib(label), color=PALETTE[place % len(PALETTE)], marker="o",
            linestyle="-" if numbers else "none", capsize=3,
        )  # fmt: skip
    if not numbers:
        axes.set_xticks(list(where.values()), [for_matplotlib(str(name)) for name in names])
    axes.set_xlabel(for_matplotlib(x_title.replace("_", " ")))
    axes.set_ylabel(for_matplotlib(y_title))
    if any(lines) and len(lines) > 1:
        axes.legend(frameon=False)
    quiet(axes)
    return figure
