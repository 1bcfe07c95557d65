"""`geomem list FOLDER`: the runs of a folder, newest first, with their numbers."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DESCRIPTION = (
    "List the runs at or below a folder, the newest first: how each ended, its steps, the percent "
    "of edges memorized and of held-out paths answered, and its path. Where a command takes a run, "
    "latest names the first run of experiment_logs, and FOLDER/latest that of another folder."
)
COLUMNS = ("changed", "status", "steps", "edges %", "paths %", "run")
EDGES, PATHS = "edge_memorization/top_k_recovery", "test/accuracy"


def main(argv: Sequence[str]) -> int:
    """Print a row per run, or one JSON list of them."""
    parser = argparse.ArgumentParser(
        prog="geomem list", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("experiment_logs"), metavar="FOLDER",
        help="where to look (default experiment_logs)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    from geometric_memory.errors import printable
    from geometric_memory.files.whole import json_bytes
    from geometric_memory.report.stored import listed

    rows = listed(options.folder)
    if options.json:
        sys.stdout.write(json_bytes(rows).decode())
        return 0
    if not rows:
        sys.stderr.write(f"no run in {printable(str(options.folder))}\n")
        return 0
    table = [COLUMNS, *(cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(printable(line.rstrip()) + "\n")
    return 0


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a run as the text of its columns; one of `geomem tiny` is named with its seed."""
    final, steps = row["final"], row["steps"]
    run = row["run"] if row["command"] != "geomem tiny" else f"{row['run']} (seed {row['seed']})"
    return (
        row["changed"],
        row["status"],
        "-" if steps is None else str(steps),
        percent(final.get(EDGES)),
        percent(final.get(PATHS)),
        f"{run}  {row['problem']}" if row["problem"] else run,
    )


def percent(value: float | None) -> str:
    """Return a share of 100 with one digit; a dash where there is none."""
    return "-" if value is None else f"{value:.1f}"
