"""Everything that an NVIDIA GPU can show, in one command and one JSON.

    python benchmarks/gpu.py [--out gpu.json] [--minutes 25]
    python benchmarks/gpu.py --rehearse        # all of it, tiny, on the CPU

In order: the measured bf16 matrix rate; seconds per step of the headline job and of a plain padded
loop with a data set asked item by item, with their ratio and our share of the matrix rate; then the
published jobs (presets), each trained until every held-out path is right or its share of the
minutes is over, with the curve and the wall time. The JSON is rewritten after each.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from headline import (
    SIZES,
    job_parser,
    matrix_rate,
    path_star,
    step_flops,
    task_of,
    timed,
    trainer_of,
)
from steps import our_seconds, plain_seconds

from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths
from geometric_memory.training.trainer import Callback, Trainer

CURVES = ("path_star_5000x5", "path_star_10000x6", "path_star_10000x10")
TINY = {"degree": 8, "length": 4, "layers": 1, "width": 16, "heads": 2, "batch": 16}
TINY_CURVES = ("tiny",)


def main() -> int:
    """Measure, write after each part, and return the exit code."""
    parser = job_parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--minutes", type=float, default=25.0, help="for all curves together")
    parser.add_argument("--rehearse", action="store_true", help="tiny and on the CPU")
    options = parser.parse_args()
    if options.rehearse:
        vars(options).update(TINY | {"minutes": min(options.minutes, 0.05)})
    elif not torch.cuda.is_available():
        print("gpu.py: PyTorch sees no CUDA device here; --rehearse runs it tiny on the CPU",
              file=sys.stderr)  # fmt: skip
        return 1
    device = "cpu" if options.rehearse else "cuda"
    report: dict[str, Any] = {
        "device": "CPU (rehearsal)" if options.rehearse else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "job": {name: getattr(options, name) for name in SIZES},
    }
    report["steps"] = steps(options, device)
    write(report, options.out)
    report["curves"] = {}
    chosen = TINY_CURVES if options.rehearse else CURVES
    for name in chosen:
        report["curves"][name] = curve(name, device, 60 * options.minutes / len(chosen))
        write(report, options.out)
    return 0


def write(report: dict[str, Any], path: Path) -> None:
    """Write the report, and say so."""
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"wrote {path}", flush=True)


def steps(options: argparse.Namespace, device: str) -> dict[str, float]:
    """Return rates, seconds per step, and their ratios."""
    config, task = path_star(options, device=device, precision="bf16")
    rate = matrix_rate(torch.bfloat16, device=device, size=512 if options.rehearse else 8192)
    trainer = gpu_trainer(config, task)
    compiling = timed(lambda: every_shape(trainer), device)
    ours = our_seconds(trainer, 3 if options.rehearse else 200)
    padded = plain_seconds(config, task, 1 if options.rehearse else 5, device)
    flops = step_flops(config, task)
    return {
        "matrix_tflop_per_second": rate / 1e12,
        "compiling_seconds": compiling,
        "our_seconds_per_step": ours,
        "plain_seconds_per_step": padded,
        "ratio": padded / ours,
        "tflop_per_step": flops / 1e12,
        "share_of_matrix_rate": flops / ours / rate,
    }


def gpu_trainer(config: RunConfig, task: Task) -> Trainer:
    """Return a trainer whose model is compiled where there is a GPU."""
    trainer = trainer_of(config, task)
    compiled = trainer.arithmetic.device.type == "cuda"
    arithmetic = replace(trainer.arithmetic, compiled=compiled)
    return Trainer(trainer.model, trainer.stages, config.training, arithmetic)


def every_shape(trainer: Trainer) -> None:
    """Take two epochs' steps, so that what is to be compiled is."""
    for epoch in range(2):
        for batch in trainer.batches().epoch(epoch):
            trainer.train_step(batch)
    trainer.check_finite()


class Curve(Callback):
    """Evaluates about forty times, and stops when all is known or the time is over."""

    def __init__(self, task: Task, seconds: float) -> None:
        self._task = task
        self._begin = time.perf_counter()
        self._end = self._begin + seconds
        self._next = self._begin
        self._pause = seconds / 40
        self.rows: list[dict[str, float]] = []

    def epoch_ends(self, trainer: Trainer) -> None:
        now = time.perf_counter()
        if now < self._next:
            return
        trainer.check_finite()
        paths = evaluate_paths(trainer.model, self._task.test_paths, trainer.arithmetic)
        row = {
            "step": trainer.position.step,
            "seconds": now - self._begin,
            "loss": trainer.totals.read()["loss"],
            "test_accuracy": paths.metrics()["test/accuracy"],
        }
        self.rows.append(row)
        print(json.dumps(row), flush=True)
        self._next = time.perf_counter() + self._pause
        trainer.stop_stage = row["test_accuracy"] >= 100 or time.perf_counter() > self._end


def curve(preset: str, device: str, seconds: float) -> dict[str, Any]:
    """Train a preset for `seconds` at most; return its curve and its end."""
    config = PRESETS[preset].config
    training = replace(config.training, device=device, precision="bf16")
    config = replace(config, training=training)
    task = task_of(config)
    trainer = gpu_trainer(config, task)
    found = Curve(task, seconds)
    trainer.run([found])
    edges = evaluate_edges(trainer.model, task.edge_facts, trainer.arithmetic)
    return {
        "steps": trainer.position.step,
        "seconds": found.rows[-1]["seconds"] if found.rows else 0.0,
        "test_accuracy": max((row["test_accuracy"] for row in found.rows), default=0.0),
        "edges_known": edges.top_k_recovery,
        "curve": found.rows,
    }


if __name__ == "__main__":
    sys.exit(main())
