"""The evolution of an embedding as one page that needs nothing else: plotly, steps on a slider."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.style import PALETTE, for_plotly
from geometric_memory.figures.view import clear_view

NODE, ROOT, LEVEL, MEMORIZED = PALETTE[0], "#44A5E5", PALETTE[0], PALETTE[4]
MOVING = (0, 1, 5)
"""Traces that change from frame to frame: edges, nodes, and the point on the curves."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Movie:
    """Aligned snapshots with their metrics."""

    steps: Int[np.ndarray, " frames"]
    coordinates: Float[np.ndarray, "frames nodes 3"]
    edges: Int[np.ndarray, "edges 2"]
    names: Sequence[str]
    recovery: Float[np.ndarray, " frames"]
    """Percent."""
    level: Float[np.ndarray, " frames"]
    non_edges: Float[np.ndarray, " frames"]
    root: int | None = None
    title: str = ""


def evolution_page(movie: Movie) -> str:
    """Return HTML with the embedding in space, its metrics over steps, a slider and a play button.

    Every frame is scaled to one size, since embeddings grow tenfold; sizes stand in the caption.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1,
        cols=2,
        column_widths=[0.66, 0.34],
        specs=[[{"type": "scene"}, {"type": "xy", "secondary_y": True}]],
    )
    scaled = movie.coordinates / _sizes(movie.coordinates)[:, None, None]
    last = len(movie.steps) - 1
    for trace in _space(movie, scaled[last], last):
        figure.add_trace(trace, row=1, col=1)
    for trace, secondary in _curves(movie):
        figure.add_trace(trace, row=1, col=2, secondary_y=secondary)
    figure.add_trace(_cursor(movie, last), row=1, col=2, secondary_y=False)
    figure.frames = [
        go.Frame(
            data=[*_space(movie, scaled[place], place), _cursor(movie, place)],
            traces=list(MOVING),
            name=str(step),
            layout={"title": {"text": _caption(movie, place)}},
        )
        for place, step in enumerate(movie.steps)
    ]
    figure.update_layout(**_layout(movie, float(np.abs(scaled).max())))
    figure.update_scenes(camera=_camera(clear_view(scaled[last], movie.edges, (20.0, -60.0))))
    figure.update_yaxes(title="memorization (%)", range=[-2, 104], secondary_y=False)
    figure.update_yaxes(
        title="mean cosine", range=[-1, 1.04], tickvals=[-1, -0.5, 0, 0.5, 1], showgrid=False,
        secondary_y=True,
    )  # fmt: skip
    figure.update_xaxes(title="step + 1", type="log")
    return figure.to_html(include_plotlyjs=True, full_html=True, auto_play=False)


def _space(movie: Movie, points: Float[np.ndarray, "nodes 3"], place: int) -> list[Any]:
    import plotly.graph_objects as go

    ends = np.full((len(movie.edges), 3, 3), np.nan)
    ends[:, :2] = points[movie.edges]
    x, y, z = (_numbers(column) for column in ends.reshape(-1, 3).T)
    lines = go.Scatter3d(
        x=x, y=y, z=z, mode="lines", line={"color": "#333333", "width": 4}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    roots = [ROOT if node == movie.root else NODE for node in range(len(points))]
    x, y, z = (_numbers(column) for column in points.T)
    nodes = go.Scatter3d(
        x=x, y=y, z=z, mode="markers+text", text=list(map(for_plotly, movie.names)),
        textposition="top center",
        hovertext=[_hover(movie, node) for node in range(len(points))], hoverinfo="text",
        marker={"size": 9, "color": roots, "line": {"color": "black", "width": 1}},
        textfont={"size": 11, "color": "#333333"}, showlegend=False,
    )  # fmt: skip
    return [lines, nodes]


def _curves(movie: Movie) -> list[tuple[Any, bool]]:
    import plotly.graph_objects as go

    steps = [int(step) + 1 for step in movie.steps]

    def curve(values: Float[np.ndarray, " frames"], name: str, line: dict[str, Any]) -> Any:
        return go.Scatter(x=steps, y=_numbers(values), mode="lines", name=name, line=line)

    thin = {"color": LEVEL, "width": 2, "dash": "dot"}
    return [
        (curve(movie.recovery, "memorization", {"color": MEMORIZED, "width": 3}), False),
        (curve(movie.level, "geometric level", {"color": LEVEL, "width": 3}), True),
        (curve(movie.non_edges, "non-edges", thin), True),
    ]


def _cursor(movie: Movie, place: int) -> Any:
    import plotly.graph_objects as go

    step = int(movie.steps[place]) + 1
    return go.Scatter(
        x=[step, step], y=[-2, 104], mode="lines", line={"color": "#D55E00", "width": 2},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _layout(movie: Movie, reach: float) -> dict[str, Any]:
    moving = {"duration": 90, "redraw": True}
    play = {"frame": moving, "transition": {"duration": 0}, "fromcurrent": True}
    halt = {"frame": {"duration": 0, "redraw": False}, "mode": "immediate"}
    jump = {"frame": {"duration": 0, "redraw": True}, "mode": "immediate"}
    axis = {"visible": False, "range": [-1.08 * reach, 1.08 * reach]}
    last = len(movie.steps) - 1
    return {
        "title": {"text": _caption(movie, last), "font": {"size": 16}},
        "template": "plotly_white",
        "font": {"family": "monospace"},
        "scene": {"xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "cube"},
        "legend": {"orientation": "h", "x": 0.68, "y": 1.06},
        "margin": {"l": 10, "r": 10, "t": 70, "b": 10},
        "updatemenus": [
            {
                "type": "buttons",
                "direction": "left",
                "x": 0.02,
                "y": 0.02,
                "xanchor": "left",
                "yanchor": "top",
                "buttons": [
                    {"label": "play", "method": "animate", "args": [None, play]},
                    {"label": "pause", "method": "animate", "args": [[None], halt]},
                ],
            }
        ],
        "sliders": [
            {
                "active": last,
                "x": 0.16,
                "len": 0.82,
                "y": 0.02,
                "currentvalue": {"prefix": "step "},
                "steps": [
                    {"label": str(step), "method": "animate", "args": [[str(step)], jump]}
                    for step in movie.steps
                ],
            }
        ],
    }


def _camera(view: tuple[float, ...]) -> dict[str, Any]:
    """Return the camera of plotly at an elevation and azimuth, near enough to fill the scene."""
    elevation, azimuth = np.radians(view[:2])
    level = np.array([np.cos(azimuth), np.sin(azimuth)])
    eye = 1.3 * np.array([*(np.cos(elevation) * level), np.sin(elevation)])
    up = np.array([*(-np.sin(elevation) * level), np.cos(elevation)])
    return {
        name: dict(zip("xyz", vector.round(4).tolist(), strict=True))
        for name, vector in (("eye", eye), ("up", up))
    }


def _caption(movie: Movie, place: int) -> str:
    size = _sizes(movie.coordinates)[place]
    return (
        f"{for_plotly(movie.title)}<br>after {movie.steps[place]} steps: "
        f"memorization {movie.recovery[place]:.0f} %, level {movie.level[place]:+.2f}, "
        f"non-edges {movie.non_edges[place]:+.2f}, size {size:.2f}"
    )


def _hover(movie: Movie, node: int) -> str:
    own = movie.edges[(movie.edges == node).any(axis=1)]
    neighbours = sorted({int(end) for edge in own for end in edge} - {node})
    linked = for_plotly(", ".join(movie.names[other] for other in neighbours))
    root = " (root)" if node == movie.root else ""
    return f"node {for_plotly(movie.names[node])}{root}<br>neighbours: {linked}"


def _sizes(coordinates: Float[np.ndarray, "frames nodes 3"]) -> Float[np.ndarray, " frames"]:
    """Return the root mean square distance from the centre."""
    sizes = np.sqrt(np.square(coordinates).sum(axis=2).mean(axis=1))
    return np.where(sizes > 0, sizes, 1)


def _numbers(values: Float[np.ndarray, " values"]) -> list[float | None]:
    """Return few digits, and None where a line breaks."""
    return [None if np.isnan(value) else round(float(value), 4) for value in values]
