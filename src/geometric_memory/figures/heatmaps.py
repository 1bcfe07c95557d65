"""Matrices as colours: cosine similarity of every two nodes beside the adjacency, and others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import colormaps
from matplotlib.figure import Figure

from geometric_memory.figures.style import for_matplotlib

BLANK = "0.85"
MOST_NAMES = 40
"""Rows up to which every row carries its name."""
LONGEST_NAME = 16
"""Letters of a name that are shown."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix:
    """A square table of numbers as colours."""

    values: Float[np.ndarray, "rows columns"]
    names: Sequence[str]
    """Of rows and of columns."""
    title: str
    range: tuple[float, float]
    rows: str = "node"
    """What a row is, and below what a column is."""
    columns: str = "node"
    reversed: bool = False
    """Whether low values are bright."""
    scale: bool = True
    """Whether a bar tells what the colours mean."""


def similarity_heatmaps(
    similarity: Float[np.ndarray, "nodes nodes"],
    adjacency: Bool[np.ndarray, "nodes nodes"],
    names: list[str],
    *,
    title: str = "",
) -> Figure:
    """Return both matrices side by side; the diagonal, which is 1 for everyone, stays blank."""
    figure = Figure(figsize=(14, 6), layout="constrained")
    left, right = figure.subplots(1, 2)
    colors = colormaps["plasma"].with_extremes(bad=BLANK)
    panels = (
        (left, similarity, (-1.0, -0.5, 0.0, 0.5, 1.0), "cosine similarity"),
        (right, adjacency.astype(float), (0.0, 1.0), "edge (row to column)"),
    )
    for axes, values, ticks, label in panels:
        shown = values.copy()
        np.fill_diagonal(shown, np.nan)
        image = axes.imshow(
            shown, cmap=colors, vmin=ticks[0], vmax=ticks[-1], interpolation="nearest"
        )
        bar = figure.colorbar(image, ax=axes, shrink=0.85, ticks=ticks)
        bar.set_label(label, fontfamily="monospace")
        places = np.arange(len(names))
        axes.set_xticks(places, names, fontsize=8, fontfamily="monospace")
        axes.set_yticks(places, names, fontsize=8, fontfamily="monospace")
        axes.tick_params(length=0)
    if title:
        figure.suptitle(title, fontfamily="monospace", fontsize=13)
    return figure


def matrix_heatmaps(panels: Sequence[Matrix]) -> Figure:
    """Return square tables side by side, the names of few rows beside them."""
    figure = Figure(figsize=(5.6 * len(panels), 4.8), layout="constrained")
    for place, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        colors = colormaps["plasma_r" if panel.reversed else "plasma"].with_extremes(bad=BLANK)
        low, high = panel.range
        image = axes.imshow(panel.values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
        if panel.scale:
            figure.colorbar(image, ax=axes, shrink=0.8)
        if len(panel.names) <= MOST_NAMES:
            shown = [for_matplotlib(name[:LONGEST_NAME]) for name in panel.names]
            axes.set_xticks(np.arange(len(shown)), shown, fontsize=7, rotation=90)
            axes.set_yticks(np.arange(len(shown)), shown, fontsize=7)
        axes.set_xlabel(panel.columns)
        axes.set_ylabel(panel.rows)
        axes.set_title(panel.title, fontsize=10)
        axes.tick_params(length=0)
    return figure
