"""Pictures on paper: what `picture` describes, drawn by matplotlib in one style."""

import warnings
from collections.abc import Callable
from functools import cache
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps, font_manager
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from geometric_memory.figures.colors import GREY, SCALE
from geometric_memory.figures.picture import (
    MOST_NAMES,
    Bars,
    Chart,
    Level,
    Line,
    Matrix,
    Picture,
    Space,
    Words,
    shorten,
)

DASHES = {"solid": "-", "dot": ":", "dash": "--", "none": "none"}
BLANK = "0.85"
FONT = "DejaVu Sans"
PANE = (0.9, 0.9, 0.9, 0.65)
STYLE: Any = {
    "font.size": 9, "axes.titlesize": 10, "axes.labelsize": 9, "legend.fontsize": 8,
    "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.alpha": 0.25, "grid.linewidth": 0.5, "svg.hashsalt": "figure",
}  # fmt: skip
SIZES = {Chart: (7.0, 3.4), Matrix: (5.6, 4.8), Space: (5.4, 5.0), Words: (3.0, 4.0)}
"""Inches of a panel."""
METADATA = {
    "png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}
}  # fmt: skip
"""Without what differs between two drawings of one picture."""


def draw(picture: Picture) -> Figure:
    """Return the picture as a figure of matplotlib."""
    panels, columns = picture.panels, picture.columns or len(picture.panels)
    rows = -(-len(panels) // columns)
    width, height = SIZES[type(panels[0])]
    texts = {letter for panel in panels for text in _texts(panel) for letter in text}
    with mpl.rc_context(STYLE | {"font.family": fonts_of(frozenset(texts))}):
        size = picture.size or (min(width * columns, 16), height * rows)
        figure = Figure(figsize=size, layout=None if _is_simple(picture) else "constrained")
        if _is_simple(picture):  # whose margins are known, which saves finding them
            figure.subplots_adjust(left=0.1, right=0.98, top=0.96, bottom=0.16)
        grid: Any = figure.add_gridspec(
            rows, columns, width_ratios=picture.widths or None,
            height_ratios=picture.heights or None,
        )  # fmt: skip
        solid = [isinstance(panel, Space) and not panel.flat for panel in panels]
        every: list[Any] = [
            figure.add_subplot(place, projection="3d" if deep else None)
            for place, deep in zip(grid, solid, strict=False)
        ]
        for panel, axes in zip(panels, every, strict=True):
            axes.set_title(literal(panel.title))
            DRAWERS[type(panel)](axes, panel)
        if picture.title:
            figure.suptitle(literal(picture.title))
    return figure


def _is_simple(picture: Picture) -> bool:
    """Whether the picture is a chart with nothing around it but the titles of its axes."""
    first, *more = picture.panels
    around = (first.title, first.rows, first.columns, first.right_title, first.scale) if isinstance(
        first, Chart) else (first,)  # fmt: skip
    return not more and not picture.title and not any(around)


def drawn(figure: Figure, kind: str, dpi: int) -> bytes:
    """Return the figure as a file; equal figures give equal bytes."""
    buffer = BytesIO()
    with warnings.catch_warnings(), mpl.rc_context(STYLE):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # `fonts_of` has warned
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=METADATA.get(kind))
    return buffer.getvalue()


def draw_chart(axes: Axes, chart: Chart) -> None:
    """Draw lines, bars and levels into flat axes."""
    right = axes.twinx() if chart.right_title else axes
    for bars in chart.bars:
        _draw_bars(axes, bars)
    for line in chart.lines:
        _draw_line(right if line.right else axes, line, level=bool(chart.rows))
    for level in chart.levels:
        _draw_level(axes, level)
    _scale_axes(axes, chart)
    if right is not axes:
        right.set(ylabel=literal(chart.right_title), ylim=chart.right_range)
        right.grid(visible=False)
    handles = [both for each in {axes: 0, right: 0} for both in each.get_legend_handles_labels()[0]]
    if len(handles) > 1:
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": len(handles)}
        axes.legend(handles=handles, **(below if right is not axes else {}))
    if chart.scale is not None:
        colors = [tuple(value / 255 for value in color) for color in SCALE]
        scale = LinearSegmentedColormap.from_list("scale", colors)
        paint = ScalarMappable(Normalize(*chart.scale.range), scale)
        axes.figure.colorbar(paint, ax=axes).set_label(chart.scale.label)


