"""Draw docs/figures/demo_curves.png: held-out accuracy of the demo with and without self edges.

    geomem train --preset demo --seed 0 --run_name self_edges_0          (seeds 0 to 4)
    geomem train --preset demo --seed 0 --run_name no_self_edges_0 --no-add_self_edges
    python docs/demo_curves.py

The numbers that are drawn lie beside the figure as JSON.
"""

import json
import sys
from pathlib import Path

from geometric_memory.figures.curves import Curve, accuracy_curves
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
        label: [{"steps": list(c.steps), "values": list(c.values)} for c in curves]
        for label, curves in groups.items()
    }
    (FIGURES / "demo_curves.json").write_text(json.dumps(numbers) + "\n", encoding="utf-8")
    title = "Path-star of 500 arms, 4 nodes long; one line per seed"
    figure = accuracy_curves(groups, chance=0.2, title=title)
    figure.savefig(FIGURES / "demo_curves.png", dpi=150)
    return 0


def read_curve(run: Path) -> Curve:
    """Return the held-out accuracy of a run over its steps."""
    rows = [row for row in read_rows(run / "metrics.jsonl") if "test/accuracy" in row]
    return Curve(steps=[row["step"] for row in rows], values=[row["test/accuracy"] for row in rows])


if __name__ == "__main__":
    sys.exit(main())
