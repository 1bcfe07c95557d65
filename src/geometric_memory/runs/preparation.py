"""What stands ready before the first step: data set, task, model, trainer."""

import time
from dataclasses import dataclass

import torch
from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.console import say
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.datasets.files import find_dataset
from geometric_memory.datasets.reader import read_dataset, read_files
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.errors import DataError, OutOfMemoryError
from geometric_memory.models.build import build_model, least_parameters
from geometric_memory.models.pretrained import load_pretrained
from geometric_memory.runs.folder import RunFolder, own_files
from geometric_memory.runs.memory import free_memory, size_text
from geometric_memory.runs.resume import load_edges
from geometric_memory.runs.state import Origin, describe_arithmetic
from geometric_memory.tasks.in_context import context_task, fingerprints
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.processes import Processes
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Trainer, assemble_trainer

MOMENT = 0.3
"""Seconds within which another process has put a data set into its place."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Preparation:
    """What stands ready before the first step."""

    task: Task
    trainer: Trainer
    origin: Origin


def prepare(
    config: RunConfig, console: Console, *, folder: RunFolder | None = None,
    load_weights: bool = True, processes: Processes | None = None,
) -> Preparation:  # fmt: skip
    """Return task and trainer of `config`, building the data set if it is not there.

    What the run in `folder` was trained on lies there, so that no other data set is looked for.
    Weights to start from, where `config` names some, are not loaded if a checkpoint will replace
    them.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    # A device that is not there is refused before all else.
    choose_arithmetic(config.training)
    task, sha256 = _prepare_task(config, console, folder)
    _refuse_too_large(config, task.vocabulary.size)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    if load_weights and config.model.uses_pretrained:
        load_pretrained(model, config.model)
    if load_weights and config.training.skip_edge_memorization:
        load_edges(model, config)
    stages = build_stages(config, task)
    trainer = assemble_trainer(
        config.training, model, stages, processes=processes,
        note=lambda text: say(console, f"note: {text}"),
    )  # fmt: skip
    origin = Origin(dataset=sha256, arithmetic=describe_arithmetic(trainer))
    return Preparation(task=task, trainer=trainer, origin=origin)


def _refuse_too_large(config: RunConfig, vocabulary_size: int) -> None:
    """Refuse a model whose weights alone would not fit into the memory, before it takes any."""
    needed = 4 * least_parameters(config, vocabulary_size)
    free = free_memory(torch.device("cpu"))
    if free is not None and needed > free:
        raise OutOfMemoryError(
            f"the weights of this model take {size_text(needed)} or more, and {size_text(free)} of "
            "memory are free; lower --embedding_dimension or --transformer_layer_count"
        )


def _prepare_task(
    config: RunConfig, console: Console, folder: RunFolder | None
) -> tuple[Task, dict[str, str]]:
    """Return the task of `config`, and the SHA-256 of what it is made from, by part."""
    if config.task.in_context:
        task = context_task(config)
        return task, fingerprints(task)
    own = None if folder is None else own_files(folder, config)
    dataset = read_files(own, config) if own else prepare_dataset(config, console)
    return build_task(dataset, config), dict(dataset.sha256)


def prepare_dataset(config: RunConfig, console: Console) -> Dataset:
    """Return the data set of `config`, building it if it is not there, and printing so."""
    try:
        _build_if_missing(config, console)
    except DataError:
        # Another process may have been putting the same files into their places.
        time.sleep(MOMENT)
        _build_if_missing(config, console)
    dataset = read_dataset(config)
    for note in dataset.notes:
        say(console, f"note: {note}")
    return dataset


def _build_if_missing(config: RunConfig, console: Console) -> None:
    if find_dataset(config) is None:
        files = build_dataset(config)
        say(console, f"built the data set: {files.pretrain}")
