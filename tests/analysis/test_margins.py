"""Edge margins and skewed logits: golden numbers, definitions, laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.analysis.margins import (
    edge_margins,
    linear_logits,
    neighbour_accuracy,
    published_linear_logits,
    skewed_logits,
    skewed_weight,
)
from geometric_memory.errors import DataError


def close(value: float):
    return pytest.approx(value, rel=1e-4, abs=1e-4)


def test_golden_margins(checkpoint):
    if "margins" not in checkpoint.metrics:
        return
    expected, edges = checkpoint.metrics["margins"], checkpoint.edges
    table, head = checkpoint.table, checkpoint.tensors["lm_head.weight"]
    weight = checkpoint.tensors["layers.0.mlp.fc1.weight"]
    bias = checkpoint.tensors["layers.0.mlp.fc1.bias"]
    original = published_linear_logits(table, weight)
    assert edge_margins(original, edges).mean == close(expected["release_edge_margin_original"])
    skewed = skewed_logits(table, weight)
    assert edge_margins(skewed, edges).mean == close(expected["release_edge_margin_skewed"])
    assert 100 * neighbour_accuracy(skewed, edges) == pytest.approx(
        expected["release_edge_top1_accuracy_skewed_percent"], abs=1e-5
    )
    # single logits move more than margins with the precision of the decomposition
    np.testing.assert_allclose(skewed[:3, :8], expected["skewed_logits_first_3x8"], atol=5e-4)
    exact = checkpoint.metrics["margins_float64"]
    for logits, name in ((original, "original"), (skewed, "skewed")):
        found = edge_margins(logits, edges).mean
        assert found == pytest.approx(exact[f"release_edge_margin_{name}"], rel=1e-9)
    right = linear_logits(table, weight, bias, head)
    assert edge_margins(right, edges).mean == close(expected["corrected_edge_margin_full_vocab"])
    assert edge_margins(right, edges, columns=checkpoint.nodes).mean == close(
        expected["corrected_edge_margin_nodes_only"]
    )
    assert 100 * neighbour_accuracy(right, edges) == pytest.approx(
        expected["corrected_edge_top1_accuracy_full_vocab_percent"], abs=1e-5
    )
    if "pos_encoding.weight" in checkpoint.tensors:
        positioned = table + checkpoint.tensors["pos_encoding.weight"][1]
        right = linear_logits(positioned, weight, bias, head)
    forward = expected["model_forward_edge_margin_full_vocab"]
    assert edge_margins(right, edges).mean == close(forward)


PUBLISHED_WORST = {  # mean and smallest worst-edge margin, experiments.md 2.5
    "base_cycle_feedforward_plain_d512": (8.691, 8.462),
    "base_star_feedforward_plain_d32": (9.160, 8.110),
    "reg_cycle_feedforward_plain_d512_non_geometric_lr0p0001_wd0_do0": (16.268, 13.662),
    "self_star_associative_d32": (1.515, 0.866),
}


def test_published_worst_edge_margins(checkpoint):
    if checkpoint.name not in PUBLISHED_WORST:
        return
    weight = checkpoint.tensors["layers.0.mlp.fc1.weight"]
    logits = linear_logits(checkpoint.table, weight, checkpoint.tensors["layers.0.mlp.fc1.bias"])
    margins = edge_margins(logits, checkpoint.edges)
    found = (margins.worst.mean(), margins.worst.min())
    assert found == pytest.approx(PUBLISHED_WORST[checkpoint.name], abs=6e-4)


LOGITS = np.array([[9.0, 5.0, 1.0, 2.0], [3.0, 9.0, 4.0, 6.0], [0.0, 7.0, 9.0, 1.0]])
EDGES = np.array([[0, 1], [0, 2], [1, 0], [1, 1]])


def test_margins_by_hand():
    margins = edge_margins(LOGITS, EDGES)
    np.testing.assert_array_equal(margins.nodes, [0, 1])
    # node 0: targets 5 and 1, non-target 2, itself 9 and not trained
    # node 1: target 3, non-targets 4 and 6, itself 9 and trained
    np.testing.assert_array_equal(margins.best, [3, -3])
    np.testing.assert_array_equal(margins.worst, [1 - 9, 3 - 6])
    assert edge_margins(LOGITS, EDGES, columns=3).mean == -1  # node 0 has no non-target there
    with pytest.raises(DataError):
        edge_margins(LOGITS, np.array([[2, 2]]))
    with pytest.raises(DataError, match="nodes 0 to 3, but the logits are 3 rows of 4 columns"):
        edge_margins(LOGITS, np.array([[3, 0]]))


def test_neighbour_accuracy_by_hand():
    assert neighbour_accuracy(LOGITS, EDGES) == 0
    assert neighbour_accuracy(LOGITS, EDGES, mask_self=True) == 0.5
    with pytest.raises(DataError):
        neighbour_accuracy(LOGITS, np.array([[2, 2]]))


def test_a_positive_worst_margin_is_full_recovery():
    logits = np.array([[0.0, 5.0, 4.0, 1.0], [5.0, 0.0, 1.0, 1.0]])
    margins = edge_margins(logits, np.array([[0, 1], [0, 2], [1, 0]]))
    np.testing.assert_array_equal(margins.worst, [3, 4])


@given(st.integers(0, 10_000))
def test_skewed_weight_is_the_diagonal_part_of_the_map(seed):
    rng = np.random.default_rng(seed)
    table, weight = rng.normal(size=(9, 4)), rng.normal(size=(4, 4))
    skewed = skewed_weight(table, weight)
    np.testing.assert_allclose(skewed, skewed.T, atol=1e-12)
    np.testing.assert_allclose(skewed_weight(table, skewed), skewed, atol=1e-10)
    turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    turned = skewed_logits(table @ turn, turn.T @ weight @ turn)
    np.testing.assert_allclose(turned, skewed_logits(table, weight), atol=1e-9)
    diagonal = np.linalg.svd(table)[2]
    own = diagonal.T @ np.diag(rng.normal(size=4)) @ diagonal
    np.testing.assert_allclose(skewed_weight(table, own), own, atol=1e-10)
    bias = rng.normal(size=4)
    shift = skewed_logits(table, weight, bias) - skewed_logits(table, weight)
    np.testing.assert_allclose(shift, np.tile(table @ bias, (9, 1)), atol=1e-10)
