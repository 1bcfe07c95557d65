"""Draw docs/figures/embedding_evolution.gif: an embedding from its first step to its last.

    python docs/embedding_evolution.py

Trains the tiny Transformer on the edges and self edges of the paper's 4 x 4 grid with the published
settings, all 500 steps, as `geomem explore` does, and draws the first two principal coordinates of
its node embeddings, each frame turned onto the next and scaled to its panel: a movie that stops at
the end, and stills of its first, an early and its last step. One of each for light pages and for
dark ones; the numbers of the stills lie beside them as JSON.
"""

import json
import sys
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from PIL import Image

from geometric_memory.explore.experiment import experiment_from
from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.record import Record
from geometric_memory.figures.evolution import sizes

FIGURES = Path(__file__).parent / "figures"
EXPERIMENT = {"grid_rows": 4, "grid_cols": 4, "self_edges": True, "steps": 500}
STEPS = (0, 20, 500)
MOVIE = (*range(0, 30, 2), *range(30, 60, 3), *range(60, 120, 10), *range(120, 500, 40), 500)
PACE, REST = 120, 4000
"""Milliseconds of a frame of the movie, and of its last."""
COLORS = 32
TURN = np.radians(-33)
"""Of all frames alike, so that the rows of the last lie level."""
LOOKS = {"": ("#ffffff", "#1f2328", "#59636e"), "_dark": ("#0d1117", "#f0f6fc", "#9198a1")}
"""Page, ink and softer ink of a light and a dark page."""


def main() -> int:
    """Train, write the numbers, draw."""
    training = LiveTraining(experiment_from(EXPERIMENT))
    training.start()
    training.join(120)
    record = training.record()
    points = placed(record, STEPS)
    FIGURES.mkdir(exist_ok=True)
    numbers = {
        "experiment": dict(record.settings),
        "verdict": record.verdict,
        "steps": list(STEPS),
        "memorization_percent": [known(record, step) for step in STEPS],
        "coordinates": points.round(4).tolist(),
        "edges": record.edges.tolist(),
    }
    text = json.dumps(numbers) + "\n"
    (FIGURES / "embedding_evolution.json").write_text(text, encoding="utf-8")
    for suffix, look in LOOKS.items():
        figure = drawn(record, points, look)
        figure.savefig(FIGURES / f"embedding_evolution{suffix}.png", dpi=110, facecolor=look[0])
        save_movie(FIGURES / f"embedding_evolution{suffix}.gif", record, look)
    return 0


def placed(record: Record, steps: tuple[int, ...]) -> np.ndarray:
    """Return the nodes in the plane at `steps`, [steps, nodes, 2]."""
    frames = [record.frame(step) for step in steps]
    points = record.coordinates[frames] / sizes(record.coordinates[frames])[:, None, None]
    cosine, sine = np.cos(TURN), np.sin(TURN)
    return points[:, :, :2] @ np.array([[cosine, sine], [-sine, cosine]])


def known(record: Record, step: int) -> float:
    """Return the percentage of the edges known at `step`."""
    return record.curves["memorization"].at(step)


def save_movie(file: Path, record: Record, look: tuple[str, str, str]) -> None:
    """Write the frames as a GIF that goes round, its end in sight for longest."""
    every = placed(record, MOVIE)
    reach = 1.12 * float(np.abs(every).max())
    images = []
    for points, step in zip(every, MOVIE, strict=True):
        figure = Figure(figsize=(4.2, 4.8))
        axes = figure.add_axes((0.02, 0.14, 0.96, 0.84))
        draw(axes, points, record, look, reach)
        tell(axes, record, step, look)
        content = BytesIO()
        figure.savefig(content, dpi=85, facecolor=look[0])
        images.append(Image.open(content).convert("RGB"))
    # The last frame has every colour: all nodes lie apart there.
    palette = images[-1].quantize(COLORS, dither=Image.Dither.NONE)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    ground, colors = max(frames[0].getcolors())[1], frames[0].getpalette()
    colors[3 * ground : 3 * ground + 3] = bytes.fromhex(look[0][1:])
    for frame in frames:
        frame.putpalette(colors)
    durations = [PACE] * (len(frames) - 1) + [REST]
    frames[0].save(
        file, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True
    )


def drawn(record: Record, points: np.ndarray, look: tuple[str, str, str]) -> Figure:
    """Return one panel a still, with an arrow between each two."""
    figure = Figure(figsize=(12, 4.3))
    figure.subplots_adjust(left=0.01, right=0.99, top=0.98, bottom=0.17, wspace=0.2)
    panels = figure.subplots(1, len(points))
    for axes, coordinates, step in zip(panels, points, STEPS, strict=True):
        draw(axes, coordinates, record, look, 1.12 * float(np.abs(coordinates).max()))
        tell(axes, record, step, look)
    for left, right in pairwise(panels):
        arrow = ConnectionPatch(
            (1.0, 0.5), (0.0, 0.5), coordsA=left.transAxes, coordsB=right.transAxes,
            arrowstyle="-|>", color=look[2], linewidth=1.6, mutation_scale=18,
        )  # fmt: skip
        figure.add_artist(arrow)
    return figure


def tell(axes: Axes, record: Record, step: int, look: tuple[str, str, str]) -> None:
    """Write the step and what is known below the panel."""
    _, ink, soft = look
    said = "step 0" if step == 0 else f"{step} steps"
    share = f"{known(record, step):.0f} % of the edges known"
    axes.text(0.5, -0.03, said, transform=axes.transAxes, ha="center", va="top", color=ink,
              fontsize=15, fontweight="bold")  # fmt: skip
    axes.text(0.5, -0.1, share, transform=axes.transAxes, ha="center", va="top", color=soft,
              fontsize=12)  # fmt: skip


def draw(
    axes: Axes, points: np.ndarray, record: Record, look: tuple[str, str, str], reach: float
) -> None:
    """Draw the graph in the plane, its colours those of the explorer."""
    page, _, soft = look
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    lines = LineCollection(list(points[record.edges]), colors=soft, linewidths=1.5, alpha=0.75)
    axes.add_collection(lines)
    axes.scatter(
        *points.T, s=150, c=record.colors.painted(), edgecolors=page, linewidths=1.6, zorder=3
    )
    axes.axis("off")


if __name__ == "__main__":
    sys.exit(main())
