"""The pieces of work of a sweep: a run of `geomem train` each, or a batch of tiny members.

A run has its own folder, and goes on where a kill left it. Tiny cells of equal shape are trained as
one batch; what is in one depends on the plan alone, so that a resumed sweep makes the same batches.
"""

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from safetensors.numpy import save

from geometric_memory.config import RunConfig
from geometric_memory.console import make_console, say
from geometric_memory.errors import CheckpointError, GeometricMemoryError
from geometric_memory.files.lock import RunLock
from geometric_memory.files.whole import write_json, write_whole
from geometric_memory.pretrained_files import resolve_sizes
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder, to_json
from geometric_memory.runs.metrics import finite
from geometric_memory.runs.run import Run
from geometric_memory.runs.train import resume_training, run_training
from geometric_memory.sweeps.cells import Cell, training_config
from geometric_memory.sweeps.folder import Record, SweepFolder
from geometric_memory.tiny.batches import batches
from geometric_memory.tiny.results import SectionRun, numbers
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.training import train_batch
from geometric_memory.topic import settings_of_topic
from geometric_memory.work.memory import run_need
from geometric_memory.work.piece import Piece

IRRELEVANT = frozenset(
    {
        "seed", "init_seed", "random_seed", "max_steps", "stop_at_path_accuracy",
        "edge_memorization_epochs", "path_finetuning_epochs", "optimizer_weight_decay",
        "edge_memorization_learning_rate", "path_finetuning_learning_rate",
        "embedding_rate_factor", "edge_memorization_warmup_steps", "path_finetuning_warmup_steps",
        "decay_edge_memorization_learning_rate", "decay_path_finetuning_learning_rate",
        "weight_init_mode", "dropout_rate",
    }
)  # fmt: skip
"""Settings that change no array's size."""


def make_pieces(cells: Sequence[Cell]) -> list[Piece]:
    """Return the pieces of a plan, in a fixed order: runs first, then batches of tiny members."""
    runs = [_piece((cell,)) for cell in cells if cell.kind == "train"]
    return runs + [_piece(batch) for batch in _batches([c for c in cells if c.kind == "tiny"])]


def _piece(cells: tuple[Cell, ...]) -> Piece:
    first = cells[0]
    parts = tuple(_piece((cell,)) for cell in cells) if len(cells) > 1 else ()
    if first.kind == "tiny":
        arguments = {"cells": cells}
        return Piece(function=train_members, arguments=arguments, name=first.key, parts=parts)
    sizes = {name: value for name, value in first.settings.items() if name not in IRRELEVANT}
    return Piece(
        function=train_cell, arguments={"cells": cells}, name=first.key, need=cell_need,
        shape=json.dumps(sizes, sort_keys=True),
    )  # fmt: skip


def cell_need(*, cells: Sequence[Cell]) -> dict[str, int]:
    """Return the bytes that the run of a cell needs, by device.

    Raises:
        GeometricMemoryError: if the run cannot be prepared.
    """
    return run_need(training_config(cells[0]))


def train_cell(*, cells: Sequence[Cell], folder: SweepFolder) -> list[Record]:
    """Train a cell from its start or its last checkpoint to its end; return its record.

    Raises:
        Interrupted: if a signal came; a checkpoint was saved.
        RunLockedError: if another process is at it.
        GeometricMemoryError: if the run failed.
    """
    (cell,) = cells
    config = config_of(folder, cell)
    place = RunFolder(folder.runs / config.dataset.dataset_name / cell.key)
    with folder.log(cell.key) as log:
        console = make_console(file=log, width=100)
        if place.path.exists() and not _can_resume(place):
            with RunLock(place.lock):
                shutil.rmtree(place.path)
        if not place.path.exists():
            summary = run_training(config, console).summary
        else:
            try:
                run = Run(place.path)
            except GeometricMemoryError as error:  # its settings are known: the key is of them
                say(console, f"warning: {error}; written again")
                write_json(place.config, to_json(config))
                run = Run(place.path)
            summary = resume_training(config, run, console).summary
    path = place.path.relative_to(folder.path).as_posix()
    result = {name: summary[name] for name in ("seconds", "steps", "final", "best")}
    return [folder.finish(cell.key, run=path, **result)]


def config_of(folder: SweepFolder, cell: Cell) -> RunConfig:
    """Return the configuration of the run of a cell."""
    places = {"experiment_log_root": str(folder.runs), "run_name": cell.key}
    return resolve_sizes(training_config(cell, **places))


def _can_resume(run: RunFolder) -> bool:
    with suppress(CheckpointError):
        if run.read_summary():
            return True
    return CheckpointStore(run.checkpoints).newest(lambda warning: None) is not None


def train_members(*, cells: Sequence[Cell], folder: SweepFolder) -> list[Record]:
    """Train a batch, every seed of every section; keep the curves of each member and its numbers.

    Raises:
        NonFiniteError: when a loss is no longer finite.
    """
    begin = time.perf_counter()
    sections = list(dict.fromkeys(map(section_of, cells)))
    seeds = list(dict.fromkeys(cell.seed for cell in cells))
    precision = cells[0].settings["precision"]
    runs = dict(zip(sections, train_batch(sections, seeds, precision=precision), strict=True))
    share = round((time.perf_counter() - begin) / len(cells), 3)
    folder.curves.mkdir(parents=True, exist_ok=True)
    records = []
    for cell in cells:
        run = runs[section_of(cell)]
        member = run.seeds.index(cell.seed)
        write_whole(folder.curves / f"{cell.key}.safetensors", _curves(run, member))
        final = finite({name: float(values[member]) for name, values in numbers(run).items()})
        final = final | {"verdict": run.verdicts[member]}
        steps = run.section.steps
        records.append(folder.finish(cell.key, seconds=share, steps=steps, final=final, best={}))
    return records


def _curves(run: SectionRun, member: int) -> bytes:
    arrays = {name: np.ascontiguousarray(values[:, member]) for name, values in run.curves.items()}
    return save(arrays | {"steps": np.ascontiguousarray(run.steps)})


def section_of(cell: Cell) -> Section:
    """Return the section that a cell trains."""
    own = settings_of_topic(Section)
    return Section(**{name: value for name, value in cell.settings.items() if name in own})


def _batches(cells: Sequence[Cell]) -> Iterator[tuple[Cell, ...]]:
    """Yield batches of equal shape and precision that fit a cache: sections by seeds."""
    groups: dict[str, dict[Section, dict[int, Cell]]] = {}
    for cell in cells:
        by_section = groups.setdefault(cell.settings["precision"], {})
        by_section.setdefault(section_of(cell), {})[cell.seed] = cell
    for by_section in groups.values():
        alike: dict[tuple[int, ...], list[Section]] = {}  # sections there for the same seeds
        for section, by_seed in by_section.items():
            alike.setdefault(tuple(sorted(by_seed)), []).append(section)
        for seeds, sections in alike.items():
            for some, own in batches(sections, seeds):
                yield tuple(by_section[section][seed] for section in some for seed in own)
