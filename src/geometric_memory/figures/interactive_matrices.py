"""Matrices and bars as plotly figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.heatmaps import LONGEST_NAME, MOST_NAMES, Matrix
from geometric_memory.figures.style import GREY, PALETTE, for_plotly

if TYPE_CHECKING:
    import plotly.graph_objects as go

FEW_NAMES = 16
"""Rows up to which names fit side by side."""


def matrices(panels: Sequence[Matrix]) -> "go.Figure":
    """Return square heatmaps side by side; trace i is panel i."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    gap = 0.16 if len(panels) > 1 else 0
    titles = [for_plotly(panel.title) for panel in panels]
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=gap, subplot_titles=titles)
    width = (1 - gap * (len(panels) - 1)) / len(panels)
    for place, panel in enumerate(panels):
        names = [for_plotly(shortened(name)) for name in panel.names]
        end = place * (width + gap) + width
        figure.add_trace(
            go.Heatmap(
                z=panel.values.astype(np.float32), zmin=panel.range[0], zmax=panel.range[1],
                colorscale="Plasma", reversescale=panel.reversed, showscale=panel.scale,
                colorbar={"x": end + 0.005, "len": 0.8, "thickness": 10, "outlinewidth": 0},
                hovertemplate=(
                    f"{panel.rows} %{{y}}, {panel.columns} %{{x}}: %{{z:.3f}}<extra></extra>"
                ),
            ),
            row=1, col=place + 1,
        )  # fmt: skip
        few = len(names) <= MOST_NAMES
        ticks = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names,
                 "showticklabels": few, "constrain": "domain", "showgrid": False,
                 "zeroline": False, "ticks": "", "tickfont": {"size": 10}}  # fmt: skip
        figure.update_xaxes(
            **ticks, tickangle=90 if len(names) > FEW_NAMES else 0, row=1, col=place + 1
        )
        anchor = "x" if place == 0 else f"x{place + 1}"
        figure.update_yaxes(**ticks, autorange="reversed", scaleanchor=anchor, row=1, col=place + 1)
        if not few:
            figure.update_xaxes(title={"text": panel.columns}, row=1, col=place + 1)
            figure.update_yaxes(title={"text": panel.rows}, row=1, col=place + 1)
    return figure


def shortened(name: str) -> str:
    """Return a name that fits beside a row."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def eigenspaces(
    eigenvalues: Float[np.ndarray, " spaces"],
    multiplicities: Int[np.ndarray, " spaces"],
    shares: Float[np.ndarray, " spaces"],
) -> "go.Figure":
    """Return the energy share per dimension of each eigenspace, as wide as it has dimensions."""
    import plotly.graph_objects as go

    ends = np.cumsum(multiplicities)
    centres = ends - multiplicities / 2
    bars = go.Bar(
        x=centres.astype(np.float32), y=(shares / multiplicities).astype(np.float32),
        width=(0.92 * multiplicities).astype(np.float32), marker={"color": PALETTE[1]},
        name="share per dimension",
        customdata=np.stack([eigenvalues, multiplicities, shares], axis=1).astype(np.float32),
        hovertemplate=(
            "eigenvalue %{customdata[0]:.3f}, %{customdata[1]:.0f} dimensions: "
            "%{customdata[2]:.1%} of the energy<extra></extra>"
        ),
    )  # fmt: skip
    even = float(shares.sum() / multiplicities.sum())
    level = go.Scatter(
        x=[0, float(ends[-1])], y=[even, even], mode="lines", name="no preference",
        line={"color": GREY, "dash": "dot", "width": 1.5}, hoverinfo="skip",
    )  # fmt: skip
    figure = go.Figure([bars, level])
    figure.update_layout(
        xaxis={"title": {"text": "eigenvectors of the graph, smoothest first"}, "showgrid": False},
        yaxis={"title": {"text": "share of the energy per dimension"}, "tickformat": ".0%"},
    )
    return figure
