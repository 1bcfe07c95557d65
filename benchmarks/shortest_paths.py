"""Seconds and memory that sampling shortest paths takes: 100,000 nodes, a hub, and a million nodes.

Run alone: python benchmarks/shortest_paths.py [--million]. CPU time of one process; the targets are
10 s for 100,000 nodes, 120 s for a million, within 2 GB.
"""

import argparse
import resource
import time

import numpy as np

from geometric_memory.graphs.shortest_paths import ShortestPaths

GIB = 2**20
"""Kibibytes of a gibibyte."""


def random_edges(node_count: int, edge_count: int) -> np.ndarray:
    """Return distinct random edges without loops, sorted."""
    pairs = np.random.default_rng(0).integers(0, node_count, (edge_count, 2))
    pairs = np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1)
    return np.unique(pairs, axis=0)


def measure(name: str, edges: np.ndarray, path_length: int, target: float) -> None:
    """Sample one path per node and print what it took."""
    node_count = int(edges.max()) + 1
    begin = time.process_time()
    shortest = ShortestPaths(
        edges, node_count=node_count, directed=False, path_length=path_length
    )  # fmt: skip
    paths = shortest.sample(node_count, 0)
    seconds = time.process_time() - begin
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB
    starts = len(np.unique(paths[:, 0]))
    print(
        f"{name:28} {len(paths):9,} paths from {starts:7,} starts {seconds:6.1f} s "
        f"(target {target:g}) {memory:5.2f} GiB so far"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="also a graph of a million nodes")
    leaves = np.arange(1, 50_001)
    side = np.arange(316 * 316).reshape(316, 316)
    across = [np.stack([s[:, :-1].ravel(), s[:, 1:].ravel()], axis=1) for s in (side, side.T)]
    measure("random, 100,000 nodes", random_edges(100_000, 200_000), 6, 10)
    measure("grid, 99,856 nodes", np.concatenate(across), 6, 10)
    measure("star of 50,000 leaves", np.stack([np.zeros_like(leaves), leaves], axis=1), 3, 10)
    if parser.parse_args().million:
        measure("random, 1,000,000 nodes", random_edges(1_000_000, 2_000_000), 6, 120)


if __name__ == "__main__":
    main()
