"""The evolution of an embedding as a page: the graph in space and its curves on one slider."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.camera import clear_view
from geometric_memory.figures.colors import PALETTE
from geometric_memory.figures.page import Page, Section, html
from geometric_memory.figures.picture import Chart, Line, Movie, Picture, Space

STYLES = {
    "memorization": (PALETTE[4], "solid", 3.0),
    "geometric level": (PALETTE[0], "solid", 3.0),
    "non-edges": (PALETTE[0], "dot", 2.0),
}
"""Colour, dash and width of each curve; memorization is in percent, the others are cosines."""


def evolution_page(
    title: str,
    steps: Int[np.ndarray, " frames"],
    coordinates: Float[np.ndarray, "frames nodes 3"],
    nodes: Space,
    curves: Mapping[str, Float[np.ndarray, " frames"]],
) -> str:
    """Return HTML with the embedding in space, what was measured over steps, and a slider.

    Every frame is scaled to one size, since embeddings grow tenfold; sizes stand in the caption.
    `nodes` says what they are called and how they look.
    """
    found = sizes(coordinates)
    scaled = coordinates / found[:, None, None]
    scaled = scaled / max(float(np.abs(scaled).max()), 1e-9)
    captions = [_caption(curves, place, size) for place, size in enumerate(found.tolist())]
    space = Space(
        coordinates=scaled[-1], edges=nodes.edges, names=nodes.names, colors=nodes.colors,
        root=nodes.root, legend=nodes.legend, view=clear_view(scaled[-1], nodes.edges),
    )  # fmt: skip
    chart = Chart(lines=[_line(name, steps, values) for name, values in curves.items()],
                  log_x=True, y_title="memorization (%)", y_range=(-2.0, 104.0),
                  right_title="mean cosine", right_range=(-1.0, 1.04))  # fmt: skip
    moving = Picture(
        name="space", panels=[space], height=440, label=f"The embedding of {title} in space",
        movie=Movie(steps=steps, values=scaled, captions=captions),
    )  # fmt: skip
    along = Picture(name="curves", panels=[chart], height=280, cursor=True,
                    label="Memorization and mean cosines over steps")  # fmt: skip
    section = Section("evolution", "Step by step", [moving, along])
    return html(Page(title=title, subtitle="Evolution of an embedding", sections=[section]))


def sizes(coordinates: Float[np.ndarray, "frames nodes axes"]) -> Float[np.ndarray, " frames"]:
    """Return the root mean square distance from the centre of each frame; 1 for a point."""
    found = np.sqrt(np.square(coordinates).sum(axis=2).mean(axis=1))
    return np.where(found > 0, found, 1.0)


def _line(name: str, steps: Sequence[int] | np.ndarray, values: np.ndarray) -> Line:
    color, dash, width = STYLES[name]
    return Line(label=name, x=np.asarray(steps), y=values, color=color, dash=dash, width=width,
                right=name != "memorization")  # fmt: skip


def _caption(curves: Mapping[str, np.ndarray], place: int, size: float) -> str:
    known = [
        f"{name} {values[place]:.0f} %"
        if name == "memorization"
        else f"{name} {values[place]:+.2f}"
        for name, values in curves.items()
        if np.isfinite(values[place])
    ]
    return ", ".join([*known, f"size {size:.2f}"])
