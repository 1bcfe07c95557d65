"""Second-order random walks (Grover & Leskovec 2016) and the target distribution they imply.

An option beyond the published objective, which is one-hop: a walk at v that came from t goes on to
a neighbour x with a weight of 1/p if x is t, 1 if x is a neighbour of t, and 1/q otherwise.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from msgspec import Meta
from torch import Tensor

from geometric_memory.errors import DataError
from geometric_memory.limits import Count
from geometric_memory.models.node2vec import normalize_rows
from geometric_memory.topic import Topic


class WalkSettings(Topic):
    """How many walks, how long, and how they turn."""

    refused = "{name} {value}: {rule}"
    missing = "{name} needs a value"

    walks_per_node: Count = 10
    """Walks that start at each node."""
    walk_length: Annotated[int, Meta(ge=2)] = 40
    """Nodes of a walk, its start included."""
    window: Count = 5
    """Largest distance along a walk at which two nodes are a pair, in both directions."""
    return_parameter: Annotated[float, Meta(gt=0)] = 1.0
    """p: a large value keeps a walk from turning back."""
    in_out_parameter: Annotated[float, Meta(gt=0)] = 1.0
    """q: a large value keeps a walk near its start, a small one drives it away."""


@dataclass(frozen=True)
class Neighbours:
    """Distinct edges as sorted rows: the targets of u lie in targets[starts[u] : starts[u + 1]]."""

    starts: Int[np.ndarray, " nodes_and_one"]
    targets: Int[np.ndarray, " edges"]
    keys: Int[np.ndarray, " edges"]
    """source x nodes + target, ascending."""

    @classmethod
    def of(cls, edges: Int[np.ndarray, "edges 2"], node_count: int) -> "Neighbours":
        """Sort `edges`, dropping repeated ones."""
        keys = np.unique(edges[:, 0].astype(np.int64) * node_count + edges[:, 1])
        starts = np.searchsorted(keys, np.arange(node_count + 1) * node_count)
        return cls(starts, keys % node_count, keys)

    def drawn(
        self, nodes: Int[np.ndarray, " walks"], rng: np.random.Generator
    ) -> Int[np.ndarray, " walks"]:
        """Return one uniform target of each node; all of them must have one."""
        first, degree = self.starts[nodes], self.starts[nodes + 1] - self.starts[nodes]
        return self.targets[first + rng.integers(degree)]

    def linked(
        self, sources: Int[np.ndarray, " walks"], targets: Int[np.ndarray, " walks"]
    ) -> Bool[np.ndarray, " walks"]:
        """Return for each pair whether it is an edge."""
        wanted = sources * (len(self.starts) - 1) + targets
        places = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return self.keys[places] == wanted


def random_walks(
    edges: Int[np.ndarray, "edges 2"],
    node_count: int,
    settings: WalkSettings,
    rng: np.random.Generator,
) -> Int[np.ndarray, "walks length"]:
    """Return walks along directed edges, `walks_per_node` from each node in order of nodes.

    A walk that reaches a node without targets ends there, and the rest of its row is -1.
    """
    if len(edges) == 0:
        raise DataError("random walks need at least one edge")
    neighbours = Neighbours.of(edges, node_count)
    walks = np.full((node_count * settings.walks_per_node, settings.walk_length), -1)
    walks[:, 0] = np.repeat(np.arange(node_count), settings.walks_per_node)
    degrees = np.diff(neighbours.starts)
    for place in range(1, settings.walk_length):
        current = walks[:, place - 1]
        alive = np.flatnonzero((current >= 0) & (degrees[current] > 0))
        if place == 1:
            walks[alive, 1] = neighbours.drawn(current[alive], rng)
        else:
            previous = walks[alive, place - 2]
            walks[alive, place] = turned(previous, current[alive], neighbours, settings, rng)
    return walks


def turned(
    previous: Int[np.ndarray, " walks"],
    current: Int[np.ndarray, " walks"],
    neighbours: Neighbours,
    settings: WalkSettings,
    rng: np.random.Generator,
) -> Int[np.ndarray, " walks"]:
    """Draw the next node of each walk: uniform proposals, accepted by their p, q weight."""
    back, away = 1 / settings.return_parameter, 1 / settings.in_out_parameter
    largest = max(back, 1.0, away)
    chosen = np.empty_like(current)
    waiting = np.arange(len(current))
    while len(waiting):
        proposed = neighbours.drawn(current[waiting], rng)
        before = previous[waiting]
        near = neighbours.linked(before, proposed)
        weight = np.where(proposed == before, back, np.where(near, 1.0, away))
        accepted = rng.random(len(waiting)) * largest < weight
        chosen[waiting[accepted]] = proposed[accepted]
        waiting = waiting[~accepted]
    return chosen


def walk_targets(
    walks: Int[np.ndarray, "walks length"], node_count: int, window: int
) -> Float[Tensor, "nodes nodes"]:
    """Return for each node the distribution of the other nodes seen at most `window` steps away."""
    counts = np.zeros((node_count, node_count), dtype=np.float32)
    for distance in range(1, min(window, walks.shape[1] - 1) + 1):
        left, right = walks[:, :-distance].ravel(), walks[:, distance:].ravel()
        pair = (right >= 0) & (left != right)
        np.add.at(counts, (left[pair], right[pair]), 1)
        np.add.at(counts, (right[pair], left[pair]), 1)
    return normalize_rows(torch.from_numpy(counts))
