"""A chart of lines, described once: drawn for paper by matplotlib, for a page by plotly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geometric_memory.figures.style import GREY, for_matplotlib, for_plotly, quiet

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_IN_A_ROW = 8
"""Names of lines that stand above a chart; more stand beside it."""
DASHES = {"solid": "-", "dot": ":", "dash": "--"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """Values over a common horizontal axis; NaN breaks the line."""

    label: str
    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]
    color: str
    dash: str = "solid"
    width: float = 2.0
    markers: bool = False
    band: tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]] | None = None
    """Lower and upper ends of an interval around the line."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A horizontal line to read the others against: a floor, chance."""

    label: str
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """Lines, levels and axes."""

    lines: Sequence[Line]
    levels: Sequence[Level] = ()
    x_title: str = "step"
    y_title: str = ""
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False


def still_chart(chart: Chart, *, size: tuple[float, float] = (7.0, 3.4)) -> Figure:
    """Return the chart for paper."""
    figure = Figure(figsize=size)
    figure.subplots_adjust(left=0.1, right=0.98, top=0.96, bottom=0.16)
    draw_chart(figure.add_subplot(), chart)
    return figure


def draw_chart(axes: Axes, chart: Chart, *, legend: bool = True) -> None:
    """Draw the chart into matplotlib axes."""
    for line in chart.lines:
        axes.plot(
            line.x, line.y, color=line.color, linestyle=DASHES[line.dash],
            label=for_matplotlib(line.label), linewidth=0.8 * line.width,
            marker="o" if line.markers else None, markersize=4,
        )  # fmt: skip
        if line.band is not None:
            axes.fill_between(line.x, *line.band, color=line.color, alpha=0.18, linewidth=0)
    for level in chart.levels:
        axes.axhline(level.value, color=GREY, linestyle=":", linewidth=1.2, label=level.label)
    if chart.log_x:
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xlim(0, max((float(line.x[-1]) for line in chart.lines), default=1.0))
    if chart.log_y:
        axes.set_yscale("log")
    if chart.y_range:
        axes.set_ylim(*chart.y_range)
    axes.set(xlabel=chart.x_title, ylabel=chart.y_title)
    if legend and len(chart.lines) + len(chart.levels) > 1:
        axes.legend(frameon=False, fontsize=8)
    quiet(axes)


def live_chart(chart: Chart) -> "go.Figure":
    """Return the chart for a page; a logarithmic step axis shows step + 1."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for line in chart.lines:
        label = for_plotly(line.label)
        x = line.x + 1 if chart.log_x else line.x
        if line.band is not None:
            figure.add_trace(_band(line, x))
        figure.add_trace(
            go.Scatter(
                x=x.astype(np.float32), y=line.y.astype(np.float32), name=label,
                mode="lines+markers" if line.markers or len(x) < 3 else "lines",
                line={"color": line.color, "dash": line.dash, "width": line.width},
                marker={"size": 7, "color": line.color},
                hovertemplate=f"{label}: %{{y:.4g}}<extra></extra>",
            )
        )  # fmt: skip
    ends = np.concatenate([line.x for line in chart.lines]) if chart.lines else np.zeros(1)
    span = [float(ends.min()) + chart.log_x, float(ends.max()) + chart.log_x]
    for level in chart.levels:
        figure.add_trace(
            go.Scatter(
                x=span, y=[level.value] * 2, name=level.label, mode="lines", hoverinfo="skip",
                line={"color": GREY, "dash": "dot", "width": 1.5},
            )
        )  # fmt: skip
    x_axis = {"title": {"text": chart.x_title + (" + 1" if chart.log_x else "")}}
    y_axis = {"title": {"text": chart.y_title}, "rangemode": "tozero"}
    if chart.log_x:
        x_axis |= {"type": "log", "dtick": "D2"}
    if chart.log_y:
        y_axis = {"title": {"text": chart.y_title}, "type": "log"}
    if chart.y_range:
        y_axis |= {"range": list(chart.y_range)}
    figure.update_layout(xaxis=x_axis, yaxis=y_axis, hovermode="x")
    if len(chart.lines) > MOST_IN_A_ROW:
        beside = {"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}
        figure.update_layout(legend=beside)
    return figure


def _band(line: Line, x: Float[np.ndarray, " points"]) -> "go.Scatter":
    import plotly.graph_objects as go

    low, high = line.band or (line.y, line.y)
    return go.Scatter(
        x=np.concatenate([x, x[::-1]]), y=np.concatenate([high, low[::-1]]), fill="toself",
        line={"width": 0, "color": line.color}, opacity=0.18, fillcolor=line.color, mode="lines",
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
