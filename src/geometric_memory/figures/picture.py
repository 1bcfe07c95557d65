"""Pictures as data: charts, matrices and graphs, described once.

`still` draws them for paper with matplotlib, `live` for a page with plotly, `viewer` graphs on a
page; what they were drawn from is written beside every file.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.colors import GREY, PALETTE
from geometric_memory.files.whole import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Ends = tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]
"""Lower and upper ends of intervals."""
MOST_LABELS = 60
"""Nodes up to which every node carries its name."""
MOST_NAMES = 40
"""Rows of a matrix up to which every row carries its name."""
LONGEST_NAME = 16
"""Letters of a name that are shown."""
DPI = 200


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """Points over the axis of a chart, joined or not; NaN breaks the line."""

    x: Float[np.ndarray, " points"] | Int[np.ndarray, " points"]
    y: Float[np.ndarray, " points"] | Int[np.ndarray, " points"]
    label: str = ""
    color: str = PALETTE[0]
    dash: str = "solid"
    """solid, dash or dot; none shows the points alone."""
    width: float = 2.0
    markers: bool = False
    alpha: float = 1.0
    band: Ends | None = None
    """An interval along the line, drawn as a band."""
    ends: Ends | None = None
    """An interval at every point, drawn as a bar through it."""
    notes: Sequence[str] = ()
    """What stands beside the points."""
    right: bool = False
    """Whether it is read on the right axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Upright bars, centred at `x`."""

    x: Float[np.ndarray, " bars"]
    y: Float[np.ndarray, " bars"]
    width: Float[np.ndarray, " bars"]
    label: str = ""
    color: str = PALETTE[0]
    ends: Ends | None = None
    notes: Sequence[str] = ()
    """What a page shows when a bar is pointed at."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """A line to read the others against: a floor, chance; upright a step."""

    value: float | int
    label: str = ""
    upright: bool = False
    color: str = GREY


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What the colours of the lines mean, where they are of one scale."""

    label: str
    range: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Chart:
    """Lines, bars and levels over axes."""

    lines: Sequence[Line] = ()
    bars: Sequence[Bars] = ()
    levels: Sequence[Level] = ()
    title: str = ""
    x_title: str = "step"
    y_title: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    log_x: bool = False
    log_y: bool = False
    right_title: str = ""
    right_range: tuple[float, float] | None = None
    rows: Sequence[str] = ()
    """Names of the places 0, 1, ... down the upright axis; then intervals lie level."""
    columns: Sequence[str] = ()
    """Names of places along the level axis, at the bars, or at 0, 1, ..."""
    scale: Scale | None = None

    @property
    def places(self) -> Float[np.ndarray, " columns"]:
        """Where the named columns stand."""
        if self.bars and len(self.bars[0].x) == len(self.columns):
            return np.mean([bars.x for bars in self.bars], axis=0)
        return np.arange(float(len(self.columns)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Matrix:
    """A square table of numbers as colours."""

    values: Float[np.ndarray, "rows columns"]
    names: Sequence[str]
    """Of rows and of columns."""
    title: str
    range: tuple[float, float]
    rows: str = "node"
    """What a row is, and below what a column is."""
    columns: str = "node"
    reversed: bool = False
    """Whether low values are bright."""
    scale: bool = True
    """Whether a bar tells what the colours mean."""
    diagonal: bool = True
    """Whether the diagonal is shown, which is 1 for everyone in a matrix of similarities."""

    @property
    def shown(self) -> Float[np.ndarray, "rows columns"]:
        """The values as they are drawn; NaN is blank."""
        found = self.values.astype(np.float32)
        if not self.diagonal:
            np.fill_diagonal(found, np.nan)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Space:
    """A graph in the plane or in space: nodes with names, edges as lines, the root marked."""

    coordinates: Float[np.ndarray, "nodes axes"]
    edges: Int[np.ndarray, "edges 2"]
    """Each undirected edge once, without loops."""
    names: Sequence[str]
    colors: Sequence[str]
    root: int | None = None
    notes: Sequence[str] = ()
    """More about each node, shown beside its name when it is pointed at."""
    title: str = ""
    view: tuple[float, ...] = (20.0, -60.0, 0.0)
    """Where it is seen from in space: elevation, azimuth, roll in degrees."""
    legend: Sequence[tuple[Sequence[str], str]] = ()
    """Colours, and what they mean."""
    lit: int | None = None
    """Entry of the legend whose nodes stand out at first, on a page."""
    labels: int = MOST_LABELS
    """Nodes up to which every node carries its name."""

    @property
    def flat(self) -> bool:
        """Whether it lies in the plane."""
        return self.coordinates.shape[1] == 2

    @property
    def named(self) -> bool:
        """Whether every node carries its name."""
        return len(self.names) <= self.labels


@dataclass(frozen=True, kw_only=True)
class Words:
    """Numbers by what they are."""

    title: str
    numbers: Mapping[str, str]


Panel = Chart | Matrix | Space | Words


@dataclass(frozen=True, kw_only=True, eq=False)
class Movie:
    """Values of the first panel at every step of a slider, the last shown first."""

    steps: Int[np.ndarray, " frames"]
    values: Float[np.ndarray, "frames _ _"]
    """Within [-1, 1]: coordinates [frames, nodes, 3] of a Space, or [frames, rows, rows]."""
    captions: Sequence[str]
    """What to say at every step."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """Panels beside each other, and what they show in words."""

    panels: Sequence[Panel]
    label: str
    """What it shows, for those who cannot see it."""
    name: str = ""
    caption: str = ""
    title: str = ""
    height: int = 380
    """Of the live picture, in pixels."""
    wide: bool = True
    """Whether it takes the whole width of a page, not half."""
    movie: Movie | None = None
    cursor: bool = False
    """Whether a chart marks the step at which the movies of its page stand."""
    size: tuple[float, float] | None = None
    """Of the still one, in inches."""
    columns: int = 0
    """Panels in a row; 0 is all of them."""
    widths: Sequence[float] = ()
    heights: Sequence[float] = ()
    """Shares of columns and of rows."""
    numbers: Mapping[str, Any] | None = None
    """What is written beside a file, where that is not the panels as they are."""

    @cached_property
    def figure(self) -> "Figure":
        """The picture on paper, a figure of matplotlib."""
        from geometric_memory.figures.still import draw

        return draw(self)

    def live(self) -> dict[str, Any]:
        """Return the picture for a page: data and layout as plotly reads them."""
        from geometric_memory.figures.live import draw

        return draw(self.panels)

    def drawn(self, suffix: str = ".png", dpi: int = DPI) -> bytes:
        """Return the content of a file; equal pictures give equal bytes."""
        from geometric_memory.figures.still import drawn

        return drawn(self.figure, suffix.lstrip("."), dpi)

    def save(self, path: str | Path, *suffixes: str) -> Path:
        """Write the picture, 200 dpi, and the numbers it was drawn from beside it as JSON.

        The suffix says the format, .png, .svg or .pdf; `suffixes` are further ones.

        Raises:
            DiskError: if a file cannot be written.
        """
        path = Path(path)
        contents = {suffix: self.drawn(suffix) for suffix in (path.suffix or ".png", *suffixes)}
        for suffix, content in {**contents, ".json": self.to_json().encode()}.items():
            # Names of files hold points of their own, as in lr_0.01.
            write_whole(path.with_name(path.name.removesuffix(path.suffix) + suffix), content)
        return path

    def to_json(self) -> str:
        """Return the numbers that the picture is drawn from."""
        content = {"panels": list(self.panels)} if self.numbers is None else dict(self.numbers)
        return json.dumps(plain(content), allow_nan=False) + "\n"

    def _repr_png_(self) -> bytes:
        return self.drawn(dpi=DPI // 2)

    def _repr_html_(self) -> str | None:
        """Return a graph as its viewer, in a frame; None leaves other pictures to the still."""
        if len(self.panels) > 1 or not isinstance(self.panels[0], Space):
            return None
        from geometric_memory.figures.page import frame

        return frame(self)

    def __repr__(self) -> str:
        return f"<Picture: {self.label}>"


def thin(count: int, most: int) -> Int[np.ndarray, " kept"]:
    """Return at most about `most` of `count` places: all early ones, then by factors and evenly."""
    if count <= most:
        return np.arange(count)
    factors = np.geomspace(1, count, most // 2).round().astype(int) - 1
    evenly = np.linspace(0, count - 1, most // 2).round().astype(int)
    return np.union1d(factors, evenly)


def shorten(name: str) -> str:
    """Return a name that fits beside a row or a node."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def plain(value: Any) -> Any:
    """Return arrays as lists of few digits, None for what is not finite; records by field."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if np.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if not isinstance(value, np.ndarray | np.generic):
        return value
    if value.dtype.kind != "f":
        return value.tolist()
    rounded = np.round(value.astype(np.float64), 6).astype(object)
    rounded[~np.isfinite(value)] = None
    return rounded.tolist()
