"""The split: nothing lost, nothing twice, whole subtrees held out together."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.datasets.dataset import split_paths
from geometric_memory.errors import DataError
from geometric_memory.graphs.families.star import Star


def star(arms=4, branching=1):
    family = Star(star_degree=arms, star_subtree_degree=branching, path_length=4)
    return family.build(Random(1))


def split(graph, *, share=0.75, subtrees=False, seed=0):
    return split_paths(
        graph.paths, train_share=share, hold_out_subtrees=subtrees, generator=Random(seed)
    )


@given(st.integers(4, 12), st.integers(1, 3), st.floats(0.3, 0.7), st.booleans())
def test_every_path_is_on_one_side(arms, branching, share, subtrees):
    graph = star(arms, branching)
    train, test = split(graph, share=share, subtrees=subtrees)
    together = sorted(np.concatenate([train, test]).tolist())
    assert together == sorted(graph.paths.tolist())
    expected = int(arms * share) * branching**2 if subtrees else int(len(graph.paths) * share)
    assert len(train) == expected


def test_whole_subtrees_are_held_out_in_order():
    graph = star(8, 2)
    train, test = split(graph, subtrees=True)
    assert not set(train[:, 1].tolist()) & set(test[:, 1].tolist())
    listed = graph.paths.tolist()
    assert [listed.index(path) for path in train.tolist()] == sorted(
        listed.index(path) for path in train.tolist()
    )


@pytest.mark.parametrize(("share", "side"), [(0.1, "train"), (1.0, "test")])
def test_an_empty_side_is_refused(share, side):
    with pytest.raises(DataError, match=f"leaves none of the 4 paths for {side}"):
        split(star(), share=share)
