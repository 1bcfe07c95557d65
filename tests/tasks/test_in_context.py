"""The in-context path-star: laws of its prompts, and that nothing gives the answer away."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.config import GraphSettings, RunConfig, TaskSettings, TrainingSettings
from geometric_memory.tasks.in_context import (
    ContextGraphs,
    context_examples,
    context_graphs,
    context_task,
    fingerprints,
)
from geometric_memory.tasks.vocabulary import Vocabulary

sizes = st.tuples(st.integers(1, 6), st.integers(2, 6), st.integers(0, 8))


def drawn(size, seed=0, count=40):
    arms, length, spare = size
    labels = arms * (length - 1) + 1 + spare
    rng = np.random.default_rng(seed)
    return context_graphs(count, arms=arms, length=length, labels=labels, rng=rng), labels


def walks(edges, start, goal):
    """Return every path from start to goal along the edges."""
    following = [[start]]
    found = []
    while following:
        walk = following.pop()
        if walk[-1] == goal:
            found.append(walk)
        following += [[*walk, v] for u, v in edges if u == walk[-1] and v not in walk]
    return found


@given(sizes, st.integers(0, 2**32))
def test_one_path_leads_from_start_to_goal_and_it_is_the_target(size, seed):
    graphs, _ = drawn(size, seed, count=5)
    for edges, path in zip(graphs.edges.tolist(), graphs.paths.tolist(), strict=True):
        assert walks(edges, path[0], path[-1]) == [path]


@given(sizes, st.integers(0, 2**32))
def test_every_prompt_lists_a_whole_path_star(size, seed):
    (arms, length, _), (graphs, labels) = size, drawn(size, seed, count=5)
    for edges, path in zip(graphs.edges.tolist(), graphs.paths.tolist(), strict=True):
        assert len({tuple(edge) for edge in edges}) == arms * (length - 1)
        into = Counter(v for _, v in edges)
        out = Counter(u for u, _ in edges)
        assert set(into.values()) == {1}
        assert into[path[0]] == 0
        assert out[path[0]] == arms
        assert all(count == 1 for node, count in out.items() if node != path[0])
        assert {node for edge in edges for node in edge} <= set(range(labels))


def test_neither_order_nor_labels_give_the_arm_away():
    """The right first edge stands at every place, and its label at every rank, equally often."""
    arms, count = 4, 6000
    graphs, _ = drawn((arms, 4, 6), count=count)
    place, rank = np.empty(count, int), np.empty(count, int)
    for index, (edges, path) in enumerate(zip(graphs.edges, graphs.paths, strict=True)):
        first = [v for u, v in edges.tolist() if u == path[0]]
        place[index], rank[index] = first.index(path[1]), sorted(first).index(path[1])
    five_sigma = 5 * np.sqrt(count * (1 / arms) * (1 - 1 / arms))
    for seen in (place, rank):
        assert np.abs(np.bincount(seen, minlength=arms) - count / arms).max() < five_sigma


def test_graphs_differ_between_prompts():
    graphs, _ = drawn((2, 5, 30), count=500)
    assert len({path.tobytes() for path in graphs.paths}) == 500


ONE = ContextGraphs(
    edges=np.array([[[4, 9], [7, 1], [7, 4], [9, 2], [1, 8], [8, 5]]]),
    paths=np.array([[7, 4, 9, 2]]),
)


@pytest.mark.parametrize(
    ("settings", "recipe", "prompt", "targets"),
    [
        ({}, "mixed_full_path", "[PATH]4,9|7,1|7,4|9,2|1,8|8,5/7,2[PAUSE]", [7, 4, 9, 2]),
        (
            {"include_task_token_in_prefix": False, "path_prefix_pause_token_count": 0},
            "mixed_full_path",
            "4,9|7,1|7,4|9,2|1,8|8,5/7,2",
            [7, 4, 9, 2],
        ),
        (
            {"reverse_path_targets": True},
            "mixed_full_path",
            "[PATH]4,9|7,1|7,4|9,2|1,8|8,5/7,2[PAUSE]",
            [2, 9, 4, 7],
        ),
        ({}, "mixed_hardest_token", "[PATH]4,9|7,1|7,4|9,2|1,8|8,5/7,2[PAUSE]", [4]),
    ],
)
def test_prompts_read_as_documented(settings, recipe, prompt, targets):
    vocabulary = Vocabulary(10)
    config = RunConfig(
        graph=GraphSettings(star_degree=2, path_length=4),
        task=TaskSettings(task_family="in_context", **settings),
        training=TrainingSettings(training_recipe=recipe),
    )
    examples = context_examples(ONE, vocabulary, config)
    assert vocabulary.decode(examples.prompts[0]) == prompt
    assert examples.targets.tolist() == [targets]
    assert examples.inputs[0].tolist() == [*examples.prompts[0], *targets[:-1]]
    assert examples.inputs.shape[1] + 1 == config.longest_sequence


def test_teacherless_inputs_hide_the_answer():
    vocabulary = Vocabulary(10)
    config = RunConfig(
        graph=GraphSettings(star_degree=2, path_length=4),
        task=TaskSettings(task_family="in_context", use_teacherless_inputs=True),
    )
    examples = context_examples(ONE, vocabulary, config)
    assert vocabulary.decode(examples.inputs[0]).endswith("[PAUSE]$$$")


def test_training_and_held_out_prompts_are_drawn_apart_and_by_the_seed():
    def task(seed):
        return context_task(
            RunConfig(
                graph=GraphSettings(star_degree=2, path_length=4, random_seed=seed),
                task=TaskSettings(
                    task_family="in_context", context_train_prompts=8, context_test_prompts=8
                ),
            )
        )

    first = task(1)
    assert fingerprints(first) == fingerprints(task(1))
    assert fingerprints(first)["train"] != fingerprints(first)["test"]
    assert fingerprints(first)["train"] != fingerprints(task(2))["train"]
    assert first.branches == 2
    assert len(first.edge_facts) == 0
