"""What a step of the demo costs beside its arithmetic: Python, dispatch, and bookkeeping.

    python benchmarks/overhead.py [--threads 1 2]

The fixed part is measured on a batch of one edge fact and one path with the demo's model shrunk to
width 8 and its optimizer, callbacks and order of examples left as they are: there is nothing left
to compute, and what time it takes every step of the demo takes too. It is processor time of one
thread, so that other work on the machine does little to it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch

from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.datasets.writer import build_dataset
from geometric_memory.models.build import build_model
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.training.machine import choose_threads, keep_freed_memory, step_flops
from geometric_memory.training.precision import choose_arithmetic
from geometric_memory.training.stages import build_stages
from geometric_memory.training.trainer import Trainer


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    keep_freed_memory()
    whole = PRESETS["demo"].config
    nothing = replace(
        whole,
        graph=replace(whole.graph, star_degree=4),
        model=replace(whole.model, embedding_dimension=8),
        training=replace(whole.training, path_finetuning_batch_size=2),
    )
    with tempfile.TemporaryDirectory() as folder:
        demo, empty = (demo_trainer(config, folder) for config in (whole, nothing))
    report: dict[str, float] = {"gflop_per_step": step_flops(demo.model, demo.stage) / 1e9}
    report["threads_chosen"] = choose_threads(demo.model, demo.stages)
    for threads in options.threads:
        torch.set_num_threads(threads)
        report[f"demo_ms_{threads}_threads"] = 1e3 * seconds_per_step(demo, options.steps)
    torch.set_num_threads(1)
    report["demo_processor_ms"] = 1e3 * seconds_per_step(demo, options.steps, time.process_time)
    report["fixed_processor_ms"] = 1e3 * seconds_per_step(empty, options.steps, time.process_time)
    print(json.dumps({name: float(f"{value:.4g}") for name, value in report.items()}, indent=2))


def demo_trainer(config: RunConfig, folder: str) -> Trainer:
    """Return a trainer of `config` on the CPU in float32."""
    config = replace(config, dataset=replace(config.dataset, dataset_root=folder))
    build_dataset(config)
    task: Task = build_task(read_dataset(config), config)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    training = replace(config.training, device="cpu", precision="fp32")
    return Trainer(model, build_stages(config, task), training, choose_arithmetic(training))


def seconds_per_step(
    trainer: Trainer, steps: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the median seconds, by `clock`, of a step and the check after it."""
    batches = (batch for epoch in range(10**6) for batch in trainer.batches().epoch(epoch))

    def step() -> None:
        trainer.train_step(next(batches))
        trainer.check_finite()

    for _ in range(10):
        step()
    seconds = []
    for _ in range(steps):
        begin = clock()
        step()
        seconds.append(clock() - begin)
    return median(seconds)


if __name__ == "__main__":
    main()
