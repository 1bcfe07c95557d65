"""Spectral pictures: eigenvalues of the graph, and how much of the embedding lies along each."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.colors import PALETTE, scaled
from geometric_memory.figures.picture import Bars, Chart, Level, Line, Scale

EIGENVALUE, ENERGY = PALETTE[2], PALETTE[1]
EIGENVALUES = "eigenvalue of P + Pᵀ"


def spectral_bars(
    eigenvalues: Float[np.ndarray, " bars"],
    projections: Float[np.ndarray, " bars"],
    *,
    title: str = "",
) -> Chart:
    """Return the published bars, each series divided by its maximum, in the published order."""
    places, width = np.arange(1.0, len(eigenvalues) + 1), np.full(len(eigenvalues), 0.3)
    bars = [
        Bars(x=places - 0.16, y=eigenvalues, width=width, label="λᵢ / max λ", color=EIGENVALUE),
        Bars(x=places + 0.16, y=projections, width=width, label="‖Vᵀeᵢ‖ / max ‖Vᵀe‖", color=ENERGY),
    ]
    names = [f"{place:.0f}" for place in places]
    return Chart(bars=bars, columns=names, title=title, x_title="eigenvector")


def eigenspace_bars(
    eigenvalues: Float[np.ndarray, " spaces"],
    multiplicities: Int[np.ndarray, " spaces"],
    shares: Float[np.ndarray, " spaces"],
    *,
    title: str = "",
) -> Chart:
    """Return the energy share of each whole eigenspace, which no choice of basis can change.

    A bar is as wide as its eigenspace has dimensions, and as high as the share of one of them, so
    that areas are energies; the dotted line is an embedding that prefers nothing.
    """
    names = [
        f"{round(value, 3) + 0:.3g}" + (f"\nx{count}" if count > 1 else "")
        for value, count in zip(eigenvalues, multiplicities, strict=True)
    ]
    notes = [
        f"eigenvalue {value:.3f}, {count} dimensions: {share:.1%} of the energy"
        for value, count, share in zip(eigenvalues, multiplicities, shares, strict=True)
    ]
    bars = Bars(
        x=np.cumsum(multiplicities) - multiplicities / 2, y=shares / multiplicities,
        width=0.92 * multiplicities, label="share of the energy per dimension", color=ENERGY,
        notes=notes,
    )  # fmt: skip
    even = Level(label="no preference", value=float(shares.sum() / multiplicities.sum()))
    return Chart(bars=[bars], levels=[even], columns=names if len(names) <= 24 else (),
                 title=title, x_title=f"{EIGENVALUES}, smoothest first",
                 y_title="share per dimension")  # fmt: skip


def projection_curves(
    steps: Int[np.ndarray, " steps"],
    panels: Mapping[str, Float[np.ndarray, "steps spaces"]],
    eigenvalues: Float[np.ndarray, " spaces"],
) -> list[Chart]:
    """Return one panel per quantity over steps, a line per eigenspace, coloured by eigenvalue.

    Steps are logarithmic, since eigenspaces part early (paper, Fig 7).
    """
    low, high = float(eigenvalues.min()), float(eigenvalues.max())
    colors = scaled((eigenvalues - low) / max(high - low, 1e-9))
    charts = [
        Chart(lines=[Line(x=steps, y=column, color=color)
                     for column, color in zip(values.T, colors, strict=True)],
              log_x=True, y_title=label)
        for label, values in panels.items()
    ]  # fmt: skip
    return [*charts[:-1], replace(charts[-1], scale=Scale(label=EIGENVALUES, range=(low, high)))]
