import numpy as np
import pytest

from geometric_memory.analysis.arms import (
    leaf_by_first_hop,
    path_distances,
    sample_arms,
)
from geometric_memory.errors import DataError

RNG = np.random.default_rng(0)
PATHS = np.concatenate([np.zeros((5, 1), dtype=int), 1 + np.arange(15).reshape(5, 3)], axis=1)


def cosine(left, right):
    return left @ right / np.linalg.norm(left) / np.linalg.norm(right)


def test_leaf_by_first_hop_is_the_cosine_of_every_pair():
    rows = RNG.standard_normal((16, 6))
    found = leaf_by_first_hop(rows, PATHS)
    assert found[1, 4] == pytest.approx(cosine(rows[PATHS[1, 3]], rows[PATHS[4, 1]]))


def test_path_distances_are_means_over_pairs_of_distinct_nodes():
    rows = RNG.standard_normal((16, 6))
    found = path_distances(rows, PATHS)
    across = [1 - cosine(rows[u], rows[v]) for u in PATHS[0, 1:] for v in PATHS[2, 1:]]
    within = [1 - cosine(rows[u], rows[v]) for u in PATHS[3, 1:] for v in PATHS[3, 1:] if u != v]
    assert found[0, 2] == pytest.approx(np.mean(across))
    assert found[3, 3] == pytest.approx(np.mean(within))
    np.testing.assert_allclose(found, found.T)


def test_a_perfect_map_has_its_diagonal_alone():
    arm = np.repeat(np.eye(5), 3, axis=0)
    rows = np.concatenate([np.ones((1, 5)), arm])
    np.testing.assert_allclose(path_distances(rows, PATHS), 1 - np.eye(5), atol=1e-12)


def test_short_paths_have_no_inner_distance():
    with pytest.raises(DataError, match="two nodes below the root"):
        path_distances(np.ones((3, 2)), np.array([[0, 1], [0, 2]]))


@pytest.mark.parametrize(("unseen", "expected"), [(50, 10), (3, 3), (97, 17)])
def test_half_of_the_sample_is_held_out_where_there_are_as_many(unseen, expected):
    held_out = np.arange(100) >= 100 - unseen
    chosen = sample_arms(held_out, 20, np.random.default_rng(1))
    assert len(set(chosen.tolist())) == 20
    assert held_out[chosen].sum() == expected
    assert (np.diff(held_out[chosen].astype(int)) >= 0).all()


def test_few_arms_are_all_taken_held_out_last():
    chosen = sample_arms(np.array([True, False, True, False]), 9, np.random.default_rng(0))
    assert chosen.tolist() == [1, 3, 0, 2]
