"""Pictures on a page: what `picture` describes, as data and layout that plotly.js reads.

Arrays stay arrays: who sends them writes them as short as it can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.camera import screen
from geometric_memory.figures.picture import (
    MOST_NAMES,
    Bars,
    Chart,
    Line,
    Matrix,
    Panel,
    Space,
    shorten,
)

Live = dict[str, Any]
"""`data` and `layout`, or a part of them."""
MOST_IN_A_ROW = 8
"""Names of lines that stand above a chart; more stand beside it."""
PLASMA = ("#0d0887", "#46039f", "#7201a8", "#9c179e", "#bd3786", "#d8576b", "#ed7953", "#fb9f3a",
          "#fdca26", "#f0f921")  # fmt: skip
FEW_NAMES = 16
"""Rows up to which names fit side by side."""


@dataclass(frozen=True)
class Theme:
    """Colours that a picture does not set itself; a page's script gives it the others."""

    faint: str = ""
    edge: str = "#8A8A8A"
    rim: str = "#FFFFFF"


def draw(panels: Sequence[Panel], theme: Theme = Theme()) -> Live:
    """Return panels of one kind side by side; of graphs there is one."""
    first = panels[0]
    if isinstance(first, Space):
        return draw_space(first, theme)
    if isinstance(first, Matrix):
        return draw_matrices([panel for panel in panels if isinstance(panel, Matrix)])
    return draw_charts([panel for panel in panels if isinstance(panel, Chart)], theme)


def draw_space(space: Space, theme: Theme) -> Live:
    """Return a graph in the plane or in space; trace 0 are the edges, trace 1 the nodes."""
    kind = "scatter" if space.flat else "scatter3d"
    names = [text(name) for name in space.names]
    notes = space.notes or [""] * len(names)
    big, small, line = (12.0, 6.0, 1.5) if space.flat else (10.0, 5.0, 4.0)
    size = big if space.named else small
    edges = {
        "type": kind, **_axes(line_ends(space.coordinates, space.edges)), "mode": "lines",
        "line": {"color": theme.edge, "width": line if space.named else 1.5}, "hoverinfo": "skip",
    }  # fmt: skip
    nodes = {
        "type": kind, **_axes(space.coordinates), "hoverinfo": "text",
        "mode": "markers+text" if space.named else "markers", "textposition": "top center",
        "text": names if space.named else None, "textfont": {"size": 11},
        "hovertext": [
            f"{name}{' (root)' * (node == space.root)}{', ' * bool(note)}{text(note)}"
            for node, (name, note) in enumerate(zip(names, notes, strict=True))
        ],
        "marker": {
            "size": [1.6 * size if node == space.root else size for node in range(len(names))],
            "color": list(space.colors), "opacity": 1.0, "line": {"color": theme.rim, "width": 1},
        },
    }  # fmt: skip
    layout: Live = {"showlegend": False}
    if space.flat:
        layout |= {"xaxis": {"visible": False}, "yaxis": {"visible": False, "scaleanchor": "x"}}
    else:
        reach = 1.05 * max(float(np.abs(space.coordinates).max()), 1e-9)
        axis = {"visible": False, "range": [-reach, reach]}
        layout["scene"] = {
            "xaxis": axis, "yaxis": axis, "zaxis": axis, "aspectmode": "cube",
            "camera": camera(space.coordinates / reach, space.view),
        }  # fmt: skip
    return {"data": [edges, nodes], "layout": layout}


def camera(points: Float[np.ndarray, "nodes 3"], view: tuple[float, ...]) -> Live:
    """Return the camera at an elevation and azimuth, as near as the graph fits into the scene."""
    directions = screen(view)
    right, up, near = (points @ directions.T).T
    # The scene is a cube of side 1, and what is near looks large.
    needed = 1.4 * np.maximum(np.abs(right), np.abs(up)) + 0.5 * near
    corners = {"eye": (0.05 + needed.max(initial=0.5)) * directions[2], "up": directions[1]}
    return {
        name: dict(zip("xyz", vector.round(4).tolist(), strict=True))
        for name, vector in corners.items()
    }


