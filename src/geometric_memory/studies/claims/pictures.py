"""The figure of a claim, from its evidence, with the arrays beside it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometric_memory.figures.claims import Curve, Measured, claim_picture
from geometric_memory.studies.claims.claim import Claim, Panel
from geometric_memory.studies.claims.evidence import Evidence

DOTS_PER_INCH = 80


def draw_claim(
    claim: Claim, result: Mapping[str, Any], evidence: Mapping[str, Evidence], path: Path
) -> None:
    """Write PATH and the arrays it was drawn from as JSON."""
    panels = {panel.label: (_lines(panel, evidence), panel.logarithmic) for panel in claim.panels}
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
    picture = claim_picture(panels, rows, f"{claim.name}: {result['verdict']}")
    path.write_bytes(picture.drawn(".png", DOTS_PER_INCH))
    arrays = {
        label: {
            name: [list(map(list, curve)) for curve in curves] for name, curves in lines.items()
        }
        for label, (lines, _) in panels.items()
    }
    path.with_suffix(".json").write_text(json.dumps(arrays) + "\n", encoding="utf-8")


def _lines(panel: Panel, evidence: Mapping[str, Evidence]) -> dict[str, list[Curve]]:
    return {
        name: list(evidence[arm].curves[curve])
        for name, (arm, curve) in panel.lines.items()
        if arm in evidence and curve in evidence[arm].curves
    }
