"""The embedding as a plotly figure, a plain dictionary: in space, or flat."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, isfinite, radians, sin
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.explore.record import Record, sizes
from geometric_memory.figures.node_colors import painted
from geometric_memory.figures.style import PALETTE, for_plotly

Figure = dict[str, Any]
BLUE, ORANGE, GREEN = PALETTE[0], PALETTE[1], PALETTE[2]
FONT = "system-ui, Segoe UI, Roboto, Helvetica Neue, sans-serif"
NAMED_NODES = 40
"""Nodes that still have room for their names."""


@dataclass(frozen=True)
class Theme:
    """Colours that the page does not set by its style sheet."""

    ink: str
    faint: str
    edge: str
    root: str
    live: str
    pinned: str


THEMES: Mapping[str, Theme] = {
    "light": Theme("#1c2430", "#dde2e9", "#9aa5b4", "#1c2430", "#0072B2", "#D55E00"),
    "dark": Theme("#e8ecf2", "#343d4a", "#6b7787", "#ffffff", "#56B4E9", "#E69F00"),
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the reader wants to see the embedding."""

    theme: str = "light"
    flat: bool = False
    """Two coordinates instead of three; needs no WebGL."""
    turn: int = 35
    """Degrees around the upright axis."""
    tilt: int = 50
    """Degrees above the horizon."""

    @property
    def colors(self) -> Theme:
        """The colours of the theme; light for an unknown one."""
        return THEMES.get(self.theme, THEMES["light"])


def embedding_view(record: Record, step: int, look: Look) -> Figure:
    """Return the embedding after `step` updates, scaled to one size, edges as lines."""
    if not len(record.steps):
        return empty_view("", look)
    place = record.frame(step)
    points = record.coordinates[place] / sizes(record.coordinates[place : place + 1])[0]
    lines = np.full((len(record.edges), 3, 3), np.nan)
    lines[:, :2] = points[record.edges]
    kind = "scatter" if look.flat else "scatter3d"
    colors = painted(record.colors, look.colors.root)
    named = len(record.names) <= NAMED_NODES
    big, small = (19, 14) if look.flat else (19, 13)
    nodes = {
        "type": kind, **_axes(points, look.flat), "mode": "markers+text" if named else "markers",
        "text": list(map(for_plotly, record.names)), "textposition": "top center",
        "hovertemplate": "node %{text}<extra></extra>",
        "textfont": {"size": 12, "color": look.colors.ink},
        "marker": {"color": colors, "opacity": 1,
                   "size": [big if node == record.root else small for node in range(len(points))],
                   "line": {"color": look.colors.ink, "width": 1}},
    }  # fmt: skip
    edges = {
        "type": kind, **_axes(lines.reshape(-1, 3), look.flat), "mode": "lines",
        "line": {"color": look.colors.edge, "width": 1.5 if look.flat else 4}, "hoverinfo": "skip",
    }  # fmt: skip
    return {"data": [edges, nodes], "layout": _space_layout(look, float(np.abs(points).max()))}


def empty_view(text: str, look: Look) -> Figure:
    """Return a picture of nothing, with a sentence in it."""
    note = {"text": text, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5,
            "font": {"size": 15, "color": look.colors.ink}}  # fmt: skip
    hidden = {"visible": False, "range": [-1, 1]}
    return {"data": [], "layout": base_layout(look) | {"annotations": [note], "xaxis": hidden,
                                                 "yaxis": hidden}}  # fmt: skip


def _space_layout(look: Look, reach: float) -> Figure:
    span = [-1.1 * reach, 1.1 * reach]
    if look.flat:
        axis = {"visible": False, "range": span}
        return base_layout(look) | {"xaxis": axis | {"scaleanchor": "y"}, "yaxis": axis}
    turn, tilt = radians(look.turn), radians(look.tilt)
    eye = {"x": 1.15 * cos(tilt) * sin(turn), "y": -1.15 * cos(tilt) * cos(turn),
           "z": 1.15 * sin(tilt)}  # fmt: skip
    axis = {"visible": False, "range": span}
    return base_layout(look) | {
        "scene": {
            "xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "cube",
            "camera": {"eye": eye}, "uirevision": f"{look.turn} {look.tilt}",
        }
    }  # fmt: skip


def base_layout(look: Look) -> Figure:
    """Return what every figure of the page has."""
    clear = "rgba(0,0,0,0)"
    return {
        "paper_bgcolor": clear, "plot_bgcolor": clear, "showlegend": False, "uirevision": "same",
        "font": {"color": look.colors.ink, "family": FONT},
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "hoverlabel": {"font": {"family": FONT}},
    }  # fmt: skip


def _axes(points: Float[np.ndarray, "points 3"], flat: bool) -> Figure:
    return {name: numbers(points[:, i]) for i, name in enumerate("xy" if flat else "xyz")}


def numbers(values: Float[np.ndarray, " values"]) -> list[float | None]:
    """Return short numbers, None where a line breaks."""
    return [round(value, 5) if isfinite(value) else None for value in values.tolist()]
