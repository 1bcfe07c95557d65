"""A cell of `geomem train`: its own run folder, gone on with where a kill left it."""

import shutil
from typing import Any

from geometric_memory.config import RunConfig
from geometric_memory.console import make_console
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.launch import resume_training, run_training
from geometric_memory.runs.lock import RunLock
from geometric_memory.sweeps.cells import Cell, training_config
from geometric_memory.sweeps.folder import SweepFolder


def train_cell(folder: SweepFolder, cell: Cell) -> tuple[RunFolder, dict[str, Any]]:
    """Train a cell from its start or its last checkpoint to its end; return folder and summary.

    Raises:
        Interrupted: if a signal came; a checkpoint was saved.
        RunLockedError: if another process is at it.
        GeometricMemoryError: if the run failed.
    """
    config = config_of(folder, cell)
    run = RunFolder(folder.runs / config.dataset.dataset_name / cell.key)
    with (folder.logs / f"{cell.key}.txt").open("a", encoding="utf-8") as log:
        console = make_console(file=log, width=100)
        if run.path.exists() and not _can_resume(run):
            with RunLock(run.lock):
                shutil.rmtree(run.path)
        if run.path.exists():
            return run, resume_training(config, run, console).summary
        return run, run_training(config, console).summary


def config_of(folder: SweepFolder, cell: Cell) -> RunConfig:
    """Return the configuration of the run of a cell."""
    places = {"experiment_log_root": str(folder.runs), "run_name": cell.key}
    return resolve_sizes(training_config(cell, **places))


def _can_resume(run: RunFolder) -> bool:
    return run.config.is_file() and (
        run.summary.is_file()
        or CheckpointStore(run.checkpoints).newest(lambda warning: None) is not None
    )
