"""Where to look from: published angles suit the embedding they were tuned for, and no other."""

from itertools import product

import numpy as np
from jaxtyping import Float, Int

ELEVATIONS, AZIMUTHS = range(-75, 91, 15), range(0, 360, 15)
PUBLISHED = (20.0, -60.0, 0.0)
MOST_EDGES = 64
"""Edges whose crossings are counted; of more, some are chosen evenly."""


def clear_view(
    coordinates: Float[np.ndarray, "nodes 3"],
    edges: Int[np.ndarray, "edges 2"],
    published: tuple[float, ...] = PUBLISHED,
) -> tuple[float, ...]:
    """Return elevation, azimuth and roll from which the fewest edges cross.

    Among equals the one that shows edges shortest for the area that the nodes fill; the published
    angle is one of the candidates.
    """
    if not len(edges):
        return published
    counted = edges[:: -(-len(edges) // MOST_EDGES)]
    grid = product(map(float, ELEVATIONS), map(float, AZIMUTHS))
    candidates = [published, *((elevation, azimuth, 0.0) for elevation, azimuth in grid)]

    def unclear(view: tuple[float, ...]) -> tuple[int, float]:
        flat = coordinates @ screen(view)[:2].T
        lengths = np.linalg.norm(flat[edges[:, 0]] - flat[edges[:, 1]], axis=1)
        area = float(np.linalg.det(np.cov(flat.T)).clip(min=1e-12))
        return crossings(flat, counted), float(lengths.mean() / area**0.25)

    return min(candidates, key=unclear)


def crossings(points: Float[np.ndarray, "nodes 2"], edges: Int[np.ndarray, "edges 2"]) -> int:
    """Return how many pairs of edges without a common node cross."""
    first, second = np.triu_indices(len(edges), 1)
    one, other = edges[first], edges[second]
    free = (one[:, :, None] != other[:, None, :]).all(axis=(1, 2))
    a, b, c, d = (points[nodes] for nodes in (*one[free].T, *other[free].T))
    apart = (_side(a, b, c) != _side(a, b, d)) & (_side(c, d, a) != _side(c, d, b))
    return int(apart.sum())


def screen(view: tuple[float, ...]) -> Float[np.ndarray, "3 3"]:
    """Return what points right, up and at the reader on the screen; roll is left out."""
    elevation, azimuth = np.radians(view[:2])
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    level = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    high = np.array([0, 0, 1])
    up = np.cos(elevation) * high - np.sin(elevation) * level
    return np.stack([right, up, np.cos(elevation) * level + np.sin(elevation) * high])


def _side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return on which side of the lines from `a` to `b` the points `c` lie."""
    along, towards = b - a, c - a
    return along[:, 0] * towards[:, 1] > along[:, 1] * towards[:, 0]
