"""Batches: every example once per epoch, in an order that is a function."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import CPU

from geometric_memory.config import TaskSettings
from geometric_memory.tasks.examples import edge_examples, path_examples
from geometric_memory.tasks.vocabulary import Vocabulary
from geometric_memory.training.batches import Batches

NODES = 30
VOCABULARY = Vocabulary(NODES)


def kinds(edge_count, path_count):
    """Return edge facts i=i and paths of three times node i, so that rows are told apart."""
    nodes = np.arange(NODES)
    edges = np.stack([nodes, nodes], axis=1)[:edge_count]
    paths = np.stack([nodes] * 3, axis=1)[:path_count]
    settings = TaskSettings()
    return (
        edge_examples(edges, VOCABULARY, settings),
        path_examples(paths, VOCABULARY, settings, full_path=True, include_start_node=False),
    )


def batches(edge_count, path_count, size, *, seed=0, stage="joint_training"):
    return Batches(kinds(edge_count, path_count), size, seed=seed, stage=stage, device=CPU)


def rows_of(batch):
    """Return (length, node) of every row, from inputs, checked against the targets."""
    rows, start = [], 0
    for rectangle, count in zip(batch.rectangles, batch.target_counts, strict=True):
        assert rectangle.target_count == count
        for row in rectangle.inputs.tolist():
            assert batch.targets[start : start + count].tolist() == [row[1]] * count
            rows.append((count, row[1]))
            start += count
    assert start == len(batch.targets)
    return rows


counts = st.tuples(st.integers(0, NODES), st.integers(0, NODES)).filter(sum)


@given(counts, st.integers(1, 70), st.integers(0, 5), st.integers(0, 3))
def test_an_epoch_holds_every_example_once_and_the_last_short_batch_is_kept(sizes, size, seed, e):
    found = batches(*sizes, size, seed=seed)
    epoch = [rows_of(batch) for batch in found.epoch(e)]
    everything = [(1, i) for i in range(sizes[0])] + [(3, i) for i in range(sizes[1])]
    assert sorted(row for batch in epoch for row in batch) == sorted(everything)
    assert [len(batch) for batch in epoch[:-1]] == [size] * (len(epoch) - 1)
    assert 1 <= len(epoch[-1]) <= size
    assert len(epoch) == found.per_epoch


@given(counts, st.integers(1, 20), st.integers(0, 99))
def test_starting_inside_an_epoch_gives_its_tail(sizes, size, start):
    found = batches(*sizes, size)
    start %= found.per_epoch + 1
    whole = [rows_of(batch) for batch in found.epoch(1)]
    assert [rows_of(batch) for batch in found.epoch(1, start=start)] == whole[start:]


def test_the_order_depends_on_seed_stage_and_epoch_and_on_nothing_else():
    def order(epoch=0, **settings):
        return batches(20, 20, 7, **settings).order(epoch).tolist()

    torch.manual_seed(0)
    first = order()
    torch.manual_seed(1)
    torch.rand(3)
    assert order() == first
    assert batches(20, 20, 3).order(0).tolist() == first
    changed = [order(epoch=1), order(seed=1), order(stage="path_finetuning")]
    assert all(other != first for other in changed)
    assert all(sorted(other) == sorted(first) for other in changed)


def test_drawing_batches_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    list(batches(5, 5, 3).epoch(0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_no_examples_give_no_batches():
    found = batches(0, 0, 4)
    assert found.per_epoch == 0
    assert list(found.epoch(0)) == []


def facts_and_paths(edges, path_count=0):
    """Return the kinds of these edge facts, of which a node may have several, and of some paths."""
    return (edge_examples(np.array(edges), VOCABULARY, TaskSettings()), kinds(0, path_count)[1])


def answers_of(batch):
    """Return (asked node, target) of every fact of a batch, and the rows that ask."""
    states = [list(row) for row in batch.rectangles[0].inputs[:, 1:].tolist()]
    facts = batch.target_rows[0]
    pairs = zip(batch.states[:facts].tolist(), batch.targets[:facts].tolist(), strict=True)
    return [(states[state][0], target) for state, target in pairs], [row[0] for row in states]


edge_sets = st.sets(st.tuples(st.integers(0, 7), st.integers(0, NODES - 1)), min_size=1).map(sorted)


@given(edge_sets, st.integers(0, 5), st.integers(1, 40))
def test_facts_of_a_node_in_a_batch_are_asked_for_once(edges, path_count, size):
    found, unmerged = (
        Batches(
            facts_and_paths(edges, path_count), size, seed=1, stage="any", device=CPU, merged=merged
        )
        for merged in (True, False)
    )
    seen = []
    for batch, each in zip(found.epoch(0), unmerged.epoch(0), strict=True):
        assert batch.states.diff().ge(0).all()
        assert each.states.tolist() == list(range(len(each.targets)))
        assert batch.counted_rows == batch.target_rows == each.counted_rows == each.target_rows
        if batch.target_counts[0] == 1:
            facts, asked = answers_of(batch)
            assert len(asked) == len(set(asked))
            seen += facts
    assert sorted(seen) == edges
