"""Charts and matrices on a page, as `picture` describes them: data and layout for plotly.js.

Arrays stay arrays: who sends them writes them as short as it can.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from geometric_memory.figures.picture import (
    MOST_NAMES,
    Bars,
    Chart,
    Line,
    Matrix,
    Panel,
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


def draw(panels: Sequence[Panel], faint: str = "") -> Live:
    """Return charts or matrices side by side; `faint` is the colour of grids, if not the page's."""
    first = panels[0]
    if isinstance(first, Matrix):
        return draw_matrices([panel for panel in panels if isinstance(panel, Matrix)])
    return draw_charts([panel for panel in panels if isinstance(panel, Chart)], faint)


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


def draw_charts(charts: Sequence[Chart], faint: str) -> Live:
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
        layout |= _chart_axes(chart, suffix, domain, faint)
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


def _chart_axes(chart: Chart, suffix: str, domain: list[float], faint: str) -> Live:
    names = ("gridcolor", "linecolor", "zerolinecolor") if faint else ()
    axis: Live = dict.fromkeys(names, faint)
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
        "xanchor": "center", "yanchor": "bottom", "font": {"size": size},
    }  # fmt: skip


def text(words: str) -> str:
    """Return `words` as plotly shows them literally: it reads a little HTML."""
    return escape(words, quote=False)
