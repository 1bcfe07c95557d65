"""Small sweeps, and what two sweeps must have in common."""

import subprocess
import sys
from pathlib import Path

from geometric_memory.sweeps.folder import TIMES, SweepFolder, read_results
from geometric_memory.sweeps.pieces import make_pieces
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Failure

QUICK = {
    "preset": "tiny",
    "device": "cpu",
    "path_finetuning_epochs": 3,
    "path_finetuning_eval_interval_epochs": 3,
    "checkpoint_interval_steps": 1,
}


def results(path: Path):
    """Return the table of a sweep without what differs from one run of it to the next."""
    return read_results(path).drop_columns(list(TIMES))


def run_missing(folder: SweepFolder) -> dict[str, str]:
    """Do what is missing of a sweep in this process; return what became of each cell, by key."""
    missing = [p for p in make_pieces(folder.read_plan()) if folder.answer(p) is None]
    return {
        cell.key: found.kind if isinstance(found, Failure) else "finished"
        for piece, found in perform(missing, folder)
        for cell in piece.arguments["cells"]
    }


def start(*words: str, cwd: Path, **more):
    """Start `geomem sweep` in a process of its own."""
    command = [sys.executable, "-c", "from geometric_memory.cli.main import main; exit(main())"]
    return subprocess.Popen([*command, "sweep", *words], cwd=cwd, **more)
