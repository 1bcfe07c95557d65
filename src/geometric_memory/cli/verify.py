"""`geomem verify RUN`: does training again give the same bits?"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from geometric_memory.config.training import Device

DESCRIPTION = (
    "Train again from one checkpoint of a run to the next, and compare weights, optimizer and sums "
    "bit for bit. Nothing in the run is changed. Exit code 4 if they differ."
)


def main(argv: Sequence[str]) -> int:
    """Replay some steps of a run and print whether the bits are the same."""
    parser = argparse.ArgumentParser(
        prog="geomem verify", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of the run, or latest")
    parser.add_argument(
        "--steps",
        metavar="N",
        type=int,
        default=1000,
        help="most steps to train again (default 1000)",
    )
    parser.add_argument(
        "--device", choices=get_args(Device), default="",
        help="where to train (default: that of the run, where this machine has it, else auto)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    from geometric_memory.console import make_console
    from geometric_memory.report.stored import located
    from geometric_memory.runs.replay import replay
    from geometric_memory.runs.run import Run

    run, console = Run(located(options.run, trained=True)), make_console(stderr=True)
    done = replay(run, options.steps, console, device=options.device)
    steps = f"steps {done.start} to {done.end} trained again: "
    if done.differing:
        names = ", ".join(done.differing[:10])
        sys.stdout.write(
            f"{steps}{len(done.differing)} of {done.tensors} tensors differ: {names}\n"
        )
        return 4
    sys.stdout.write(f"{steps}all {done.tensors} tensors equal, bit for bit\n")
    return 0