def line_ends(
    coordinates: Float[np.ndarray, "nodes axes"], edges: Int[np.ndarray, "edges 2"]
) -> Float[np.ndarray, "points axes"]:
    """Return both ends of every edge and a NaN after it, where the pen is lifted."""
    ends = np.full((len(edges), 3, coordinates.shape[1]), np.nan)
    ends[:, :2] = coordinates[edges]
    return ends.reshape(-1, coordinates.shape[1])


def _axes(points: Float[np.ndarray, "points axes"]) -> Live:
    return {name: column for name, column in zip("xyz", points.T, strict=False)}


def draw_matrices(panels: Sequence[Matrix]) -> Live:
    """Return square tables side by side; trace i is panel i."""
    gap = 0.16 if len(panels) > 1 else 0
    width = (1 - gap * (len(panels) - 1)) / len(panels)
    scale = [[place / (len(PLASMA) - 1), color] for place, color in enumerate(PLASMA)]
    data: list[Live] = []
    layout: Live = {"annotations": []}
    for place, panel in enumerate(panels):
        names = [text(shorten(name)) for name in panel.names]
        suffix, start = str(place + 1) if place else "", place * (width + gap)
        few = len(names) <= MOST_NAMES
        bar = {"x": start + width + 0.005, "len": 0.8, "thickness": 10, "outlinewidth": 0}
        data.append({
            "type": "heatmap", "z": panel.shown, "zmin": panel.range[0], "zmax": panel.range[1],
            "colorscale": scale, "reversescale": panel.reversed, "showscale": panel.scale,
            "colorbar": bar, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}",
            "hovertemplate": f"{panel.rows} %{{y}}, {panel.columns} %{{x}}: %{{z:.3f}}"
            "<extra></extra>",
        })  # fmt: skip
        ticks = {
            "tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names,
            "showticklabels": few, "constrain": "domain", "showgrid": False, "zeroline": False,
            "ticks": "", "tickfont": {"size": 10},
        }  # fmt: skip
        words = ("", "") if few else (panel.columns, panel.rows)
        layout[f"xaxis{suffix}"] = ticks | {
            "domain": [start, start + width], "anchor": f"y{suffix}", "title": {"text": words[0]},
            "tickangle": 90 if len(names) > FEW_NAMES else 0,
        }  # fmt: skip
        layout[f"yaxis{suffix}"] = ticks | {
            "autorange": "reversed", "anchor": f"x{suffix}", "scaleanchor": f"x{suffix}",
            "title": {"text": words[1]},
        }  # fmt: skip
        layout["annotations"].append(_title(panel.title, start + width / 2, 16))
    return {"data": data, "layout": layout}


def draw_charts(charts: Sequence[Chart], theme: Theme) -> Live:
    """Return charts side by side, one with a legend; a logarithmic step axis shows step + 1."""
    data: list[Live] = []
    layout: Live = {"hovermode": "x", "shapes": [], "annotations": []}
    alone, count = len(charts) == 1, len(charts)
    for place, chart in enumerate(charts):
        suffix = str(place + 1) if place else ""
        domain = [0.0, 1.0] if alone else [place / count + 0.025, (place + 1) / count - 0.012]
        where = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        data += [_bar_trace(bars) | where for bars in chart.bars]
        for line in chart.lines:
            own = where | ({"yaxis": f"y{suffix or 1}01"} if line.right else {})
            data += [trace | own for trace in _line_traces(line, chart.log_x)]
        data += [trace | where for trace in _level_traces(chart)]
        layout |= _chart_axes(chart, suffix, domain, theme)
        layout["shapes"] += [
            {"type": "line", "xref": f"x{suffix}", "yref": f"y{suffix} domain", "y0": 0, "y1": 1,
             "x0": level.value + chart.log_x, "x1": level.value + chart.log_x,
             "line": {"color": level.color, "width": 1, "dash": "dot"}}
            for level in chart.levels if level.upright
        ]  # fmt: skip
        if chart.title:
            layout["annotations"].append(_title(chart.title, domain[0], 13) | {"xanchor": "left"})
    if len(data) > MOST_IN_A_ROW:
        layout["legend"] = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}
    return {"data": data, "layout": layout}


