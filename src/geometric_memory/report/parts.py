"""The pieces of a page: parts with figures and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from geometric_memory.analysis.estimate import number as number
from geometric_memory.figures.charts import Chart, live_chart, still_chart

if TYPE_CHECKING:
    import plotly.graph_objects as go


@dataclass(frozen=True, kw_only=True, eq=False)
class Movie:
    """Values of a figure at every step of a slider, the last shown first."""

    kind: str
    """space: coordinates [frames, nodes, 3]; matrix: the first trace [frames, rows, rows]."""
    steps: Int[np.ndarray, " frames"]
    values: Float[np.ndarray, "frames _ _"]
    captions: Sequence[str]
    """What to say at every step."""
    edges: Int[np.ndarray, "edges 2"] | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A figure twice: alive for the page, still where nothing can be drawn."""

    name: str
    live: "go.Figure"
    still: Figure
    label: str
    """What it shows, in words, for those who cannot see it."""
    caption: str = ""
    height: int = 380
    needs_webgl: bool = False
    movie: Movie | None = None
    wide: bool = True
    """Whether it takes the whole width, not half."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under headings."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    folded: bool = False
    """Whether it is closed at first."""
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A section of a page."""

    name: str
    title: str
    text: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Key numbers, by what they are."""
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    notes: Sequence[str] = ()
    """What is missing and why."""


def chart_picture(name: str, chart: Chart, *, label: str, caption: str = "", **options: Any) -> Any:
    """Return a chart as a picture."""
    return Picture(
        name=name, live=live_chart(chart), still=still_chart(chart), label=label, caption=caption,
        **options,
    )  # fmt: skip


def percent(value: float | int) -> str:
    """Return a share of 100 with one digit where it matters."""
    if not np.isfinite(value):
        return "-"
    return f"{value:.0f} %" if value in (0, 100) or abs(value) >= 99.95 else f"{value:.1f} %"
