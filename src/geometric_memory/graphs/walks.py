"""The random walk of the grid and the irregular graph."""

from collections.abc import Sequence
from random import Random


def non_backtracking_walk(
    start: int, neighbours: Sequence[Sequence[int]], length: int, generator: Random
) -> tuple[int, ...]:
    """Walk over `length` nodes, turning back only where there is no other way.

    One `choice` is drawn per step, also when a single neighbour is left: the published files
    depend on it.
    """
    walk = [start]
    while len(walk) < length:
        options = neighbours[walk[-1]]
        if len(walk) > 1:
            options = [node for node in options if node != walk[-2]] or options
        walk.append(generator.choice(options))
    return tuple(walk)
