"""The headline job of the benchmarks, and what matrix products reach on this machine."""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from plain import node_kinds

from geometric_memory.config import RunConfig
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.models.build import build_model
from geometric_memory.settings import assemble
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Trainer

SIZES = {"degree": 5000, "length": 5, "layers": 12, "width": 384, "heads": 8, "batch": 2048}


def job_parser(description: str | None, **sizes: int) -> argparse.ArgumentParser:
    """Return a parser with the sizes of the job, `sizes` in place of the headline's."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    for name, default in (SIZES | sizes).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser


def path_star(options: argparse.Namespace, **settings: object) -> tuple[RunConfig, Task]:
    """Return configuration and task of the path-star of `options`."""
    config = assemble(
        RunConfig,
        {
            "star_degree": options.degree,
            "path_length": options.length,
            "transformer_layer_count": options.layers,
            "embedding_dimension": options.width,
            "attention_head_count": options.heads,
            "path_finetuning_batch_size": options.batch,
            "path_finetuning_warmup_steps": 0,
            **settings,
        },
    )
    return config, task_of(config)


def task_of(config: RunConfig) -> Task:
    """Return the task of `config`; its data set is built in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        config = replace(config, dataset=replace(config.dataset, dataset_root=folder))
        build_dataset(config)
        return build_task(read_dataset(config), config)


def trainer_of(config: RunConfig, task: Task) -> Trainer:
    """Return a trainer of `config` before its first step."""
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    arithmetic = choose_arithmetic(config.training)
    return Trainer(model, build_stages(config, task), config.training, arithmetic)


def step_flops(config: RunConfig, task: Task) -> float:
    """Return the operations of the matrix products of an average step, backward included.

    Facts of a node that meet in a batch are one row of it, so that a node has a row there if any of
    its facts was drawn.
    """
    model = config.model
    facts, paths = node_kinds(task)
    share = min(1, config.training.path_finetuning_batch_size / (len(facts) + len(paths)))
    asked = np.unique(facts.prompts[:, -1], return_counts=True)[1]
    fact_rows, path_rows = float((1 - (1 - share) ** asked).sum()), share * len(paths)
    kinds = ((fact_rows, facts), (path_rows, paths))
    own = sum(rows * (kind.inputs.shape[1] - 1) for rows, kind in kinds)
    targets = sum(rows * kind.targets.shape[1] for rows, kind in kinds)
    layer = 12 * model.embedding_dimension**2 * model.transformer_layer_count
    head = model.embedding_dimension * task.vocabulary.size
    return 6 * (own * layer + targets * head)


LONG = 0.5
"""Seconds that one product of `matrix_rate` may take."""


def matrix_rate(
    matrix_type: torch.dtype, *, device: str = "cpu", size: int = 2048, repeats: int = 10
) -> float:
    """Return operations per second of a large matrix product here, at its best.

    Sizes grow up to `size`, or to where the next would take long: bf16 is emulated on processors
    that do not have it, and a small product tells its rate as well.
    """
    side = min(size, 256)
    while True:
        left, right = (torch.randn(side, side, device=device).to(matrix_type) for _ in range(2))
        seconds = min(timed(lambda: torch.mm(left, right), device) for _ in range(repeats))  # noqa: B023
        if side == size or 8 * seconds > LONG:
            return 2 * side**3 / seconds
        side = min(size, 2 * side)


def timed(work: Callable[[], object], device: str = "cpu") -> float:
    """Return the seconds that `work` takes, all of it done."""
    begin = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin
