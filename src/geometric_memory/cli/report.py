"""`geomem report RUN...`: one page that shows a run, or compares several."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from geometric_memory.config.training import Device
from geometric_memory.extras import require

DESCRIPTION = (
    "Write one self-contained HTML page about a run, or about several side by side; with --card, "
    "one still figure for a paper. RUN is the folder of a training run, or a stored section of "
    "geomem tiny. Nothing in the run is changed."
)


def main(argv: Sequence[str]) -> int:
    """Write a page or a card, and print where it is."""
    parser = argparse.ArgumentParser(
        prog="geomem report", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, or latest"
    )
    parser.add_argument(
        "--output", type=Path, help="the file to write (default: report.html in the run's folder; "
        "a new comparison.html here for several)",
    )  # fmt: skip
    parser.add_argument(
        "--card", action="store_true", help="a still figure: PDF, PNG and the arrays as JSON"
    )
    parser.add_argument(
        "--device", choices=get_args(Device), default="cpu",
        help="where the page asks the model (default cpu, whose answers are always the same)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    require("geomem report", "matplotlib", "plotly", "jinja2")
    from geometric_memory.report.write import card, report

    if options.card:
        written = card(options.runs, options.output)
    else:
        written = report(options.runs, options.output, device=options.device)
    sys.stdout.write(f"wrote {written}\n")
    return 0