def _line_traces(line: Line, log: bool) -> list[Live]:
    label, x = text(line.label), line.x + 1 if log else line.x
    few = line.markers or len(x) < 3
    traces: list[Live] = [{
        "type": "scatter", "x": x, "y": line.y, "name": label,
        "mode": "markers" if line.dash == "none" else "lines+markers" if few else "lines",
        "line": {"color": line.color, "width": line.width,
                 "dash": "solid" if line.dash == "none" else line.dash},
        "marker": {"size": 7, "color": line.color}, "showlegend": bool(label),
        "hovertemplate": f"{label}: %{{y:.4g}}<extra></extra>",
    }]  # fmt: skip
    if line.band is not None:
        low, high = line.band
        traces.insert(0, {
            "type": "scatter", "x": np.concatenate([x, x[::-1]]), "fill": "toself",
            "y": np.concatenate([high, low[::-1]]), "fillcolor": line.color, "opacity": 0.18,
            "mode": "lines", "line": {"width": 0, "color": line.color}, "hoverinfo": "skip",
            "showlegend": False,
        })  # fmt: skip
    return traces


def _bar_trace(bars: Bars) -> Live:
    return {
        "type": "bar", "x": bars.x, "y": bars.y, "width": bars.width, "name": text(bars.label),
        "marker": {"color": bars.color}, "customdata": list(map(text, bars.notes)),
        "hovertemplate": "%{customdata}<extra></extra>" if bars.notes else None,
    }  # fmt: skip


def _level_traces(chart: Chart) -> list[Live]:
    """Return lines across the chart, as long as its lines and bars."""
    ends = [line.x for line in chart.lines if len(line.x)]
    ends += [np.array([b.x[0] - b.width[0] / 2, b.x[-1] + b.width[-1] / 2]) for b in chart.bars]
    first = min((float(x.min()) for x in ends), default=0.0) + chart.log_x
    last = max((float(x.max()) for x in ends), default=1.0) + chart.log_x
    return [
        {"type": "scatter", "x": [first, last], "y": [level.value] * 2, "name": text(level.label),
         "mode": "lines", "line": {"color": level.color, "dash": "dot", "width": 1.5},
         "hoverinfo": "skip", "showlegend": bool(level.label)}
        for level in chart.levels if not level.upright
    ]  # fmt: skip


def _chart_axes(chart: Chart, suffix: str, domain: list[float], theme: Theme) -> Live:
    names = ("gridcolor", "linecolor", "zerolinecolor") if theme.faint else ()
    axis: Live = dict.fromkeys(names, theme.faint)
    x = axis | {"domain": domain, "anchor": f"y{suffix}", "showgrid": not chart.columns,
                "title": {"text": text(chart.x_title) + " + 1" * chart.log_x}}  # fmt: skip
    # Rates as they are: 0.0004, not 400µ.
    y = axis | {"anchor": f"x{suffix}", "title": {"text": text(chart.y_title)},
                "exponentformat": "power", "minexponent": 5}  # fmt: skip
    if chart.log_x:
        x |= {"type": "log", "dtick": "D2" if domain == [0.0, 1.0] else 1}
    if chart.x_range:
        reach = np.asarray(chart.x_range)
        x["range"] = (np.log10(reach + 1) if chart.log_x else reach).tolist()
    if chart.columns:
        names = [text(shorten(name)) for name in chart.columns]
        x |= {"tickmode": "array", "tickvals": chart.places, "ticktext": names}
    y |= {"type": "log"} if chart.log_y else {"rangemode": "tozero"}
    if chart.y_range:
        y["range"] = list(chart.y_range)
    found = {f"xaxis{suffix}": x, f"yaxis{suffix}": y}
    if chart.right_title:
        found[f"yaxis{suffix or 1}01"] = {
            "overlaying": f"y{suffix}", "side": "right", "showgrid": False, "tickmode": "auto",
            "title": {"text": text(chart.right_title)}, "range": list(chart.right_range or (0, 1)),
        }  # fmt: skip
    return found


def _title(title: str, x: float, size: int) -> Live:
    return {
        "text": text(title), "x": x, "y": 1, "xref": "paper", "yref": "paper", "showarrow": False,
        "yanchor": "bottom", "font": {"size": size},
    }  # fmt: skip


def text(words: str) -> str:
    """Return `words` as plotly shows them literally: it reads a little HTML."""
    return escape(words, quote=False)
