"""Draw docs/figures/demo_curves.png: held-out accuracy of the demo with and without self edges.

    geomem train --preset demo --seed 0 --run_name self_edges_0          (seeds 0 to 4)
    geomem train --preset demo --seed 0 --run_name no_self_edges_0 --no-add_self_edges
    python docs/demo_curves.py

The numbers that are drawn lie beside the figure as JSON.
"""

import sys
from pathlib import Path

from geometric_memory.figures.claims import Curve, seed_lines
from geometric_memory.figures.picture import Chart, Level, Picture
from geometric_memory.runs.metrics import read_rows

FIGURES = Path(__file__).parent / "figures"
GROUPS = {"with self edges": "self_edges", "without": "no_self_edges"}


def main() -> int:
    """Read the runs, write the numbers and the figure."""
    runs = Path(sys.argv[1] if len(sys.argv) > 1 else "experiment_logs/in_weights")
    groups = {
        label: [read_curve(path) for path in sorted(runs.glob(f"{prefix}_[0-9]"))]
        for label, prefix in GROUPS.items()
    }
    FIGURES.mkdir(exist_ok=True)
    numbers = {
        label: [{"steps": steps, "values": values} for steps, values in curves]
        for label, curves in groups.items()
    }
    chart = Chart(
        lines=seed_lines(groups), levels=[Level(value=0.2, label="chance, 0.2 %")],
        title="Path-star of 500 arms, 4 nodes long; one line per seed",
        y_title="held-out paths answered (%)", y_range=(-3.0, 103.0),
    )  # fmt: skip
    picture = Picture(panels=[chart], label="Held-out accuracy of the demo", numbers=numbers)
    picture.save(FIGURES / "demo_curves.png")
    return 0


def read_curve(run: Path) -> Curve:
    """Return the held-out accuracy of a run over its steps."""
    rows = [row for row in read_rows(run / "metrics.jsonl") if "test/accuracy" in row]
    return [row["step"] for row in rows], [row["test/accuracy"] for row in rows]


if __name__ == "__main__":
    sys.exit(main())
