"""A cell of `geomem train`: its own run folder, gone on with where a kill left it."""

import shutil
from contextlib import suppress

from geometric_memory.config import RunConfig
from geometric_memory.console import make_console, say
from geometric_memory.errors import CheckpointError, GeometricMemoryError
from geometric_memory.files.lock import RunLock
from geometric_memory.files.whole import write_json
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder, to_json
from geometric_memory.runs.launch import resume_training, run_training
from geometric_memory.runs.run import Run
from geometric_memory.sweeps.cells import Cell, training_config
from geometric_memory.sweeps.folder import SweepFolder


def train_cell(folder: SweepFolder, cell: Cell) -> Run:
    """Train a cell from its start or its last checkpoint to its end.

    Raises:
        Interrupted: if a signal came; a checkpoint was saved.
        RunLockedError: if another process is at it.
        GeometricMemoryError: if the run failed.
    """
    config = config_of(folder, cell)
    place = RunFolder(folder.runs / config.dataset.dataset_name / cell.key)
    with folder.log(cell.key) as log:
        console = make_console(file=log, width=100)
        if place.path.exists() and not _can_resume(place):
            with RunLock(place.lock):
                shutil.rmtree(place.path)
        if not place.path.exists():
            return run_training(config, console)
        try:
            run = Run(place.path)
        except GeometricMemoryError as error:  # its settings are known: the key is made of them
            say(console, f"warning: {error}; written again")
            write_json(place.config, to_json(config))
            run = Run(place.path)
        return resume_training(config, run, console)


def config_of(folder: SweepFolder, cell: Cell) -> RunConfig:
    """Return the configuration of the run of a cell."""
    places = {"experiment_log_root": str(folder.runs), "run_name": cell.key}
    return resolve_sizes(training_config(cell, **places))


def _can_resume(run: RunFolder) -> bool:
    with suppress(CheckpointError):
        if run.read_summary():
            return True
    return CheckpointStore(run.checkpoints).newest(lambda warning: None) is not None
