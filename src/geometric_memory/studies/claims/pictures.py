"""The figure of a claim, from its evidence, with the arrays beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometric_memory.figures.claims import CurvePanel, Measured, claim_figure
from geometric_memory.figures.curves import Curve
from geometric_memory.studies.claims.claim import Claim, Panel
from geometric_memory.studies.claims.evidence import Evidence

DOTS_PER_INCH = 80


def draw_claim(
    claim: Claim, result: Mapping[str, Any], evidence: Mapping[str, Evidence], path: Path
) -> None:
    """Write PATH and the arrays it was drawn from as JSON."""
    panels = [_panel(panel, evidence) for panel in claim.panels]
    rows = [
        Measured(
            text=row["text"],
            values=row["values"],
            mean=row["mean"],
            interval=(row["interval"][0], row["interval"][1]),
            bound=float(row["bound"].split()[-1]),
            outcome=row["outcome"],
        )
        for row in result["criteria"]
        if row["mean"] is not None
    ]
    figure = claim_figure(panels, rows, f"{claim.name}: {result['verdict']}")
    figure.savefig(path, dpi=DOTS_PER_INCH)
    arrays = {
        panel.label: {
            name: [[list(curve.steps), list(curve.values)] for curve in curves]
            for name, curves in panel.lines.items()
        }
        for panel in panels
    }
    path.with_suffix(".json").write_text(json.dumps(arrays) + "\n", encoding="utf-8")


def _panel(panel: Panel, evidence: Mapping[str, Evidence]) -> CurvePanel:
    return CurvePanel(
        label=panel.label,
        logarithmic=panel.logarithmic,
        lines={
            name: [Curve(steps=s, values=v) for s, v in evidence[arm].curves[curve]]
            for name, (arm, curve) in panel.lines.items()
            if arm in evidence and curve in evidence[arm].curves
        },
    )
