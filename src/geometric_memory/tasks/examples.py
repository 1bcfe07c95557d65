"""Edge facts and paths as examples: rectangles of tokens, one row per example.

In a graph with 17 nodes (so [PAUSE] = 18, [EDGE] = 24, [PATH] = 25), with one pause token:

    edge 3=7        input  24 3            target       7
    path 9=0,4,9    input  25 9 18  0 4    target       0 4 9      (root first)

The last prompt token predicts the first target. Every row of a rectangle has the same shape, and
with task tokens the same first token, which the models compute once per rectangle, not per row.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int

from geometric_memory.config import TaskSettings
from geometric_memory.tasks.vocabulary import Vocabulary

PathPart = Literal["start", "given_start", "hard_token", "middle", "queried_node"]
"""The hard token is the node after the start, to which no edge leads from what is asked. The
queried node stands in the prompt, and so does a given start: answering them is copying."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Examples:
    """Prompts and targets of one kind; row i of both is example i."""

    kind: str
    """Name of the kind: edge or path."""
    prompts: Int[np.ndarray, "examples prompt"]
    """Tokens that are given."""
    targets: Int[np.ndarray, "examples target"]
    """Tokens that are to be predicted, in order."""
    inputs: Int[np.ndarray, "examples input"]
    """What the model reads: prompt and targets without the last, or the teacherless token."""

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def groups(self) -> tuple["Examples", ...]:
        """The rectangles of these examples: one."""
        return (self,)

    @property
    def nodes(self) -> Int[np.ndarray, "examples target"]:
        """Target nodes; here a node is a token."""
        return self.targets

    @property
    def first_target(self) -> int:
        """Position in `inputs` that predicts the first target."""
        return self.prompts.shape[1] - 1

    @property
    def shared_first_token(self) -> bool:
        """Whether every row opens with the same token, followed by more."""
        opening = self.inputs[:, 0]
        return self.inputs.shape[1] > 1 and len(opening) > 0 and bool((opening == opening[0]).all())


def edge_examples(
    edges: Int[np.ndarray, "edges 2"], vocabulary: Vocabulary, settings: TaskSettings
) -> Examples:
    """Return one example per edge fact: prompt u, target v."""
    pauses = int(settings.edge_memorization_include_pause_token)
    prompts = prompts_of(edges[:, :1], vocabulary.edge_task, pauses, vocabulary, settings)
    return examples_of("edge", prompts, edges[:, 1:], vocabulary, settings)


def path_examples(
    paths: Int[np.ndarray, "paths length"],
    vocabulary: Vocabulary,
    settings: TaskSettings,
    *,
    full_path: bool,
    include_start_node: bool,
) -> Examples:
    """Return one example per path: prompt the leaf (and the root), target the path.

    Without `full_path` the target is the node after the root alone (the hardest token).
    """
    queried, targets = path_query(
        paths, settings, full_path=full_path, include_start_node=include_start_node
    )
    pauses = settings.path_prefix_pause_token_count
    prompts = prompts_of(queried, vocabulary.path_task, pauses, vocabulary, settings)
    return examples_of("path", prompts, targets, vocabulary, settings)


def path_query(
    paths: Int[np.ndarray, "paths length"],
    settings: TaskSettings,
    *,
    full_path: bool,
    include_start_node: bool,
) -> tuple[Int[np.ndarray, "paths queried"], Int[np.ndarray, "paths target"]]:
    """Return the nodes that a prompt names, and the nodes that are the answer."""
    queried = paths[:, [0, -1]] if include_start_node else paths[:, -1:]
    targets = paths if full_path else paths[:, 1:2]
    if full_path and settings.reverse_path_targets:
        targets = targets[:, ::-1]
    return queried, targets


def path_parts(
    length: int, settings: TaskSettings, *, full_path: bool, include_start_node: bool
) -> tuple[PathPart, ...]:
    """Return what each node of a path's target is, in the order of the target.

    The second node of a path of two is the one asked for, and no hard token.
    """

    def part(place: int) -> PathPart:
        if place == length - 1:
            return "queried_node"
        if place:
            return "hard_token" if place == 1 else "middle"
        return "given_start" if include_start_node else "start"

    if not full_path:
        return (part(1),)
    order = range(length)[:: -1 if settings.reverse_path_targets else 1]
    return tuple(part(place) for place in order)


def prompts_of(
    queried: Int[np.ndarray, "examples queried"],
    task_token: int,
    pauses: int,
    vocabulary: Vocabulary,
    settings: TaskSettings,
) -> Int[np.ndarray, "examples prompt"]:
    """Return task token (if wanted), what is asked, and pauses, row by row."""
    count = len(queried)
    opening = int(settings.include_task_token_in_prefix)
    parts = [
        np.full((count, opening), task_token),
        queried,
        np.full((count, pauses), vocabulary.pause),
    ]
    return np.concatenate(parts, axis=1).astype(np.int64)


def examples_of(
    kind: str,
    prompts: Int[np.ndarray, "examples prompt"],
    targets: Int[np.ndarray, "examples target"],
    vocabulary: Vocabulary,
    settings: TaskSettings,
) -> Examples:
    """Return examples whose model input is the prompt and all targets but the last."""
    targets = np.ascontiguousarray(targets, dtype=np.int64)
    answers = targets[:, :-1]
    if settings.use_teacherless_inputs:
        answers = np.full_like(answers, vocabulary.teacherless)
    inputs = np.concatenate([prompts, answers], axis=1)
    return Examples(kind=kind, prompts=prompts, targets=targets, inputs=inputs)
