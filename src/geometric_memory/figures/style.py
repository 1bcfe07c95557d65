"""The look of all figures: a palette that colour-blind readers can tell apart, quiet axes."""

from html import escape

from matplotlib.axes import Axes

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, strongest contrast first."""
GREY = "#666666"


def for_plotly(text: str) -> str:
    """Return `text` as plotly shows it literally: it reads a little HTML."""
    return escape(text, quote=False)


def for_matplotlib(text: str) -> str:
    """Return `text` as matplotlib shows it literally: it reads a formula between dollars."""
    return text.replace("$", r"\$")


def quiet(axes: Axes) -> None:
    """Remove the frame that carries nothing."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.5)
