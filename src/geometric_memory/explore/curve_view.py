"""Curves over steps as one plotly figure, a plain dictionary: small charts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import numpy as np

from geometric_memory.explore.embedding_view import (
    Figure,
    Look,
    base_layout,
    empty_view,
    numbers,
)
from geometric_memory.explore.record import Curve, Record
from geometric_memory.figures.style import for_plotly

SCORED = ("geometry score", "rho")
"""The order of far nodes, and the rank correlation of distance with hops from three on."""
POINTS = 400
"""Points of a curve on the page."""


@dataclass(frozen=True)
class Panel:
    """One small chart."""

    title: str
    curves: tuple[str, ...]
    """The first is drawn as a line, the second dotted."""
    bounds: tuple[float, float] | None


PANELS = (
    Panel("memorization (%)", ("memorization",), (-4.0, 104.0)),
    Panel("held-out paths (%)", ("held-out paths",), (-4.0, 104.0)),
    Panel("cosine (non-edges dotted)", ("geometric level", "non-edges"), (-1.05, 1.05)),
    Panel("geometry score (rho dotted)", SCORED, (-1.05, 1.05)),
    Panel("loss (floor dotted)", ("loss",), None),
)


@dataclass(frozen=True)
class _Place:
    """Where a chart stands in the figure."""

    suffix: str
    """Of its axes, as plotly counts them."""
    domain: tuple[float, float]
    longest: int
    look: Look


def curve_view(records: Sequence[Record], step: int, look: Look) -> Figure:
    """Return the curves of the record on show and, dashed, of the pinned one."""
    panels = [panel for panel in PANELS if any(set(panel.curves) & set(r.curves) for r in records)]
    if not panels or not any(len(record.steps) for record in records):
        return empty_view("", look)
    data: list[Figure] = []
    layout = base_layout(look) | {"shapes": [], "annotations": []}
    longest = max(max(record.wanted_steps, record.last_step) for record in records)
    for index, panel in enumerate(panels):
        left, right = index / len(panels) + 0.025, (index + 1) / len(panels) - 0.012
        suffix = str(index + 1) if index else ""
        place = _Place(suffix, (left, right), max(longest, 1), look)
        layout |= _axes(panel, place)
        layout["annotations"].append(_title(panel, place))
        layout["shapes"] += [_cursor(step, place), *_floors(panel, records, place)]
        data += _lines(panel, records, place)
    layout["margin"] = {"l": 8, "r": 8, "t": 34, "b": 38}
    return {"data": data, "layout": layout}


def thinned(count: int) -> np.ndarray:
    """Return places of at most about POINTS of `count` points: all early ones, then by factors."""
    if count <= POINTS:
        return np.arange(count)
    spread = np.geomspace(1, count, POINTS).round().astype(int) - 1
    return np.unique(np.concatenate([spread, [count - 1]]))


def _paints(look: Look) -> tuple[str, str]:
    return look.colors.live, look.colors.pinned


def _lines(panel: Panel, records: Sequence[Record], place: _Place) -> list[Figure]:
    found = []
    pens = zip(records, _paints(place.look), ("solid", "dash"), strict=False)
    for record, paint, dash in pens:
        for name, style in zip(panel.curves, (dash, "dot"), strict=False):
            if name in record.curves:
                line = {"color": paint, "width": 2.5, "dash": style}
                label = for_plotly(f"{name}, {record.title}")
                found.append(_line(record.curves[name], label, line, place.suffix))
    return found


def _line(curve: Curve, name: str, line: Figure, suffix: str) -> Figure:
    kept = thinned(len(curve.steps))
    steps = np.asarray(curve.steps)[kept] + 1
    values = np.asarray(curve.values, dtype=np.float64)[kept]
    return {
        "type": "scatter", "x": steps.tolist(), "y": numbers(values), "mode": "lines",
        "name": name, "line": line, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}",
        "hovertemplate": "%{y:.3g} at step + 1 = %{x}<extra>" + name + "</extra>",
    }  # fmt: skip


def _axes(panel: Panel, place: _Place) -> Figure:
    faint = place.look.colors.faint
    axis = {"gridcolor": faint, "zeroline": False, "linecolor": faint, "tickfont": {"size": 11}}
    steps = axis | {
        "type": "log", "domain": list(place.domain), "anchor": f"y{place.suffix}", "dtick": 1,
        "range": [0, log10(place.longest + 1) + 0.03],
        "title": {"text": "step + 1", "font": {"size": 11}, "standoff": 4},
    }  # fmt: skip
    bounds = {"range": list(panel.bounds)} if panel.bounds else {"rangemode": "tozero"}
    return {
        f"xaxis{place.suffix}": steps,
        f"yaxis{place.suffix}": axis | bounds | {"anchor": f"x{place.suffix}"},
    }


def _title(panel: Panel, place: _Place) -> Figure:
    return {
        "text": panel.title, "showarrow": False, "xref": f"x{place.suffix} domain", "x": 0,
        "yref": f"y{place.suffix} domain", "y": 1.02, "xanchor": "left", "yanchor": "bottom",
        "font": {"size": 13, "color": place.look.colors.ink},
    }  # fmt: skip


def _cursor(step: int, place: _Place) -> Figure:
    return {
        "type": "line", "xref": f"x{place.suffix}", "yref": f"y{place.suffix} domain",
        "x0": step + 1, "x1": step + 1, "y0": 0, "y1": 1,
        "line": {"color": place.look.colors.ink, "width": 1, "dash": "dot"},
    }  # fmt: skip


def _floors(panel: Panel, records: Sequence[Record], place: _Place) -> list[Figure]:
    """Return a line at the least possible loss of each record that knows it."""
    if panel.curves != ("loss",):
        return []
    return [
        {
            "type": "line", "xref": f"x{place.suffix} domain", "yref": f"y{place.suffix}",
            "x0": 0, "x1": 1, "y0": record.floor, "y1": record.floor,
            "line": {"color": paint, "width": 1, "dash": "dot"},
        }
        for record, paint in zip(records, _paints(place.look), strict=False)
        if record.floor is not None
    ]  # fmt: skip
