"""A worker: a process of its own that runs the jobs it is given, with one thread.

Nothing heavy is imported above: the number of threads is set before PyTorch is loaded.
"""

import os
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geometric_memory.sweeps.cells import Cell
    from geometric_memory.sweeps.folder import SweepFolder

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def serve(connection: Connection, folder: Path, parent_search_path: list[str]) -> None:
    """Say ("ready", None), then answer ("run", Job) and ("measure", Cell) until the pipe closes."""
    _end_with_parent()
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C is for the parent alone, which passes it on once
    for name in THREAD_VARIABLES:
        os.environ[name] = "1"
    sys.path[:] = parent_search_path
    from geometric_memory.sweeps import training_cells  # noqa: F401 - which loads PyTorch
    from geometric_memory.sweeps.folder import SweepFolder
    from geometric_memory.sweeps.jobs import execute

    sweep = SweepFolder(folder)
    connection.send(("ready", None))
    while True:
        try:
            task, content = connection.recv()
        except EOFError:
            return
        if task == "run":
            connection.send(("ran", execute(sweep, content)))
        else:
            connection.send(("measured", measured(sweep, content)))


def measured(folder: "SweepFolder", cell: "Cell") -> dict[str, int]:
    """Return what a cell needs; nothing where it cannot be prepared, which its run will tell."""
    from geometric_memory.sweeps.memory import needed
    from geometric_memory.sweeps.training_cells import config_of

    try:
        return needed(config_of(folder, cell))
    except Exception:  # the run itself tells what is wrong, and records it
        return {}


def _end_with_parent() -> None:
    """End this process when its parent does, however that ends: a checkpoint is on the disk."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
