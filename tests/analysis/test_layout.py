import numpy as np

from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency
from geometric_memory.analysis.layout import ball, radial_layout, stress_layout


def cycle(count):
    nodes = np.arange(count)
    return symmetric_adjacency(np.stack([nodes, (nodes + 1) % count], axis=1), count)


def test_rings_are_hops_and_arms_are_rays():
    edges = np.array([[0, 1], [1, 2], [0, 3], [3, 4], [0, 5], [5, 6]])
    adjacency = symmetric_adjacency(edges, 8)
    places = radial_layout(adjacency, 0)
    np.testing.assert_allclose(np.linalg.norm(places[:7], axis=1), hop_distances(adjacency)[0, :7])
    for first, leaf in ((1, 2), (3, 4), (5, 6)):
        np.testing.assert_allclose(places[leaf], 2 * places[first], atol=1e-12)
    assert places[7, 1] < places[:7, 1].min()


def test_a_path_is_drawn_straight_and_a_cycle_round():
    line = symmetric_adjacency(np.stack([np.arange(7), np.arange(1, 8)], axis=1), 8)
    places = stress_layout(line)
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.testing.assert_allclose(distances, hop_distances(line), atol=0.02)
    round_places = stress_layout(cycle(12))
    radii = np.linalg.norm(round_places - round_places.mean(axis=0), axis=1)
    assert np.ptp(radii) < 0.01 * radii.mean()


def test_the_same_graph_has_the_same_places():
    np.testing.assert_array_equal(stress_layout(cycle(9)), stress_layout(cycle(9)))


def test_unconnected_and_tiny_graphs_have_places():
    edges = np.array([[0, 1], [2, 3]])
    assert np.isfinite(stress_layout(symmetric_adjacency(edges, 5))).all()
    assert stress_layout(symmetric_adjacency(edges[:1], 2)).shape == (2, 2)


def test_a_ball_is_the_nearest_nodes():
    assert set(ball(cycle(20), 5, 5).tolist()) == {3, 4, 5, 6, 7}
