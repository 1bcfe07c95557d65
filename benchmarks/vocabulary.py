"""Speed and memory from a thousand to a million nodes: building, training, evaluating.

    python benchmarks/vocabulary.py [--degrees 250 2500 25000 250000] [--width 64] [--batch 512]

Every path-star of length 5 is measured in a process of its own, whose greatest resident memory the
system tells. Evaluation is exact on an evenly spaced sample of sources and held-out paths; all of
them take in proportion longer, and no more memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from statistics import median

from headline import job_parser, path_star, timed, trainer_of

from geometric_memory.datasets.writer import build_dataset
from geometric_memory.training.evaluation import evaluate_edges, evaluate_paths
from geometric_memory.training.machine import keep_freed_memory
from geometric_memory.training.sampling import thin_task

COLUMNS = (
    "nodes", "build_seconds", "seconds_per_step", "optimizer_seconds",
    "evaluation_seconds", "peak_gib",
)  # fmt: skip


def main() -> None:
    """Measure every size in a process of its own, and print a table."""
    parser = job_parser(__doc__, layers=2, width=64, heads=4, batch=512)
    parser.add_argument("--degrees", type=int, nargs="+", default=[250, 2500, 25_000, 250_000])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--evaluated", type=int, default=512, help="sources and paths evaluated")
    parser.add_argument("--one", action="store_true", help="measure --degree here, print JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options)))
        return
    print("".join(f"{name:>20s}" for name in COLUMNS), flush=True)
    sizes = ["layers", "width", "heads", "batch", "length", "steps", "evaluated"]
    same = [f"--{name}={getattr(options, name)}" for name in sizes]
    for degree in options.degrees:
        command = [sys.executable, __file__, "--one", f"--degree={degree}", *same]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout)
        print("".join(f"{row[name]:20.4g}" for name in COLUMNS), flush=True)


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Return one row of the table."""
    keep_freed_memory()
    config, task = path_star(options, precision="fp32", evaluation_share=0)
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = replace(config, dataset=replace(config.dataset, dataset_root=folder))
        build = timed(lambda: build_dataset(elsewhere))
    trainer = trainer_of(config, task)
    batches = trainer.batches().epoch(0)
    seconds = [timed(lambda: trainer.train_step(next(batches))) for _ in range(options.steps + 1)]
    optimizer = min(timed(trainer.optimizer.step) for _ in range(2))
    begin = time.perf_counter()
    sample = thin_task(task, options.evaluated)
    evaluate_edges(trainer.model, sample.edge_facts, trainer.arithmetic)
    evaluate_paths(trainer.model, sample.test_paths, trainer.arithmetic)
    return {
        "nodes": task.vocabulary.node_count,
        "build_seconds": build,
        "seconds_per_step": median(seconds[1:]),
        "optimizer_seconds": optimizer,
        "evaluation_seconds": time.perf_counter() - begin,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


if __name__ == "__main__":
    main()
