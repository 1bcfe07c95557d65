"""The clear view has the fewest crossings, and leaves the published angle where it is clear."""

import numpy as np

from geometric_memory.figures.camera import clear_view, crossings

SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=float)
RING = np.array([(0, 1), (1, 2), (2, 3), (0, 3)])


def test_crossings_are_counted_once_and_neighbours_never_cross():
    assert crossings(SQUARE, RING) == 0
    assert crossings(SQUARE, np.array([(0, 2), (1, 3)])) == 1
    assert crossings(SQUARE[[0, 2, 1, 3]], RING) == 1


def test_a_ring_with_a_zigzag_is_seen_from_above():
    angles = 2 * np.pi * np.arange(12) / 12
    ring = np.stack([np.cos(angles), np.sin(angles), (-1.0) ** np.arange(12)], 1)
    edges = np.stack([np.arange(12), (np.arange(12) + 1) % 12], 1)
    assert abs(clear_view(ring, edges, (0.0, 0.0, 10.0))[0]) == 90


def test_of_many_edges_some_are_counted():
    points = np.random.default_rng(0).standard_normal((2000, 3))
    edges = np.stack([np.arange(1999), np.arange(1, 2000)], 1)
    assert len(clear_view(points, edges)) == 3
