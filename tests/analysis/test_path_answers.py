from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.analysis.path_answers import KINDS, answer_kinds, linked
from geometric_memory.errors import DataError

# Root 0; arms 0-1-2 and 0-3-4; and a triangle 4-5-6 that hangs on the second.
EDGES = np.array([[0, 1], [1, 2], [0, 3], [3, 4], [4, 5], [5, 6], [6, 4], [2, 2]])


@pytest.mark.parametrize(
    ("answer", "target", "rooted", "kind"),
    [
        ([0, 1, 2], [0, 1, 2], True, "right"),
        ([0, 3, 4], [0, 1, 2], True, "wrong arm"),
        ([0, 3, 4], [0, 1, 2], False, "another target"),
        ([1, 0, 3], [0, 1, 2], True, "another target"),
        ([0, 1, 0], [0, 1, 2], True, "another target"),
        ([0, 4, 2], [0, 1, 2], True, "broken edge"),
        ([0, 0, 2], [0, 1, 2], True, "broken edge"),
        ([1, 2, 2], [0, 1, 2], True, "broken edge"),
        ([0, 1, 7], [0, 1, 2], True, "not a node"),
        ([0, -1, 2], [0, 1, 2], True, "not a node"),
        ([4, 5, 4, 6], [4, 6, 5, 6], False, "another route"),
        ([3, 4], [3, 0], False, "another target"),
    ],
)
def test_each_kind(answer, target, rooted, kind):
    found = answer_kinds(np.array([answer]), np.array([target]), EDGES, 7, rooted=rooted)
    assert KINDS[found[0]] == kind


@given(st.lists(st.lists(st.integers(-2, 9), min_size=3, max_size=3), min_size=1, max_size=20))
def test_an_answer_is_of_a_walking_kind_exactly_when_all_steps_are_edges(rows):
    answers = np.array(rows)
    targets = np.tile([0, 1, 2], (len(rows), 1))
    kinds = answer_kinds(answers, targets, EDGES, 7, rooted=True)
    undirected = {frozenset(edge) for edge in EDGES.tolist() if edge[0] != edge[1]}
    for row, kind in zip(rows, kinds, strict=True):
        steps = [frozenset(step) in undirected for step in pairwise(row)]
        if not all(0 <= node < 7 for node in row):
            assert KINDS[kind] == "not a node"
        else:
            assert (KINDS[kind] == "broken edge") == (not all(steps))
        assert (KINDS[kind] == "right") == (row == [0, 1, 2])


def test_steps_count_in_both_directions_and_self_edges_do_not():
    steps = linked(np.array([[1, 0, 3, 1], [2, 2, 1, 2]]), EDGES, 7)
    assert steps.tolist() == [[True, True, False], [False, True, True]]


def test_a_path_has_two_nodes():
    with pytest.raises(DataError, match="at least two nodes"):
        answer_kinds(np.array([[1]]), np.array([[1]]), EDGES, 7, rooted=True)
