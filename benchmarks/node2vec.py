"""Speed of Node2Vec on the 4 x 4 grid: the published per-node Python loop against ours.

Run with one thread: python benchmarks/node2vec.py. Both are timed in turn within one run, and the
ratio of their best rounds is printed, since other work on the machine only adds time.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import torch

from geometric_memory.models.node2vec import (
    Node2VecSettings,
    edge_targets,
    initial_tables,
    train_node2vec,
)


def grid_edges(side: int) -> np.ndarray:
    """Return both directions of every edge of a square grid."""
    nodes = np.arange(side * side).reshape(side, side)
    right = np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], 1)
    down = np.stack([nodes[:-1].ravel(), nodes[1:].ravel()], 1)
    forward = np.concatenate([right, down])
    return np.concatenate([forward, forward[:, ::-1]])


def per_node_epochs(edges: np.ndarray, embeddings: torch.Tensor, epochs: int) -> torch.Tensor:
    """Train as published: a Python loop over nodes, one backward pass, plain gradient descent."""
    table = embeddings.clone().requires_grad_()
    neighbours = {u: torch.tensor(edges[edges[:, 0] == u, 1]) for u in np.unique(edges[:, 0])}
    for _ in range(epochs):
        loss = torch.zeros(())
        for node, targets in neighbours.items():
            loss = loss - torch.log_softmax(table @ table[node], 0)[targets].mean()
        (gradient,) = torch.autograd.grad(loss, table)
        with torch.no_grad():
            table -= 0.01 * gradient
    return table.detach()


def microseconds_per_epoch(run: Callable[[int], object], epochs: int) -> float:
    """Return the wall time of one epoch."""
    start = time.perf_counter()
    run(epochs)
    return (time.perf_counter() - start) / epochs * 1e6


def main() -> int:
    """Print the table and return 1 when the ratio misses the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--target", type=float, default=40.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    edges = grid_edges(4)
    targets = edge_targets(edges, 16)

    def ours(epochs: int, seeds: int = 1) -> torch.Tensor:
        settings = Node2VecSettings(epochs=epochs)
        tables = initial_tables(range(seeds), 16, settings)
        return list(train_node2vec(targets, tables, settings))[-1].tables.nodes

    start = initial_tables([0], 16, Node2VecSettings()).nodes[0]
    difference = (per_node_epochs(edges, start, 150) - ours(150)[0]).abs().max().item()
    loop, closed = [], []
    for _ in range(options.rounds):
        loop.append(
            microseconds_per_epoch(
                lambda epochs: per_node_epochs(edges, start, epochs), options.epochs // 20
            )
        )
        closed.append(microseconds_per_epoch(ours, options.epochs))
    ratio = min(loop) / min(closed)
    many = microseconds_per_epoch(lambda epochs: ours(epochs, seeds=64), options.epochs // 4)
    print(f"16 nodes x 100, one thread; after 150 epochs they differ by {difference:.1e}")
    print(f"per-node loop   {min(loop):9.1f} us per epoch")
    print(f"closed form     {min(closed):9.1f} us per epoch, snapshots included")
    print(f"64 seeds        {many:9.1f} us per epoch of all ({many / 64:.1f} us per seed)")
    print(f"ratio           {ratio:9.1f} (target {options.target:g})")
    return int(ratio < options.target)


if __name__ == "__main__":
    sys.exit(main())
