"""The curves of the page in the colours of its theme, for plotly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geometric_memory.analysis.measures import list_further
from geometric_memory.explore.record import Record
from geometric_memory.figures import live
from geometric_memory.figures.picture import Chart, Level, Line, thin

Figure = dict[str, Any]
FONT = "system-ui, Segoe UI, Roboto, Helvetica Neue, sans-serif"
POINTS = 400
"""Points of a curve on the page."""
SCORED = ("geometry score", "rho")
"""The order of far nodes, and the rank correlation of distance with hops from three on."""
PERCENT, COSINE = (-4.0, 104.0), (-1.05, 1.05)
PANELS: Sequence[tuple[str, tuple[str, ...], tuple[float, float] | None]] = (
    ("memorization (%)", ("memorization",), PERCENT),
    ("held-out paths (%)", ("held-out paths",), PERCENT),
    ("cosine (non-edges dotted)", ("geometric level", "non-edges"), COSINE),
    ("geometry score (rho dotted)", SCORED, COSINE),
    ("loss (floor dotted)", ("loss",), None),
)
"""Title, curves (the first is drawn as a line, the second dotted) and range of each chart."""


@dataclass(frozen=True)
class Theme:
    """Colours that the page does not set by its style sheet."""

    faint: str
    ink: str
    shown: str
    pinned: str


THEMES: Mapping[str, Theme] = {
    "light": Theme("#dde2e9", "#1c2430", "#0072B2", "#D55E00"),
    "dark": Theme("#343d4a", "#e8ecf2", "#56B4E9", "#E69F00"),
}


def curve_view(records: Sequence[Record], theme: Theme) -> Figure:
    """Return the curves of the record on show and, dashed, of the pinned one."""
    there = {name for record in records for name in record.curves}
    further = [(each.label, (each.label,), None) for each in list_further()]
    last = max(max(record.wanted_steps, record.last_step, 1) for record in records)
    pens = [(theme.shown, "solid"), (theme.pinned, "dash")]
    charts = [
        Chart(
            lines=[
                _line(record, name, color, style)
                for record, (color, dash) in zip(records, pens, strict=False)
                for name, style in zip(names, (dash, "dot"), strict=False)
                if name in record.curves
            ],
            levels=[
                Level(value=record.floor, color=color)
                for record, (color, _) in zip(records, pens, strict=False)
                if names == ("loss",) and record.floor is not None
            ],
            title=title, y_range=limits, log_x=True, x_range=(0.0, 1.08 * last),
        )
        for title, names, limits in (*PANELS, *further) if there & set(names)
    ]  # fmt: skip
    found = _dress(live.draw(charts, theme.faint), theme)
    found["layout"]["margin"] = {"l": 8, "r": 8, "t": 34, "b": 38}
    return found


def _line(record: Record, name: str, color: str, dash: str) -> Line:
    curve = record.curves[name]
    kept = thin(len(curve.steps), POINTS)
    return Line(
        x=curve.steps[kept],
        y=curve.values[kept],
        label=f"{name}, {record.title}",
        color=color,
        dash=dash,
        width=2.5,
    )


def _dress(figure: Figure, theme: Theme) -> Figure:
    """Return a figure as it is sent, with what every one of the page has."""
    clear = "rgba(0,0,0,0)"
    page = {
        "paper_bgcolor": clear, "plot_bgcolor": clear, "showlegend": False, "uirevision": "same",
        "font": {"color": theme.ink, "family": FONT, "size": 11},
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0}, "hoverlabel": {"font": {"family": FONT}},
    }  # fmt: skip
    return _send({"data": figure["data"], "layout": figure["layout"] | page})


def _send(value: Any) -> Any:
    """Return arrays as lists of few digits, None where a line breaks."""
    if isinstance(value, dict):
        return {name: _send(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_send(inner) for inner in value]
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind != "f":
        return value.tolist()
    return [round(x, 5) if np.isfinite(x) else None for x in value.tolist()]
