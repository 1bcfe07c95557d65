"""What is measured for all members at once is what the analysis measures one by one."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recovery_reference import published_node2vec_recovery, scored_shares

from geometric_memory.analysis.cosines import geometric_levels
from geometric_memory.tiny.measures import EdgeReader, target_weights

NODES, CANDIDATES = 6, 9
edge_lists = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), min_size=1, max_size=20
).map(np.array)


@settings(max_examples=40)
@given(edge_lists, st.integers(0, 2**31), st.booleans())
def test_recovery_is_that_of_the_analysis(facts, seed, tied):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((3, NODES, CANDIDATES))
    if tied:  # ties count against the edge in both
        scores = scores.round()
    found = EdgeReader(facts, NODES).recovery(torch.from_numpy(scores))
    expected = [scored_shares(one, facts).mean() for one in scores]
    assert np.allclose(found.numpy(), expected, atol=1e-6)


@settings(max_examples=40)
@given(edge_lists, st.integers(0, 2**31))
def test_levels_are_those_of_the_analysis(facts, seed):
    embeddings = np.random.default_rng(seed).standard_normal((2, NODES, 4)) + 0.5
    found = EdgeReader(facts, NODES).levels(torch.from_numpy(embeddings).float()).numpy()
    for own, one in zip(found, embeddings, strict=True):
        levels = geometric_levels(one, facts)
        expected = [levels.published, levels.without_self_pairs, levels.non_edges]
        assert np.allclose(own, expected, atol=1e-5, equal_nan=True)


def test_recovery_within_k_is_that_of_the_analysis():
    rng = np.random.default_rng(0)
    facts = np.array([(0, 1), (1, 0), (1, 2), (2, 1), (3, 5), (4, 5)])
    scores = rng.standard_normal((2, NODES, NODES))
    masked = torch.from_numpy(scores).clone()
    masked.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
    found = EdgeReader(facts, NODES).recovery.within(masked, 2)
    expected = [published_node2vec_recovery(one, facts, k=2) for one in scores]
    assert np.allclose(found.numpy(), expected)


def test_target_weights_count_repeated_facts():
    facts = np.array([(0, 1), (0, 1), (2, 0), (2, 2)])
    weights = target_weights(facts, np.array([0, 2]), 5)
    assert weights.tolist() == [[0, 0.5, 0, 0, 0], [0.25, 0, 0.25, 0, 0]]
