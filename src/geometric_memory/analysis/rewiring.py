"""Random graphs with the degrees of a given one: the null that keeps hubs and forgets the rest."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int


def rewired_graphs(
    edges: Int[np.ndarray, "edges 2"], node_count: int, rng: np.random.Generator, rounds: int = 10
) -> Iterator[Int[np.ndarray, "edges 2"]]:
    """Yield simple undirected graphs with the degrees of `edges`, without end.

    `edges` lists each undirected edge once, without loops. Each graph lies `rounds` rounds of
    double edge swaps from the one before; a round tries one swap for every pair of edges.
    """
    current = np.sort(edges, axis=1)
    while True:
        for _ in range(rounds):
            current = swapped(current, node_count, rng)
        yield current.copy()


def swapped(
    edges: Int[np.ndarray, "edges 2"], node_count: int, rng: np.random.Generator
) -> Int[np.ndarray, "edges 2"]:
    """Pair all edges at random and turn (a, b), (c, d) into (a, d), (c, b) where that is simple."""
    shuffled = edges[rng.permutation(len(edges))]
    half = len(edges) // 2
    first, second = shuffled[:half], shuffled[half : 2 * half]
    turned = np.where(rng.random((half, 1)) < 0.5, second, second[:, ::-1])
    new = np.stack([first[:, 0], turned[:, 1], turned[:, 0], first[:, 1]], 1).reshape(-1, 2)
    new = np.sort(new, axis=1)
    keys, old = (pairs[:, 0] * node_count + pairs[:, 1] for pairs in (new, edges))
    bad = (new[:, 0] == new[:, 1]) | repeated(np.concatenate([keys, old]))[: len(keys)]
    accepted = ~bad.reshape(-1, 2).any(axis=1)
    shuffled[:half][accepted] = new[0::2][accepted]
    shuffled[half : 2 * half][accepted] = new[1::2][accepted]
    return shuffled


def repeated(keys: Int[np.ndarray, " keys"]) -> Bool[np.ndarray, " keys"]:
    """Return which entries occur more than once."""
    order = np.argsort(keys)
    equal = np.diff(keys[order]) == 0
    found = np.empty(len(keys), dtype=bool)
    found[order] = np.append(equal, False) | np.insert(equal, 0, False)
    return found
