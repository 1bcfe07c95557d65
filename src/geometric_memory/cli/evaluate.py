"""`geomem evaluate RUN`: measure a finished run again."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from geometric_memory.config.training import Device

DESCRIPTION = "Measure the held-out paths and the edge facts of a finished run."


def main(argv: Sequence[str]) -> int:
    """Print the metrics of a run's checkpoint as a table, or as JSON."""
    parser = argparse.ArgumentParser(
        prog="geomem evaluate", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of the run, or latest")
    parser.add_argument(
        "--checkpoint",
        default="final",
        metavar="NAME",
        help="final, best, STAGE_final, the number of a step, or a .safetensors file "
        "(default final)",
    )
    parser.add_argument(
        "--allow_nonfinite", action="store_true", help="measure weights that hold NaN or infinity"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--device", choices=get_args(Device), default="",
        help="where to measure (default: that of the run, where this machine has it, else auto)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    from geometric_memory.files.whole import json_bytes
    from geometric_memory.report.stored import located
    from geometric_memory.runs.measurement import evaluate_run
    from geometric_memory.runs.run import Run

    run = Run(located(options.run, trained=True))
    metrics = evaluate_run(
        run, options.checkpoint, device=options.device, allow_nonfinite=options.allow_nonfinite
    )
    if options.json:
        sys.stdout.write(json_bytes(metrics).decode())
    else:
        width = max(map(len, metrics))
        sys.stdout.writelines(f"{name:<{width}}  {value:.4f}\n" for name, value in metrics.items())
    return 0
