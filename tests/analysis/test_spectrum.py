"""Spectra: closed forms, components, golden numbers, independence of the basis, big graphs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.analysis import spectrum as spectrum_module
from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.spectrum import (
    eigenspace_energies,
    fiedler_coordinates,
    graph_spectrum,
    projection_norms,
    published_bars,
    published_eigenpairs,
    spectral_matrix,
)
from geometric_memory.errors import DataError

SEEDS = st.integers(0, 10_000)


def energies(spectrum, embeddings):
    return eigenspace_energies(spectrum.eigenvalues, spectrum.eigenvectors, embeddings)


def test_cycle_in_closed_form(cycle):
    spectrum = graph_spectrum(symmetric_adjacency(cycle(15), 15))
    expected = np.sort(2 * np.cos(2 * np.pi * np.arange(15) / 15) - 2)[::-1]
    np.testing.assert_allclose(spectrum.eigenvalues, expected, atol=1e-12)
    assert spectrum.complete
    np.testing.assert_array_equal(np.flatnonzero(spectrum.trivial), [0])
    angles = 2 * np.pi * np.arange(15) / 15
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    plane = fiedler_coordinates(spectrum, 2)
    assert np.linalg.norm(plane.T @ circle) ** 2 == pytest.approx(np.linalg.norm(circle) ** 2)


def test_path_star_degrees_and_multiplicities(path_star):
    adjacency = symmetric_adjacency(path_star(4, 5), 17)
    degrees = np.sort(np.asarray(adjacency.sum(axis=1)).ravel())[::-1]
    np.testing.assert_array_equal(degrees, [4] + [2] * 12 + [1] * 4)
    found = energies(graph_spectrum(adjacency), np.eye(17))
    np.testing.assert_array_equal(found.multiplicities, [1, 3, 1, 3, 1, 3, 1, 3, 1])
    np.testing.assert_allclose(found.eigenvalues[:3] + 2, [2.0616, 1.9053, 1.5], atol=5e-5)


def test_every_component_loses_its_own_leading_vector(cycle):
    clique = np.array([[u, v] for u in range(6, 10) for v in range(6, 10) if u != v])
    adjacency = symmetric_adjacency(np.concatenate([cycle(6), clique]), 11)
    spectrum = graph_spectrum(adjacency)
    assert spectrum.trivial.sum() == 3
    np.testing.assert_allclose(spectrum.eigenvalues[spectrum.trivial], [0, 0, -2], atol=1e-12)
    supports = [np.flatnonzero(np.abs(v) > 1e-9) for v in spectrum.eigenvectors.T]
    pieces = (set(range(6)), {6, 7, 8, 9}, {10})
    assert all(any(set(support) <= piece for piece in pieces) for support in supports)
    rest = spectrum.without_trivial()
    assert not rest.trivial.any()
    assert rest.eigenvalues[0] == pytest.approx(2 * np.cos(2 * np.pi / 6) - 2)
    for piece in pieces:
        assert rest.eigenvectors[sorted(piece)].sum(axis=0) == pytest.approx(0, abs=1e-12)


@given(SEEDS)
def test_pairs_are_orthonormal_eigenpairs_in_order(seed):
    rng = np.random.default_rng(seed)
    adjacency = symmetric_adjacency(rng.integers(0, 9, (10, 2)), 9)
    spectrum, matrix = graph_spectrum(adjacency), spectral_matrix(adjacency)
    vectors = spectrum.eigenvectors
    np.testing.assert_allclose(matrix @ vectors, vectors * spectrum.eigenvalues, atol=1e-12)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(9), atol=1e-12)
    assert (np.diff(spectrum.eigenvalues) <= 1e-12).all()
    largest = np.abs(vectors).max(axis=0)
    assert (vectors.max(axis=0) >= largest * (1 - 1e-6)).all()


@given(SEEDS)
def test_energies_ignore_the_basis_rotation_and_node_names(seed):
    rng = np.random.default_rng(seed)
    names = rng.permutation(12)
    forward = np.stack([np.arange(12), (np.arange(12) + 1) % 12], 1)
    rows = rng.normal(size=(12, 5))
    before = energies(graph_spectrum(symmetric_adjacency(forward, 12)), rows)
    moved = np.empty_like(rows)
    moved[names] = rows @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
    after = energies(graph_spectrum(symmetric_adjacency(names[forward], 12)), moved)
    np.testing.assert_allclose(after.energies, before.energies)
    np.testing.assert_array_equal(after.multiplicities, [1, 2, 2, 2, 2, 2, 1])
    assert before.shares.sum() == pytest.approx(1)
    assert np.square(before.energies).sum() == pytest.approx(np.square(rows).sum())


def test_golden_spectrum_and_energies(checkpoint):
    adjacency = symmetric_adjacency(checkpoint.edges, checkpoint.nodes, self_loops=True)
    np.testing.assert_array_equal(adjacency.toarray(), checkpoint.spectrum["adjacency_matrix"])
    values, vectors = published_eigenpairs(adjacency)
    published = checkpoint.metrics["spectral"]
    np.testing.assert_allclose(values, published["graph_eigenvalues_descending"], atol=1e-9)
    found = eigenspace_energies(values, vectors, checkpoint.embeddings)
    groups = published["eigenspace_groups"]
    np.testing.assert_array_equal(found.multiplicities, [g["multiplicity"] for g in groups])
    np.testing.assert_allclose(found.eigenvalues, [g["eigenvalue"] for g in groups], atol=1e-9)
    expected = np.array([g["energy"] for g in groups])
    np.testing.assert_allclose(found.energies, expected, rtol=1e-6, atol=1e-9)
    ours = graph_spectrum(adjacency)
    np.testing.assert_allclose(ours.eigenvalues + 2, values, atol=1e-9)
    np.testing.assert_allclose(energies(ours, checkpoint.embeddings).energies, expected, rtol=1e-6)


@pytest.mark.parametrize("drop_top", [True, False])
def test_golden_bars_with_the_stored_eigenvectors(checkpoint, drop_top):
    published = checkpoint.metrics["spectral"]
    values = checkpoint.spectrum["graph_eigenvalues"][::-1]
    vectors = checkpoint.spectrum["init_eigenvectors_rows"][::-1].T
    norms = projection_norms(vectors, checkpoint.embeddings)
    np.testing.assert_allclose(norms, published["raw_projection_norms_descending"], rtol=1e-6)
    bars = published_bars(values, vectors, checkpoint.embeddings, drop_top=drop_top)
    expected = published[f"drop_top_{str(drop_top).lower()}"]
    np.testing.assert_allclose(bars.eigenvalues, expected["norm_eigenvalues"], atol=1e-9)
    np.testing.assert_allclose(bars.projections, expected["norm_projections"], rtol=1e-6)


@pytest.mark.parametrize("family", ["cycle", "star", "two"])
def test_shift_invert_finds_the_same_pairs_as_dense_algebra(family, cycle, path_star, monkeypatch):
    edges = {
        "cycle": cycle(240),
        "star": path_star(60, 5),
        "two": np.concatenate([cycle(200), 200 + cycle(90)]),
    }[family]
    adjacency = symmetric_adjacency(edges, int(edges.max()) + 1)
    dense = graph_spectrum(adjacency, 8)
    monkeypatch.setattr(spectrum_module, "DENSE_NODES", 50)
    found = graph_spectrum(adjacency, 8)
    np.testing.assert_allclose(found.eigenvalues, dense.eigenvalues, atol=1e-9)
    np.testing.assert_array_equal(found.trivial, dense.trivial)
    vectors = found.eigenvectors
    np.testing.assert_allclose(
        spectral_matrix(adjacency) @ vectors, vectors * found.eigenvalues, atol=1e-8
    )
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(vectors.shape[1]), atol=1e-8)


def test_a_long_cycle_is_resolved(cycle):
    spectrum = graph_spectrum(symmetric_adjacency(cycle(20_000), 20_000), 4)
    steps = np.array([0, 1, 1, 2, 2])
    expected = -np.square(2 * np.sin(np.pi * steps / 20_000))
    np.testing.assert_allclose(spectrum.eigenvalues, expected, rtol=1e-4, atol=1e-13)


def test_all_pairs_of_a_huge_component_are_refused(cycle):
    with pytest.raises(DataError, match="ask for a count"):
        graph_spectrum(symmetric_adjacency(cycle(20_000), 20_000))


def test_too_many_fiedler_coordinates_are_refused(cycle):
    with pytest.raises(DataError, match="3 Fiedler coordinates asked for, 2 are there"):
        fiedler_coordinates(graph_spectrum(symmetric_adjacency(cycle(3), 3)))
