"""The embedding and the curves of the page: pictures in the colours of its theme, for plotly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from geometric_memory.analysis.measures import list_further
from geometric_memory.explore.record import Record
from geometric_memory.figures import live
from geometric_memory.figures.evolution import sizes
from geometric_memory.figures.picture import Chart, Level, Line, Space, thin

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
class Theme(live.Theme):
    """Colours that the page does not set by its style sheet."""

    ink: str = ""
    root: str = ""
    shown: str = ""
    pinned: str = ""


THEMES: Mapping[str, Theme] = {
    "light": Theme("#dde2e9", "#9aa5b4", "#1c2430", "#1c2430", "#1c2430", "#0072B2", "#D55E00"),
    "dark": Theme("#343d4a", "#6b7787", "#e8ecf2", "#e8ecf2", "#ffffff", "#56B4E9", "#E69F00"),
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


def embedding_view(record: Record, step: int, look: Look, awaited: str = "") -> Figure:
    """Return the embedding after `step` updates, scaled to one size, edges as lines."""
    if not len(record.steps):
        return empty_view(awaited, look)
    place = record.frame(step)
    points = record.coordinates[place] / sizes(record.coordinates[place : place + 1])[0]
    space = Space(
        coordinates=points[:, : 2 if look.flat else 3], edges=record.edges, names=record.names,
        colors=record.colors.painted(look.colors.root), root=record.root,
        view=(float(look.tilt), look.turn - 90.0),
    )  # fmt: skip
    found = live.draw([space], look.colors)
    if not look.flat:
        found["layout"]["scene"]["uirevision"] = f"{look.turn} {look.tilt}"
    return _dress(found, look)


def curve_view(records: Sequence[Record], step: int, look: Look) -> Figure:
    """Return the curves of the record on show and, dashed, of the pinned one."""
    there = {name for record in records for name in record.curves}
    if not there or not any(len(record.steps) for record in records):
        return empty_view("", look)
    further = [(each.label, (each.label,), None) for each in list_further()]
    last = max(max(record.wanted_steps, record.last_step, 1) for record in records)
    pens = [(look.colors.shown, "solid"), (look.colors.pinned, "dash")]
    charts = [
        Chart(
            lines=[
                _line(record, name, color, style)
                for record, (color, dash) in zip(records, pens, strict=False)
                for name, style in zip(names, (dash, "dot"), strict=False)
                if name in record.curves
            ],
            levels=[Level(value=float(step), upright=True, color=look.colors.ink)] + [
                Level(value=record.floor, color=color)
                for record, (color, _) in zip(records, pens, strict=False)
                if names == ("loss",) and record.floor is not None
            ],
            title=title, y_range=limits, log_x=True, x_range=(0.0, 1.08 * last),
        )
        for title, names, limits in (*PANELS, *further) if there & set(names)
    ]  # fmt: skip
    found = _dress(live.draw(charts, look.colors), look)
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


def empty_view(text: str, look: Look) -> Figure:
    """Return a picture of nothing, with a sentence in it."""
    note = {"text": text, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5,
            "font": {"size": 15}}  # fmt: skip
    hidden = {"visible": False, "range": [-1, 1]}
    layout = {"annotations": [note], "xaxis": hidden, "yaxis": hidden}
    return _dress({"data": [], "layout": layout}, look)


def _dress(figure: Figure, look: Look) -> Figure:
    """Return a figure as it is sent, with what every one of the page has."""
    clear = "rgba(0,0,0,0)"
    page = {
        "paper_bgcolor": clear, "plot_bgcolor": clear, "showlegend": False, "uirevision": "same",
        "font": {"color": look.colors.ink, "family": FONT, "size": 11},
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
