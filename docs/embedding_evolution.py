"""Draw docs/figures/embedding_evolution.png: an embedding before, during and after memorization.

    python docs/embedding_evolution.py

Trains the tiny Transformer on the edges and self edges of a 5 x 5 grid, as `geomem explore` does,
and draws the first two principal coordinates of its node embeddings, each frame turned onto the
next and scaled to its panel. One picture for light pages, one for dark ones; the numbers that are
drawn lie beside them as JSON.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

from geometric_memory.explore.experiment import experiment_from
from geometric_memory.explore.live import LiveTraining
from geometric_memory.explore.record import Record
from geometric_memory.figures.evolution import sizes

FIGURES = Path(__file__).parent / "figures"
EXPERIMENT = {"grid_rows": 5, "grid_cols": 5, "self_edges": True, "steps": 100}
STEPS = (0, 18, 100)
TURN = np.radians(-27)
"""Of all frames alike, so that the rows of the last lie level."""
LOOKS = {"": ("#ffffff", "#1f2328", "#59636e"), "_dark": ("#0d1117", "#f0f6fc", "#9198a1")}
"""Page, ink and softer ink of a light and a dark page."""


def main() -> int:
    """Train, write the numbers, draw."""
    training = LiveTraining(experiment_from(EXPERIMENT))
    training.start()
    training.join(120)
    record = training.record()
    frames = [record.frame(step) for step in STEPS]
    points = record.coordinates[frames] / sizes(record.coordinates[frames])[:, None, None]
    memorized = [record.curves["memorization"].at(step) for step in STEPS]
    FIGURES.mkdir(exist_ok=True)
    numbers = {
        "experiment": dict(record.settings),
        "verdict": record.verdict,
        "steps": list(STEPS),
        "memorization_percent": memorized,
        "coordinates": points.round(4).tolist(),
        "edges": record.edges.tolist(),
    }
    text = json.dumps(numbers) + "\n"
    (FIGURES / "embedding_evolution.json").write_text(text, encoding="utf-8")
    for suffix, (page, ink, soft) in LOOKS.items():
        figure = drawn(record, points, memorized, (page, ink, soft))
        figure.savefig(FIGURES / f"embedding_evolution{suffix}.png", dpi=130, facecolor=page)
    return 0


def drawn(
    record: Record, points: np.ndarray, memorized: list[float], look: tuple[str, str, str]
) -> Figure:
    """Return three panels with an arrow between each two."""
    page, ink, soft = look
    figure = Figure(figsize=(12, 4.3))
    figure.subplots_adjust(left=0.01, right=0.99, top=0.98, bottom=0.17, wspace=0.2)
    panels = figure.subplots(1, len(points))
    for axes, coordinates, step, share in zip(panels, points, STEPS, memorized, strict=True):
        draw(axes, coordinates, record, (page, soft))
        said = "step 0" if step == 0 else f"{step} steps"
        axes.text(0.5, -0.06, said, transform=axes.transAxes, ha="center", va="top",
                  color=ink, fontsize=15, fontweight="bold")  # fmt: skip
        axes.text(0.5, -0.135, f"{share:.0f} % of the edges known", transform=axes.transAxes,
                  ha="center", va="top", color=soft, fontsize=12)  # fmt: skip
    for left, right in pairwise(panels):
        arrow = ConnectionPatch(
            (1.0, 0.5), (0.0, 0.5), coordsA=left.transAxes, coordsB=right.transAxes,
            arrowstyle="-|>", color=soft, linewidth=1.6, mutation_scale=18,
        )  # fmt: skip
        figure.add_artist(arrow)
    return figure


def draw(axes: Axes, coordinates: np.ndarray, record: Record, look: tuple[str, str]) -> None:
    """Draw the graph at the first two coordinates, its colours those of the explorer."""
    page, soft = look
    cosine, sine = np.cos(TURN), np.sin(TURN)
    flat = coordinates[:, :2] @ np.array([[cosine, sine], [-sine, cosine]])
    middle = (flat.max(axis=0) + flat.min(axis=0)) / 2
    reach = 0.54 * float(np.ptp(flat, axis=0).max())
    axes.set(xlim=middle[0] + np.array([-reach, reach]), ylim=middle[1] + np.array([-reach, reach]))
    lines = LineCollection(list(flat[record.edges]), colors=soft, linewidths=1.5, alpha=0.75)
    axes.add_collection(lines)
    axes.scatter(
        *flat.T, s=150, c=record.colors.painted(), edgecolors=page, linewidths=1.6, zorder=3
    )
    axes.set_aspect("equal")
    axes.axis("off")


if __name__ == "__main__":
    sys.exit(main())
