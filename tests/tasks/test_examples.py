"""Edge facts and paths as tokens, written out row by row."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.config import TaskSettings
from geometric_memory.tasks.examples import edge_examples, path_examples, path_parts
from geometric_memory.tasks.vocabulary import Vocabulary

VOCABULARY = Vocabulary(17)
PAUSE, DOLLAR, EDGE, PATH = 18, 20, 24, 25
EDGES = np.array([[3, 7], [7, 3], [0, 0]])
PATHS = np.array([[0, 4, 9], [0, 5, 11]])


def paths(*, full_path=True, include_start_node=False, **settings):
    return path_examples(
        PATHS,
        VOCABULARY,
        TaskSettings(**settings),
        full_path=full_path,
        include_start_node=include_start_node,
    )


@pytest.mark.parametrize(
    ("settings", "inputs"),
    [
        ({}, [[EDGE, 3], [EDGE, 7], [EDGE, 0]]),
        ({"include_task_token_in_prefix": False}, [[3], [7], [0]]),
        (
            {"edge_memorization_include_pause_token": True, "path_prefix_pause_token_count": 5},
            [[EDGE, 3, PAUSE], [EDGE, 7, PAUSE], [EDGE, 0, PAUSE]],
        ),
        ({"use_teacherless_inputs": True}, [[EDGE, 3], [EDGE, 7], [EDGE, 0]]),
        ({"reverse_path_targets": True}, [[EDGE, 3], [EDGE, 7], [EDGE, 0]]),
    ],
)
def test_edge_facts(settings, inputs):
    examples = edge_examples(EDGES, VOCABULARY, TaskSettings(**settings))
    assert examples.prompts.tolist() == examples.inputs.tolist() == inputs
    assert examples.targets.tolist() == [[7], [3], [0]]
    assert examples.first_target == len(inputs[0]) - 1
    assert len(examples) == 3
    assert examples.shared_first_token == (inputs[0][0] == EDGE)


@pytest.mark.parametrize(
    ("settings", "first_input", "first_target"),
    [
        ({}, [PATH, 9, PAUSE, 0, 4], [0, 4, 9]),
        ({"path_prefix_pause_token_count": 0}, [PATH, 9, 0, 4], [0, 4, 9]),
        ({"path_prefix_pause_token_count": 2}, [PATH, 9, PAUSE, PAUSE, 0, 4], [0, 4, 9]),
        ({"include_task_token_in_prefix": False}, [9, PAUSE, 0, 4], [0, 4, 9]),
        ({"include_start_node": True}, [PATH, 0, 9, PAUSE, 0, 4], [0, 4, 9]),
        ({"reverse_path_targets": True}, [PATH, 9, PAUSE, 9, 4], [9, 4, 0]),
        ({"use_teacherless_inputs": True}, [PATH, 9, PAUSE, DOLLAR, DOLLAR], [0, 4, 9]),
        ({"full_path": False}, [PATH, 9, PAUSE], [4]),
        ({"full_path": False, "reverse_path_targets": True}, [PATH, 9, PAUSE], [4]),
        ({"full_path": False, "use_teacherless_inputs": True}, [PATH, 9, PAUSE], [4]),
    ],
)
def test_paths(settings, first_input, first_target):
    examples = paths(**settings)
    assert examples.inputs[0].tolist() == first_input
    assert examples.targets[0].tolist() == first_target
    assert examples.inputs.shape[1] - examples.first_target == len(first_target)
    assert examples.prompts[0].tolist() == first_input[: examples.first_target + 1]


@pytest.mark.parametrize("full_path", [True, False])
def test_the_targets_of_a_single_path_are_no_reversed_view(full_path):
    """NumPy calls one reversed entry contiguous; torch refuses it."""
    examples = path_examples(
        PATHS[:1],
        VOCABULARY,
        TaskSettings(reverse_path_targets=True),
        full_path=full_path,
        include_start_node=False,
    )
    assert torch.from_numpy(examples.targets).tolist() == [[9, 4, 0] if full_path else [4]]


@given(st.integers(0, 3), st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_inputs_are_prompts_and_targets_without_the_last(pauses, task, start, reverse, full):
    examples = paths(
        path_prefix_pause_token_count=pauses,
        include_task_token_in_prefix=task,
        reverse_path_targets=reverse,
        include_start_node=start,
        full_path=full,
    )
    joined = np.concatenate([examples.prompts, examples.targets], axis=1)[:, :-1]
    assert examples.inputs.tolist() == joined.tolist()
    first_differs = not task and not start
    alone = examples.inputs.shape[1] == 1
    assert examples.shared_first_token == (not first_differs and not alone)


def test_no_examples_are_no_problem():
    examples = edge_examples(EDGES[:0], VOCABULARY, TaskSettings())
    assert len(examples) == 0
    assert not examples.shared_first_token


@pytest.mark.parametrize(
    ("length", "settings", "switches", "parts"),
    [
        (5, {}, {}, ["start", "hard_token", "middle", "middle", "queried_node"]),
        (4, {"reverse_path_targets": True}, {}, ["queried_node", "middle", "hard_token", "start"]),
        (3, {}, {"include_start_node": True}, ["given_start", "hard_token", "queried_node"]),
        (2, {}, {}, ["start", "queried_node"]),
        (4, {"reverse_path_targets": True}, {"full_path": False}, ["hard_token"]),
    ],
)
def test_every_node_of_a_path_is_one_part_of_it(length, settings, switches, parts):
    switches = {"full_path": True, "include_start_node": False} | switches
    assert list(path_parts(length, TaskSettings(**settings), **switches)) == parts
