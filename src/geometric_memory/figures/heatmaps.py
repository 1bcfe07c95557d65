"""Cosine similarity of every two nodes beside the adjacency, in the order of the graph."""

import numpy as np
from jaxtyping import Bool, Float
from matplotlib import colormaps
from matplotlib.figure import Figure

BLANK = "0.85"


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
