"""Draw docs/figures/cycle_evolution.png: how a cycle appears in a memory of its edges, or does not.

    python docs/cycle_evolution.py

Trains the tiny Transformer with self edges and the frozen control on the cycle of 15 nodes at the
published settings (seed 7). The coordinates that are drawn lie beside the figure as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geometric_memory.analysis.reduction import aligned, pca
from geometric_memory.figures.colors import GREY, PALETTE
from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.sections import section, tiny_graph
from geometric_memory.tiny.training import train_section

FIGURES = Path(__file__).parent / "figures"
ROWS = {
    "Transformer": ("transformer_self_edges", (0, 12, 42, 700), PALETTE[0]),
    "frozen embeddings": ("associative_fast_self_edges", (0, 1, 10), PALETTE[1]),
}


def main() -> int:
    """Train, write the coordinates, draw."""
    FIGURES.mkdir(exist_ok=True)
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    panels = figure.subplots(2, 4)
    drawn: dict[str, object] = {}
    for row, (label, (experiment, steps, color)) in zip(panels, ROWS.items(), strict=True):
        run = train_section(section(experiment, "cycle"), [7])
        points = snapshots(run, steps)
        drawn[label] = {"steps": list(steps), "coordinates": points.round(4).tolist()}
        for axes, coordinates, step in zip(row, points, steps, strict=False):
            draw(axes, coordinates, run, color)
            axes.set_title(caption(run, step), fontsize=10)
        for axes in row[len(steps) :]:
            axes.axis("off")
        row[0].set_ylabel(label, fontsize=13)
    panels[1, 3].text(
        0, 0.5, "The control memorizes the same edges,\nbut its embeddings may not move:\n"
        "every edge known, and no map.", fontsize=11, color=GREY, va="center",
    )  # fmt: skip
    (FIGURES / "cycle_evolution.json").write_text(json.dumps(drawn) + "\n", encoding="utf-8")
    figure.savefig(FIGURES / "cycle_evolution.png", dpi=110)
    return 0


def snapshots(run: SectionRun, steps: tuple[int, ...]) -> np.ndarray:
    """Return two principal coordinates at each of `steps`, turned onto each other."""
    return aligned(np.stack([pca(run.snapshot(step)[1], 2) for step in steps]))


def draw(axes: Axes, points: np.ndarray, run: SectionRun, color: str) -> None:
    """Draw the graph at `points`, scaled to fill the panel."""
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    scaled = (points - middle) / np.abs(points - middle).max()
    for left, right in tiny_graph(run.section).graph.undirected_edges:
        axes.plot(*scaled[[left, right]].T, color="black", linewidth=1.3, zorder=1)
    axes.scatter(*scaled.T, s=110, color=color, edgecolors="black", zorder=2)
    for node, (x, y) in enumerate(scaled):
        style = {"color": "white", "fontsize": 6.5, "fontweight": "bold"}
        axes.text(x, y, str(node), ha="center", va="center_baseline", zorder=3, **style)
    axes.set(xticks=[], yticks=[], xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), aspect="equal")
    for side in axes.spines.values():
        side.set_color("0.8")


def caption(run: SectionRun, step: int) -> str:
    """Return the step and the share of edges recovered there."""
    known = 100 * run.curve("recovery")[step]
    return f"step {step}: {known:.0f} % of edges"


if __name__ == "__main__":
    sys.exit(main())
