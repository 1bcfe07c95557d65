"""A step here beside a step of another commit, taken in turns, as a ratio.

    python benchmarks/against.py COMMIT [--there fp32] [--here bf16] [--threads 1]

One thread is measured in processor time, which other work on the machine disturbs least, several in
seconds. Both engines are warmed up: bf16 products make their kernels anew for new numbers of rows.
The default job is the paper's path-star with the small model that learns it on a CPU.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from headline import job_parser, path_star, trainer_of

from geometric_memory.training.machine import keep_freed_memory

HERE = Path(__file__).parents[1]


def main() -> None:
    """Measure both in turns and print one JSON object."""
    parser = job_parser(__doc__, layers=2, width=64, heads=4, batch=512)
    parser.add_argument("commit", nargs="?", default="HEAD")
    parser.add_argument("--there", default="fp32", help="precision of the other commit")
    parser.add_argument("--here", default="bf16", help="precision of this one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=100, help="steps that are not counted")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = ["git", "-C", str(HERE), "archive", options.commit, "src", "benchmarks"]
        packed = subprocess.run(archive, stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        there = start(Path(folder), options.there)
        here = start(HERE, options.here)
        pairs = [(step(there), step(here)) for _ in range(options.steps)]
        for engine in (there, here):
            engine.communicate()
    report = {
        "there_ms": 1e3 * median(pair[0] for pair in pairs),
        "here_ms": 1e3 * median(pair[1] for pair in pairs),
        "ratio": median(old / new for old, new in pairs),
    }
    print(json.dumps({name: float(f"{value:.4g}") for name, value in report.items()}, indent=2))


def start(root: Path, precision: str) -> subprocess.Popen[str]:
    """Return a process that makes a step of the engine in `root` for every line it is sent."""
    script = root / "benchmarks" / "against.py"
    if root != HERE:
        shutil.copy(__file__, script)
    command = [sys.executable, str(script), *sys.argv[1:], "--serve", precision]
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


def step(engine: subprocess.Popen[str]) -> float:
    """Return the seconds of one step."""
    assert engine.stdin
    assert engine.stdout
    engine.stdin.write("\n")
    engine.stdin.flush()
    return float(engine.stdout.readline())


def serve(options: argparse.Namespace) -> None:
    """Make a step for every line of the input and print its seconds."""
    clock = time.process_time if options.threads == 1 else time.perf_counter
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    trainer = trainer_of(*path_star(options, precision=options.serve, model_family="gpt2"))
    batches = (batch for epoch in range(1000) for batch in trainer.batches().epoch(epoch))
    for _ in range(options.warmup):
        trainer.train_step(next(batches))
    for _ in sys.stdin:
        begin = clock()
        trainer.train_step(next(batches))
        print(clock() - begin, flush=True)


if __name__ == "__main__":
    main()
