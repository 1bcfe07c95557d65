"""Embeddings and graphs as plotly figures: edges as one trace, nodes as the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.style import for_plotly

if TYPE_CHECKING:
    import plotly.graph_objects as go

EDGE = "#8A8A8A"
MOST_LABELS = 60
"""Nodes up to which every node carries its name."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodes:
    """What the nodes of a drawing look like."""

    names: Sequence[str]
    colors: Sequence[str]
    edges: Int[np.ndarray, "edges 2"]
    """Each undirected edge once, without loops."""
    root: int | None = None
    notes: Sequence[str] = ()
    """More about each node, shown beside its name when it is pointed at."""


def space(coordinates: Float[np.ndarray, "nodes 3"], nodes: Nodes) -> "go.Figure":
    """Return the nodes in space; trace 0 are the edges, trace 1 the nodes."""
    import plotly.graph_objects as go

    x, y, z = line_ends(coordinates, nodes.edges).T
    few = len(coordinates) <= MOST_LABELS
    lines = go.Scatter3d(
        x=x, y=y, z=z, mode="lines", line={"color": EDGE, "width": 4 if few else 1.5},
        hoverinfo="skip",
    )  # fmt: skip
    x, y, z = coordinates.astype(np.float32).T
    points = go.Scatter3d(
        x=x, y=y, z=z, **_marks(nodes, 10.0 if few else 5.0), textfont={"size": 11},
    )  # fmt: skip
    axis = {"visible": False, "range": [-1.05, 1.05]}
    figure = go.Figure([lines, points])
    figure.update_layout(
        scene={"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "cube",
               "camera": {"eye": {"x": 0.95, "y": 0.95, "z": 0.55}}},
        showlegend=False,
    )  # fmt: skip
    return figure


def plane(coordinates: Float[np.ndarray, "nodes 2"], nodes: Nodes) -> "go.Figure":
    """Return the nodes in the plane, both axes of one scale."""
    import plotly.graph_objects as go

    x, y = line_ends(coordinates, nodes.edges).T
    lines = go.Scatter(x=x, y=y, mode="lines", line={"color": EDGE, "width": 1.5}, hoverinfo="skip")
    x, y = coordinates.astype(np.float32).T
    few = len(coordinates) <= MOST_LABELS
    points = go.Scatter(x=x, y=y, **_marks(nodes, 12.0 if few else 6.0), textfont={"size": 11})
    figure = go.Figure([lines, points])
    figure.update_layout(
        xaxis={"visible": False}, yaxis={"visible": False, "scaleanchor": "x"}, showlegend=False
    )
    return figure


def line_ends(
    coordinates: Float[np.ndarray, "nodes axes"], edges: Int[np.ndarray, "edges 2"]
) -> Float[np.ndarray, "points axes"]:
    """Return both ends of every edge and a NaN after it, where the pen is lifted."""
    ends = np.full((len(edges), 3, coordinates.shape[1]), np.nan, dtype=np.float32)
    ends[:, :2] = coordinates[edges]
    return ends.reshape(-1, coordinates.shape[1])


def _marks(nodes: Nodes, size: float) -> dict[str, Any]:
    few = len(nodes.names) <= MOST_LABELS
    names = [for_plotly(name) for name in nodes.names]
    notes = nodes.notes or [""] * len(names)
    shown = [
        f"{name}{' (root)' if node == nodes.root else ''}{f', {for_plotly(note)}' if note else ''}"
        for node, (name, note) in enumerate(zip(names, notes, strict=True))
    ]
    sizes = [size * (1.6 if node == nodes.root else 1.0) for node in range(len(names))]
    return {
        "mode": "markers+text" if few else "markers",
        "text": names if few else None,
        "textposition": "top center",
        "hovertext": shown,
        "hoverinfo": "text",
        "marker": {
            "size": sizes,
            "color": list(nodes.colors),
            "opacity": 1.0,
            "line": {"color": "#FFFFFF", "width": 1},
        },
    }