def _draw_line(axes: Axes, line: Line, *, level: bool) -> None:
    """Draw a line with its interval; those at its points lie level or stand upright."""
    style: Any = {"color": line.color, "alpha": line.alpha, "linewidth": 0.8 * line.width}
    label = literal(line.label) or None
    marks: Any = {"marker": "o" if line.markers else None, "markersize": 2.2 * line.width}
    if line.ends is None:
        axes.plot(line.x, line.y, linestyle=DASHES[line.dash], label=label, **marks, **style)
    else:
        reach = np.abs(np.stack(line.ends) - (line.x if level else line.y))
        axes.errorbar(
            line.x, line.y, linestyle=DASHES[line.dash], label=label, capsize=0 if level else 3,
            **{"xerr" if level else "yerr": reach}, **marks, **style,
        )  # fmt: skip
    if line.band is not None:
        axes.fill_between(line.x, *line.band, color=line.color, alpha=0.18, linewidth=0)
    for x, y, note in zip(line.x, line.y, line.notes, strict=False):
        axes.annotate(
            literal(note), (x, y), xytext=(4, -9), textcoords="offset points",
            fontsize="x-small", color=line.color,
        )  # fmt: skip


def _draw_level(axes: Axes, level: Level) -> None:
    style: Any = {"color": level.color, "linestyle": ":", "linewidth": 1.2}
    if not level.upright:
        axes.axhline(level.value, label=literal(level.label) or None, **style)
        return
    axes.axvline(level.value, **style)
    place: Any = {"xycoords": ("data", "axes fraction"), "color": level.color}
    axes.annotate(literal(f" {level.label}"), (level.value, 0.03), **place)


def _draw_bars(axes: Axes, bars: Bars) -> None:
    axes.bar(bars.x, bars.y, bars.width, color=bars.color, label=literal(bars.label) or None)
    if bars.ends is not None:
        reach = np.abs(np.stack(bars.ends) - bars.y)
        axes.errorbar(bars.x, bars.y, yerr=reach, fmt="none", color="black", linewidth=1.2)


def _scale_axes(axes: Axes, chart: Chart) -> None:
    axes.set(xlabel=literal(chart.x_title), ylabel=literal(chart.y_title))
    ends = [line.x for line in chart.lines if len(line.x)]
    if chart.log_x and ends:
        first, last = min(x.min() for x in ends), max(x.max() for x in ends)
        axes.set_xscale(
            "symlog" if first <= 0 else "log", **({"linthresh": 10} if first <= 0 else {})
        )
        axes.set_xlim(0 if first <= 0 else None, last if first <= 0 else None)
    if chart.log_y:
        axes.set_yscale("symlog", linthresh=4)
        axes.set_ylim(bottom=0)
    if chart.x_range:
        axes.set_xlim(*chart.x_range)
    if chart.y_range:
        axes.set_ylim(*chart.y_range)
    if chart.rows:
        axes.set_yticks(range(len(chart.rows)), list(map(literal, chart.rows)))
        axes.set_ylim(max(len(chart.rows), 1) - 0.5, -0.5)
    if chart.columns:
        axes.set_xticks(chart.places, list(map(literal, chart.columns)))


