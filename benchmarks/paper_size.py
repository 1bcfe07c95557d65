"""The paper's path-star on this machine: held-out paths answered and minutes, seed by seed.

    python benchmarks/paper_size.py [--preset paper_5000x5] [--seeds 1 2 3 4 5]

A seed draws a graph, its split, the initial weights and the order of examples. Runs are made one
after the other with all cores, as `geomem train --preset NAME --seed S --random_seed S` makes them.
"""

import argparse
import tempfile
from statistics import median

import geometric_memory as gm

COLUMNS = (
    "seed", "steps", "minutes", "facts_known", "hard_token", "queried_node", "held_out", "unwatched"
)  # fmt: skip


def main() -> None:
    """Train every seed and print a table, the median of the minutes last."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="paper_5000x5")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    options = parser.parse_args()
    print("".join(f"{name:>14s}" for name in COLUMNS), flush=True)
    minutes = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            run = gm.train(
                preset=options.preset, seed=seed, random_seed=seed, dataset_root=folder,
                experiment_log_root=folder,
            )  # fmt: skip
            minutes.append(run.summary["seconds"] / 60)
            row = (
                seed, run.summary["steps"], minutes[-1], run["edge_memorization/top_k_recovery"],
                run["test_forced/hard_token"], run["test_forced/queried_node"],
                run["test/accuracy"], run["test/accuracy_unwatched"],
            )  # fmt: skip
        print("".join(f"{value:14.5g}" for value in row), flush=True)
    print(f"median {median(minutes):.2f} minutes")


if __name__ == "__main__":
    main()
