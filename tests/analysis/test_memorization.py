"""Recovery in its one definition, the published variants, ceilings and floors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recovery_reference import (
    any_target_share,
    edge_accuracy,
    published_node2vec_recovery,
    published_top_k_recovery,
    ranked_shares,
    scored_shares,
)

from geometric_memory.analysis.memorization import (
    edge_accuracy_ceiling,
    edge_loss_floor,
    node_loss_floor,
    path_chance,
)

EDGES = np.array([[0, 1], [0, 2], [0, 2], [1, 0], [3, 3]])
PREDICTIONS = np.array([[2, 3, 1], [0, 1, 2], [0, 1, 2], [3, 0, 1]])


def ranked(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")


def test_recovery_is_the_share_within_the_degree():
    np.testing.assert_allclose(ranked_shares(PREDICTIONS, EDGES), [0.5, 1, 1])
    np.testing.assert_allclose(ranked_shares(PREDICTIONS, EDGES, cap=1), [0.5, 1, 1])


def test_excluded_self_predictions_are_neither_predicted_nor_wanted():
    predictions = np.array([[0, 2, 1], [1, 0, 2], [0, 1, 2], [3, 0, 1]])
    assert (ranked_shares(predictions, EDGES, self_predictions="excluded") == [1, 1]).all()
    np.testing.assert_allclose(ranked_shares(predictions, EDGES), [0.5, 0, 1])


@given(
    st.integers(0, 10_000), st.sampled_from(["counted", "excluded"]), st.sampled_from([None, 1, 2])
)
def test_scores_and_ranks_agree_when_nothing_ties(seed, rule, cap):
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, 8, (20, 2))
    edges = np.concatenate([edges, [[0, 1]]])
    scores = rng.permuted(np.tile(np.arange(12.0), (8, 1)), axis=1)
    by_scores = scored_shares(scores, edges, cap=cap, self_predictions=rule)
    by_ranks = ranked_shares(ranked(scores), edges, cap=cap, self_predictions=rule)
    np.testing.assert_allclose(by_scores, by_ranks)


def test_ties_count_against_the_target():
    edges = np.array([[0, 1], [1, 2]])
    assert scored_shares(np.zeros((2, 4)), edges).mean() == 0
    tied_targets = np.array([[0.0, 1.0, 1.0, 0.0]])
    assert (scored_shares(tied_targets, np.array([[0, 1], [0, 2]])) == 1).all()


def test_a_node_of_degree_six_cannot_reach_the_published_recovery():
    edges = np.stack([np.zeros(6, dtype=int), np.arange(1, 7)], 1)
    predictions = np.tile(np.arange(1, 7), (7, 1))
    assert published_top_k_recovery(predictions, edges) == pytest.approx(5 / 6)
    assert (ranked_shares(predictions, edges) == 1).all()


def test_accuracy_ceiling_of_distinct_and_repeated_rows(path_star):
    forward = path_star(4, 5)
    both = np.concatenate([forward, forward[:, ::-1]])
    assert edge_accuracy_ceiling(both) == pytest.approx(17 / 32)
    assert edge_accuracy_ceiling(forward) == pytest.approx(13 / 16)
    own = np.stack([np.arange(17)] * 2, 1)
    assert edge_accuracy_ceiling(np.concatenate([both, own, own])) == pytest.approx(34 / 66)
    assert edge_accuracy_ceiling(np.concatenate([both, own])) == pytest.approx(17 / 49)


def test_loss_floor_is_the_conditional_entropy(cycle, path_star):
    assert edge_loss_floor(cycle(15)) == pytest.approx(np.log(2))
    forward = path_star(4, 5)
    both = np.concatenate([forward, forward[:, ::-1]])
    own = np.stack([np.arange(17)] * 2, 1)
    assert edge_loss_floor(both) == pytest.approx(0.6931, abs=5e-5)
    assert edge_loss_floor(np.concatenate([both, own, own])) == pytest.approx(1.0138, abs=5e-5)


@given(st.integers(0, 10_000))
def test_no_predictor_beats_the_ceiling_or_the_floor(seed):
    rng = np.random.default_rng(seed)
    edges = rng.integers(0, 5, (12, 2))
    counts = np.zeros((5, 5))
    np.add.at(counts, (edges[:, 0], edges[:, 1]), 1)
    ceiling = edge_accuracy_ceiling(edges)
    assert edge_accuracy(counts.argmax(1), edges) == pytest.approx(ceiling)
    assert edge_accuracy(rng.integers(0, 5, 5), edges) <= ceiling + 1e-12
    logits = rng.normal(size=(5, 5))
    losses = -np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))
    assert losses[edges[:, 0], edges[:, 1]].mean() >= edge_loss_floor(edges) - 1e-12


def test_the_floor_of_means_over_nodes_counts_every_node_once():
    """Degrees 2 and 1: ln 2 at one of two nodes, however often an edge is listed."""
    assert node_loss_floor(np.array([[0, 1], [0, 2], [1, 0], [0, 1]])) == pytest.approx(
        np.log(2) / 2
    )


def test_a_guess_chooses_among_the_most_branches_at_one_place():
    assert path_chance(np.array([[0, 1, 4], [0, 2, 5], [0, 2, 6]])) == pytest.approx(100 / 3)
    assert path_chance(np.zeros((0, 3), dtype=int)) == 0


def test_any_target_share():
    assert any_target_share(np.array([2, 2, 0, 3]), EDGES) == pytest.approx(2 / 3)


def test_golden_recoveries(checkpoint):
    if checkpoint.metrics["kind"] == "node2vec":
        scores = checkpoint.embeddings.astype(np.float64) @ checkpoint.embeddings.T.astype(
            np.float64
        )
        rule = "counted" if checkpoint.metrics["self_predictions_allowed"] else "excluded"
        for k, name in ((5, "topk_recovery_percent"), (1, "top1_recovery_percent")):
            share = published_node2vec_recovery(
                scores, checkpoint.edges, k=k, self_predictions=rule
            )
            assert 100 * share == pytest.approx(checkpoint.metrics[name], abs=1e-6)
        best = scores.argmax(1)
        assert edge_accuracy(best, checkpoint.edges) == pytest.approx(
            checkpoint.metrics["argmax_including_self_fraction_of_edges"], abs=1e-6
        )
        assert (scored_shares(scores, checkpoint.edges, self_predictions=rule) == 1).all()
        return
    predictions = np.array(checkpoint.metrics["topk_predictions"])
    assert 100 * published_top_k_recovery(predictions, checkpoint.edges) == pytest.approx(
        checkpoint.metrics["topk_recovery_percent"], abs=1e-6
    )
    assert edge_accuracy(predictions[:, 0], checkpoint.edges) == pytest.approx(
        checkpoint.metrics["edge_argmax_accuracy"], abs=1e-6
    )
    assert any_target_share(predictions[:, 0], checkpoint.edges) == pytest.approx(
        checkpoint.metrics["argmax_is_any_target_fraction"], abs=1e-6
    )
    assert (
        checkpoint.metrics["edge_argmax_accuracy"] <= edge_accuracy_ceiling(checkpoint.edges) + 1e-6
    )
    assert checkpoint.metrics["edge_loss_float64"] >= edge_loss_floor(checkpoint.edges)
