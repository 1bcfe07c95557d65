"""The score against planted geometry, collapse, frozen tables and geometry of another graph."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.old_geometry_score import (
    ScoreSettings,
    geometry_score,
    graph_reference,
)
from geometric_memory.analysis.rewiring import rewired_graphs
from geometric_memory.analysis.spectrum import graph_spectrum
from geometric_memory.errors import DataError, NonFiniteError

QUICK = ScoreSettings(bootstrap_draws=20)
PLANTED = {
    "geometry": "geometric",
    "collapse": "associative",
    "frozen": "associative",
    "another graph": "associative",
}


def grid_edges(side: int) -> np.ndarray:
    nodes = np.arange(side * side).reshape(side, side)
    right = np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], 1)
    return np.concatenate([right, np.stack([nodes[:-1].ravel(), nodes[1:].ravel()], 1)])


def spectral_embedding(edges: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Eigenvectors with weights exp(3 lambda), turned at random, with noise and a common offset."""
    spectrum = graph_spectrum(symmetric_adjacency(edges, count)).without_trivial()
    rows = spectrum.eigenvectors * np.exp(3 * spectrum.eigenvalues)
    rows *= np.sqrt(count) / np.linalg.norm(rows)
    turn = np.linalg.qr(rng.normal(size=(32, 32)))[0][: rows.shape[1]]
    noise = 0.3 * rng.normal(size=(count, 32)) / np.sqrt(32)
    return rows @ turn + noise + 10 * rng.normal(size=32)


def planted(kind: str, edges: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    if kind == "collapse":
        return 10 * rng.normal(size=32) + 1e-3 * rng.normal(size=(count, 32))
    if kind == "frozen":
        return rng.normal(size=(count, 32))
    if kind == "another graph":
        edges = next(rewired_graphs(edges, count, rng))
    return spectral_embedding(edges, count, rng)


def verdicts(kind: str, edges: np.ndarray, draws: int, settings: ScoreSettings) -> Counter:
    rng = np.random.default_rng(2)
    count = int(edges.max()) + 1
    graph = graph_reference(edges, count, rng, settings)
    return Counter(
        geometry_score(planted(kind, edges, count, rng), graph, rng).verdict(1.0)
        for _ in range(draws)
    )


@pytest.mark.parametrize("kind", PLANTED)
def test_a_few_planted_embeddings_get_their_verdict(kind):
    assert verdicts(kind, grid_edges(4), 5, QUICK)[PLANTED[kind]] == 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANTED)
@pytest.mark.parametrize("family", ["grid", "cycle", "star"])
def test_at_least_95_of_100_planted_embeddings_get_their_verdict(kind, family, cycle, path_star):
    edges = {"grid": grid_edges(4), "cycle": cycle(15), "star": path_star(4, 5)}[family]
    settings = ScoreSettings(bootstrap_draws=2)
    assert verdicts(kind, edges, 100, settings)[PLANTED[kind]] >= 95


GOLDEN_VERDICTS = {
    "base_cycle_node2vec": "geometric",
    "base_grid_associative_fast_d512": "associative",
    "base_grid_transformer_d32": "geometric",
    "base_star_feedforward_plain_d32": "geometric",
    "base_star_node2vec": "geometric",
    "reg_cycle_feedforward_plain_d512_non_geometric_lr0p0001_wd0_do0": "associative",
    "self_irregular_transformer_d48": "geometric",
    "self_star_associative_d32": "associative",
}


def test_published_checkpoints_get_the_verdict_of_their_section(checkpoint):
    if checkpoint.name not in GOLDEN_VERDICTS:
        return
    rng = np.random.default_rng(0)
    graph = graph_reference(checkpoint.edges, checkpoint.nodes, rng, QUICK)
    verdict = geometry_score(checkpoint.embeddings, graph, rng).verdict(1.0)
    assert verdict == GOLDEN_VERDICTS[checkpoint.name]


def test_no_verdict_before_all_edges_are_recovered():
    rng = np.random.default_rng(0)
    graph = graph_reference(grid_edges(4), 16, rng, QUICK)
    score = geometry_score(rng.normal(size=(16, 8)), graph, rng)
    assert score.verdict(0.999) is None
    assert score.verdict(1.0) is not None


def test_a_true_map_scores_one_and_equal_vectors_nothing(cycle):
    rng = np.random.default_rng(0)
    graph = graph_reference(cycle(20), 20, rng, QUICK)
    assert graph.pairs.hops.tolist().count(2) == 20
    angles = 2 * np.pi * np.arange(20) / 20
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    score = geometry_score(1000 + circle, graph, rng)
    assert score.correlation.value == pytest.approx(1, abs=0.01)
    assert score.auc.value == pytest.approx(1)
    assert score.correlation.interval[0] <= score.correlation.value <= 1
    assert score.auc.p_value == pytest.approx(0.01)
    flat = geometry_score(np.ones((20, 3)), graph, rng)
    assert (flat.correlation.value, flat.auc.value) == pytest.approx((0, 0.5))
    assert flat.correlation.p_value == flat.auc.p_value == 1
    assert flat.verdict(1.0) == "associative"


def test_memorized_edges_alone_earn_nothing():
    """Pairs of neighbours made close, two by two, all else random: adjacency, not distance."""
    rng = np.random.default_rng(0)
    graph = graph_reference(grid_edges(4), 16, rng, QUICK)
    rows = rng.normal(size=(8, 32)).repeat(2, axis=0)
    score = geometry_score(rows, graph, rng)
    assert score.verdict(1.0) == "associative"


def test_scale_offset_and_rotation_do_not_matter():
    rng = np.random.default_rng(0)
    graph = graph_reference(grid_edges(4), 16, rng, replace(QUICK, null_draws=9))
    rows = rng.normal(size=(16, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    before, after = (
        geometry_score(embeddings, graph, np.random.default_rng(1))
        for embeddings in (rows, 5 * rows @ turn + 3)
    )
    assert after.correlation.value == pytest.approx(before.correlation.value)
    assert after.auc.value == pytest.approx(before.auc.value)
    assert after.correlation.rewired_p == before.correlation.rewired_p


def test_graphs_without_contrast_and_bad_embeddings_are_refused():
    rng = np.random.default_rng(0)
    star = np.stack([np.zeros(5, dtype=int), np.arange(1, 6)], 1)
    with pytest.raises(DataError, match="2 hops apart and nodes farther apart"):
        graph_reference(star, 6, rng, QUICK)
    graph = graph_reference(grid_edges(3), 9, rng, replace(QUICK, null_draws=1))
    with pytest.raises(DataError, match="8 embeddings for a graph of 9 nodes"):
        geometry_score(np.ones((8, 2)), graph, rng)
    with pytest.raises(NonFiniteError):
        geometry_score(np.full((9, 2), np.nan), graph, rng)
