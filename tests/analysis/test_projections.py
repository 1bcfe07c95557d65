"""Projections along a run: definitions, and Lemma 5 against Node2Vec itself."""

import numpy as np
import torch

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.spectrum import (
    by_eigenspace,
    coefficient_evolution,
    graph_spectrum,
    node2vec_coefficients,
    projection_evolution,
)
from geometric_memory.models.node2vec import (
    Node2VecSettings,
    edge_targets,
    initial_tables,
    train_node2vec,
)


def run(edges: np.ndarray, settings: Node2VecSettings) -> tuple[np.ndarray, np.ndarray]:
    targets = edge_targets(edges, 15)
    tables = initial_tables([7], 15, settings)
    states = train_node2vec(targets, tables, settings)
    return np.stack([state.tables.nodes[0].numpy() for state in states]), targets.numpy()


def test_a_step_of_node2vec_is_rate_times_c_v(cycle):
    snapshots, targets = run(cycle(15), Node2VecSettings(dimension=5, epochs=1))
    moved = snapshots[0] + 0.01 * node2vec_coefficients(snapshots[0], targets) @ snapshots[0]
    np.testing.assert_allclose(snapshots[1], moved, atol=1e-5)


def test_on_the_cycle_c_vanishes_where_the_embedding_goes(cycle):
    torch.set_num_threads(1)
    settings = Node2VecSettings(epochs=3000, snapshot_interval=1000)
    snapshots, targets = run(cycle(15), settings)
    vectors = graph_spectrum(symmetric_adjacency(cycle(15), 15)).eigenvectors
    onto = projection_evolution(snapshots, vectors)
    coefficients = coefficient_evolution(snapshots, targets, vectors)
    assert onto.shape == coefficients.shape == (4, 15)
    assert (onto[-1, :3] > 5).all()
    assert (onto[-1, 5:] < 0.1).all()
    assert (coefficients[-1, :3] < 0.01).all()
    assert (coefficients[-1, 5:] > 0.1).all()


def test_projections_by_hand():
    rows = np.array([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]])
    found = projection_evolution(rows, np.eye(2))
    np.testing.assert_array_equal(found, [[5, 0], [1, 1]])


def test_a_node_without_targets_adds_nothing_by_itself():
    targets = np.array([[0.0, 1.0], [0.0, 0.0]])
    expected = np.array([[-1.0, 0.5], [0.5, 0.0]])
    np.testing.assert_allclose(node2vec_coefficients(np.zeros((2, 3)), targets), expected)


def test_root_mean_squares_of_eigenspaces_do_not_depend_on_the_basis():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    turned = basis.copy()
    turned[:, 1:4] = basis[:, 1:4] @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    snapshots = rng.normal(size=(4, 6, 5))
    one, other = (
        by_eigenspace(projection_evolution(snapshots, vectors), np.array([1, 3, 2]))
        for vectors in (basis, turned)
    )
    assert one.shape == (4, 3)
    assert np.allclose(one, other)
    assert np.allclose(np.square(one) @ [1, 3, 2], np.square(snapshots).sum(axis=(1, 2)))