def draw_matrix(axes: Axes, matrix: Matrix) -> None:
    """Draw a square table; few rows carry their names."""
    colors = colormaps["plasma_r" if matrix.reversed else "plasma"].with_extremes(bad=BLANK)
    low, high = matrix.range
    image = axes.imshow(matrix.shown, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
    if matrix.scale:
        axes.figure.colorbar(image, ax=axes, shrink=0.8)
    if len(matrix.names) <= MOST_NAMES:
        names = [literal(shorten(name)) for name in matrix.names]
        axes.set_xticks(np.arange(len(names)), names, fontsize=7, rotation=90)
        axes.set_yticks(np.arange(len(names)), names, fontsize=7)
    axes.set(xlabel=matrix.columns, ylabel=matrix.rows)
    axes.tick_params(length=0)
    axes.grid(visible=False)


def draw_space(axes: Any, space: Space) -> None:
    """Draw a graph: lines behind, then nodes, then names; all axes have one scale."""
    segments = space.coordinates[space.edges]
    sizes = np.full(len(space.names), 45.0 if space.flat else 120.0)
    sizes[[] if space.root is None else [space.root]] *= 1.8
    marks = {"c": list(space.colors), "edgecolors": "white", "linewidths": 0.7, "zorder": 2}
    if space.flat:
        axes.add_collection(LineCollection(list(segments), colors="0.6", linewidths=1.0, zorder=1))
        axes.scatter(*space.coordinates.T, s=sizes, **marks)
        axes.set_aspect("equal")
        axes.set_axis_off()
    else:
        from mpl_toolkits.mplot3d.art3d import Line3DCollection

        axes.add_collection3d(
            Line3DCollection(list(segments), colors="0.45", linewidths=1.4, zorder=1)
        )
        axes.scatter(*space.coordinates.T, s=sizes, depthshade=False, **marks)
        _frame(axes, space)
    if space.named:
        beside = {"ha": "center", "fontsize": 7, "zorder": 10}
        within = beside | {"va": "center", "color": "white", "fontweight": "bold", "fontsize": 6}
        for name, point in zip(space.names, space.coordinates, strict=True):
            text = literal(shorten(name))
            if space.flat:
                above = {"xytext": (0, 5), "textcoords": "offset points"}
                axes.annotate(text, point, **above, **beside)
            else:
                axes.text(*point, text, **(within if len(name) < 4 else beside))


def _frame(axes: Any, space: Space) -> None:
    """Quiet axes of one scale around the points: what looks near is near."""
    low, high = space.coordinates.min(axis=0), space.coordinates.max(axis=0)
    reach = max(0.54 * float((high - low).max()), 1e-9)
    for axis, middle in zip((axes.xaxis, axes.yaxis, axes.zaxis), (low + high) / 2, strict=True):
        axis.set_pane_color(PANE)
        axis.line.set_color((1, 1, 1, 0))
        axis.set_ticklabels([])
        axis.set_tick_params(color=(1, 1, 1, 0))
        axis.set_view_interval(middle - reach, middle + reach, ignore=True)
    axes.set_box_aspect((1, 1, 1), zoom=1.1)
    elevation, azimuth, roll = (*space.view, 0.0)[:3]
    axes.view_init(elev=elevation, azim=azimuth, roll=roll)


def draw_words(axes: Axes, words: Words) -> None:
    """Write numbers below what they are."""
    axes.set_axis_off()
    axes.set_title("")
    axes.text(0, 1.0, literal(words.title), fontsize=10, fontweight="bold", va="top")
    for row, (label, value) in enumerate(words.numbers.items()):
        height = 0.88 - 0.105 * row
        axes.text(0, height, literal(label), fontsize=7.5, color=GREY, va="top")
        axes.text(0, height - 0.04, literal(value), fontsize=9.5, va="top")


def literal(text: str) -> str:
    """Return `text` as matplotlib shows it literally: it reads a formula between dollars."""
    return text.replace("$", r"\$")


DRAWERS: dict[type, Callable[[Any, Any], None]] = {
    Chart: draw_chart, Matrix: draw_matrix, Space: draw_space, Words: draw_words
}  # fmt: skip


@cache
def fonts_of(letters: frozenset[str]) -> list[str]:
    """Return fonts that have `letters` between them; warns once of letters that none here has."""
    wanted = {ord(letter) for letter in letters if letter.isprintable()}
    fonts = [FONT]
    missing = wanted - set(FT2Font(font_manager.findfont(FONT)).get_charmap())
    for entry in font_manager.fontManager.ttflist if missing else ():
        found = missing & set(FT2Font(entry.fname).get_charmap())
        if found and not entry.name.startswith("Last Resort"):
            fonts.append(entry.name)
            missing -= found
    if missing:
        _warn_of(", ".join(sorted(map(chr, missing))[:8]))
    return fonts


@cache
def _warn_of(signs: str) -> None:
    warnings.warn(f"no font here has {signs}: figures show boxes in their place", stacklevel=5)


def _texts(panel: Chart | Matrix | Space | Words) -> list[str]:
    """Return the texts of a panel that others have written."""
    if isinstance(panel, Chart):
        return [*panel.rows, *panel.columns, *(line.label for line in panel.lines), panel.title]
    if isinstance(panel, Words):
        return [panel.title, *panel.numbers, *panel.numbers.values()]
    return [*panel.names, panel.title]
