"""Embeddings as drawings of the graph: nodes in space, edges as lines, the root marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geometric_memory.figures.style import PALETTE, for_matplotlib

NODE, ROOT = PALETTE[0], "#44A5E5"
Space = Any
"""Axes in space, `mpl_toolkits.mplot3d.Axes3D`, whose type hints are those of flat axes."""
PANE = (0.9, 0.9, 0.9, 0.65)


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """What all pictures of one graph share."""

    edges: Int[np.ndarray, "edges 2"]
    """Each undirected edge once, without loops."""
    root: int | None = None
    view: tuple[float, ...] = (20.0, -60.0, 0.0)
    """Elevation, azimuth, roll in degrees."""
    labels: bool = True
    colors: Sequence[str] | None = None
    """One colour per node; None is blue, the root lighter."""
    names: Sequence[str] | None = None
    """Names of the nodes; None are their numbers."""


def embedding_graph(
    coordinates: Float[np.ndarray, "nodes 3"], drawing: Drawing, *, title: str = ""
) -> Figure:
    """Return the embedding as a graph in space; all axes have one scale."""
    figure = Figure(figsize=(8, 7), layout="constrained")
    axes = figure.add_subplot(projection="3d")
    draw_graph(axes, coordinates, drawing, size=200.0)
    if title:
        axes.set_title(title, fontfamily="monospace", fontsize=13)
    return figure


def plane_graph(coordinates: Float[np.ndarray, "nodes 2"], drawing: Drawing) -> Figure:
    """Return the graph in the plane; names stand beside the nodes where there are few."""
    figure = Figure(figsize=(5.4, 5.0), layout="constrained")
    draw_plane(figure.add_subplot(), coordinates, drawing)
    return figure


def draw_plane(axes: Axes, coordinates: Float[np.ndarray, "nodes 2"], drawing: Drawing) -> None:
    """Draw one graph into flat axes of one scale."""
    for left, right in drawing.edges:
        axes.plot(*coordinates[[left, right]].T, color="0.6", linewidth=1.0, zorder=1)
    colors = drawing.colors or [NODE] * len(coordinates)
    sizes = [70.0 if node == drawing.root else 32.0 for node in range(len(coordinates))]
    axes.scatter(*coordinates.T, s=sizes, c=colors, edgecolors="white", linewidths=0.5, zorder=2)
    if drawing.labels:
        for node, point in enumerate(coordinates):
            name = drawing.names[node] if drawing.names else str(node)
            axes.annotate(
                for_matplotlib(name[:16]), point, xytext=(0, 5), textcoords="offset points",
                ha="center", fontsize=7,
            )  # fmt: skip
    axes.set_aspect("equal")
    axes.set_axis_off()


def evolution_panels(
    coordinates: Sequence[Float[np.ndarray, "nodes 3"]],
    captions: Sequence[str],
    drawing: Drawing,
    *,
    title: str = "",
) -> Figure:
    """Return one panel per step; each has its own scale, since embeddings grow."""
    figure = Figure(figsize=(5 * len(coordinates), 5.4), layout="constrained")
    for place, (points, caption) in enumerate(zip(coordinates, captions, strict=True)):
        axes = figure.add_subplot(1, len(coordinates), place + 1, projection="3d")
        draw_graph(axes, points, drawing, size=110.0)
        axes.set_title(caption, fontfamily="monospace", fontsize=12)
    if title:
        figure.suptitle(title, fontfamily="monospace", fontsize=14)
    return figure


def draw_graph(
    axes: Space, coordinates: Float[np.ndarray, "nodes 3"], drawing: Drawing, *, size: float
) -> None:
    """Draw one graph into `axes`: lines behind, then nodes, then the root and the names."""
    # Where colours tell the arms, lines and rims stay in the background.
    line, rim, width = ("0.6", "white", 1.2) if drawing.colors else ("black", "black", 1.8)
    for left, right in drawing.edges:
        axes.plot(*coordinates[[left, right]].T, color=line, linewidth=width, zorder=1)
    colors = drawing.colors or [
        ROOT if node == drawing.root else NODE for node in range(len(coordinates))
    ]
    sizes = [size * (1.6 if node == drawing.root else 1) for node in range(len(coordinates))]
    x, y, z = coordinates.T
    axes.scatter(x, y, z, s=sizes, c=colors, edgecolors=rim, linewidths=1, depthshade=False)
    if drawing.labels:
        for node, point in enumerate(coordinates):
            name = for_matplotlib(drawing.names[node][:16]) if drawing.names else str(node)
            axes.text(
                *point, name, color="white", ha="center", va="center", zorder=10,
                fontsize=0.55 * size**0.5, fontfamily="monospace", fontweight="bold",
            )  # fmt: skip
    _frame(axes, coordinates)
    elevation, azimuth, roll = drawing.view
    axes.view_init(elev=elevation, azim=azimuth, roll=roll)


def _frame(axes: Space, coordinates: Float[np.ndarray, "nodes 3"]) -> None:
    """Quiet axes of one scale around the points: what looks near is near."""
    centre = (coordinates.max(axis=0) + coordinates.min(axis=0)) / 2
    reach = max(float(np.ptp(coordinates, axis=0).max()) * 0.54, 1e-9)
    for index, axis in enumerate((axes.xaxis, axes.yaxis, axes.zaxis)):
        axis.set_pane_color(PANE)
        axis.line.set_color((1, 1, 1, 0))
        axis.set_ticklabels([])
        axis.set_tick_params(color=(1, 1, 1, 0))
        axis.set_view_interval(centre[index] - reach, centre[index] + reach, ignore=True)
    axes.set_box_aspect((1, 1, 1), zoom=1.25)
