"""Charts as text, for a terminal: a letter for every line, points for its band."""

from string import ascii_letters

import numpy as np

from geometric_memory.analysis.estimate import number
from geometric_memory.figures.picture import Chart, Line


def draw(chart: Chart, width: int = 78, height: int = 16) -> str:
    """Return the lines of a chart in `width` columns, with what they mean below."""
    lines = [line for line in chart.lines if np.isfinite(line.y).any()]
    drawn = [_finite(line) for line in lines]
    if not drawn:
        return f"{chart.y_title}: nothing to draw\n"
    xs = np.concatenate([x for x, _ in drawn])
    values = np.concatenate([rows[0] for _, rows in drawn])
    low, high = chart.y_range or (float(values.min()), float(values.max()))
    ends = [number(high), number(low)]
    margin = max(map(len, ends)) + 1
    begin, end = _scaled(xs.min(), chart), _scaled(xs.max(), chart)
    columns = np.linspace(begin, end, width - margin - 1)
    grid = np.full((height, len(columns)), " ")
    for letter, (x, rows) in zip(ascii_letters * len(drawn), drawn, strict=False):
        within = (columns >= _scaled(x[0], chart)) & (columns <= _scaled(x[-1], chart))
        along = [np.interp(columns[within], _scaled(x, chart), row) for row in rows]
        share = [(high - row) / max(high - low, 1e-12) for row in along]
        places = [np.rint(part.clip(0, 1) * (height - 1)).astype(int) for part in share]
        for column, middle, lower, upper in zip(np.flatnonzero(within), *places, strict=True):
            band = grid[upper : lower + 1, column]
            band[band == " "] = "."
            grid[middle, column] = letter
    sides = [ends[0], *[""] * (height - 2), ends[1]]
    body = [f"{side:>{margin}}|{''.join(row)}" for side, row in zip(sides, grid, strict=True)]
    first, last = number(float(xs.min())), f"{chart.x_title} {number(float(xs.max()))}"
    foot = f"{'':{margin + 1}}{first}{last:>{len(columns) - len(first)}}"
    key = [f"{letter}  {line.label}: {number(float(rows[0][-1]))} at the end"
           for letter, line, (_, rows) in zip(ascii_letters * len(drawn), lines, drawn,
                                              strict=False)]  # fmt: skip
    return "\n".join(line.rstrip() for line in [chart.y_title, *body, foot, *key]) + "\n"


def _finite(line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of a line and, row by row, its values and the ends of its band."""
    rows = np.stack([line.y, *(line.band or (line.y, line.y))]).astype(float)
    kept = np.isfinite(line.y)
    return line.x[kept].astype(float), np.where(np.isnan(rows), line.y, rows)[:, kept]


def _scaled(x: np.ndarray | float, chart: Chart) -> np.ndarray:
    return np.asarray(np.log1p(x) if chart.log_x else x)
