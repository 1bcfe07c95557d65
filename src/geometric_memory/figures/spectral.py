"""Spectral bars: eigenvalues of the graph, and how much of the embedding lies along each."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from geometric_memory.figures.style import PALETTE, quiet

EIGENVALUE, ENERGY = PALETTE[2], PALETTE[1]


def spectral_bars(
    eigenvalues: Float[np.ndarray, " bars"],
    projections: Float[np.ndarray, " bars"],
    *,
    title: str = "",
) -> Figure:
    """Return the published bars, each series divided by its maximum, in the published order."""
    figure = Figure(figsize=(15, 6), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(1, len(eigenvalues) + 1)
    _bars(axes, places - 0.16, eigenvalues, 0.3, EIGENVALUE, r"$\lambda_i / \max_j \lambda_j$")
    label = r"$\|V^T e_i\| / \max_j \|V^T e_j\|$"
    _bars(axes, places + 0.16, projections, 0.3, ENERGY, label)
    axes.set_xticks(places)
    _finish(axes, "eigenvector", title)
    return figure


def eigenspace_bars(
    eigenvalues: Float[np.ndarray, " spaces"],
    multiplicities: Int[np.ndarray, " spaces"],
    shares: Float[np.ndarray, " spaces"],
    *,
    title: str = "",
) -> Figure:
    """Return the energy share of each whole eigenspace, which no choice of basis can change.

    A bar is as wide as its eigenspace has dimensions, and as high as the share of one of them, so
    that areas are energies; the dashed line is an embedding that prefers nothing.
    """
    figure = Figure(figsize=(15, 6), layout="constrained")
    axes = figure.add_subplot()
    ends = np.cumsum(multiplicities)
    centres = ends - multiplicities / 2
    _bars(
        axes, centres, shares / multiplicities, 0.92 * multiplicities, ENERGY, "share per dimension"
    )
    even = shares.sum() / multiplicities.sum()
    axes.axhline(even, color="black", linestyle="--", linewidth=1.5, label="no preference")
    names = [
        f"{round(value, 3) + 0:.3g}" + (f"\n(x{count})" if count > 1 else "")
        for value, count in zip(eigenvalues, multiplicities, strict=True)
    ]
    axes.set_xticks(centres, names)
    _finish(axes, r"eigenvalue of $P + P^T$ (multiplicity)", title)
    axes.legend(
        loc="upper center", ncols=2, frameon=False, prop={"family": "monospace", "size": 18}
    )
    axes.set_ylim(top=1.2 * max(even, (shares / multiplicities).max()))
    axes.tick_params(axis="x", labelsize=13)
    return figure


def projection_curves(
    steps: Int[np.ndarray, " steps"],
    panels: Mapping[str, Float[np.ndarray, "steps spaces"]],
    eigenvalues: Float[np.ndarray, " spaces"],
    *,
    title: str = "",
) -> Figure:
    """Return one panel per quantity over steps, a line per eigenspace, coloured by eigenvalue.

    Steps are logarithmic, since eigenspaces part early (paper, Fig 7).
    """
    figure = Figure(figsize=(7.5 * len(panels), 5), layout="constrained")
    colors = ScalarMappable(Normalize(eigenvalues.min(), eigenvalues.max()), "cividis")
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (label, values) in zip(all_axes, panels.items(), strict=True):
        for column, eigenvalue in zip(values.T, eigenvalues, strict=True):
            axes.plot(steps, column, color=colors.to_rgba(eigenvalue), linewidth=2)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlim(0, steps[-1])
        axes.set_ylim(bottom=0)
        axes.set_xlabel("Step", fontfamily="monospace", fontsize=15)
        axes.set_ylabel(label, fontsize=16)
        quiet(axes)
    bar = figure.colorbar(colors, ax=all_axes[-1])
    bar.set_label(r"eigenvalue of $P + P^T$", fontfamily="monospace", fontsize=13)
    if title:
        figure.suptitle(title, fontfamily="monospace", fontsize=13)
    return figure


def _bars(
    axes: Axes,
    places: Float[np.ndarray, " bars"],
    heights: Float[np.ndarray, " bars"],
    width: float | Float[np.ndarray, " bars"],
    color: str,
    label: str,
) -> None:
    axes.bar(places, heights, width, color=color, edgecolor="black", linewidth=1.6, label=label)


def _finish(axes: Axes, xlabel: str, title: str) -> None:
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlabel(xlabel, fontfamily="monospace", fontsize=22)
    axes.tick_params(labelsize=18)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontfamily("monospace")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, prop={"family": "monospace", "size": 18})
    if title:
        axes.set_title(title, fontfamily="monospace", fontsize=17)
