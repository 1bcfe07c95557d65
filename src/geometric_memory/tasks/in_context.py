"""The in-context path-star: every prompt lists its own graph, whose edges are not memorized.

The contrast of the paper (Fig 5), after Bachmann and Nagarajan (2024, https://arxiv.org/abs/2403.06963).
With d arms of l nodes, labels drawn anew, the edges shuffled, and one pause token:

    [PATH] 4 9 | 7 1 | 7 4 | 9 2 | 1 8 | 8 5 / 7 2 [PAUSE]      target 7 4 9 2

The arm asked for is as likely to be listed first as any other, and its labels are as random, so
nothing but the edges shows which node follows the start.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from geometric_memory.config import RunConfig
from geometric_memory.randomness import stream_seed
from geometric_memory.tasks.examples import Examples, examples_of, path_query, prompts_of
from geometric_memory.tasks.task import Task, parts_of
from geometric_memory.tasks.vocabulary import Vocabulary


class ContextGraphs(NamedTuple):
    """A path-star for every prompt."""

    edges: Int[np.ndarray, "prompts edges 2"]
    """Away from the start, in the shuffled order of the prompt."""
    paths: Int[np.ndarray, "prompts length"]
    """From the start to the goal."""


def context_graphs(
    count: int, *, arms: int, length: int, labels: int, rng: np.random.Generator
) -> ContextGraphs:
    """Draw `count` path-stars with `arms` arms of `length` nodes, start included."""
    nodes = arms * (length - 1) + 1
    drawn = rng.random((count, labels)).argsort(axis=1)[:, :nodes]
    below = drawn[:, 1:].reshape(count, arms, length - 1)
    starts = np.broadcast_to(drawn[:, :1, None], (count, arms, 1))
    walks = np.concatenate([starts, below], axis=2)
    edges = np.stack([walks[:, :, :-1], walks[:, :, 1:]], axis=-1).reshape(count, -1, 2)
    order = rng.random(edges.shape[:2]).argsort(axis=1)
    return ContextGraphs(
        edges=np.take_along_axis(edges, order[:, :, None], axis=1), paths=walks[:, 0]
    )


def context_task(config: RunConfig) -> Task:
    """Return the task that `config` describes; `graph.random_seed` draws its graphs."""
    settings = config.task
    vocabulary = Vocabulary(settings.context_label_count)
    nothing = np.zeros((0, 2), dtype=np.int64)

    def prompts(split: str, count: int) -> Examples:
        graphs = context_graphs(
            count,
            arms=config.graph.star_degree,
            length=config.graph.path_length,
            labels=settings.context_label_count,
            rng=np.random.default_rng(stream_seed(config.graph.random_seed, "context", split)),
        )
        return context_examples(graphs, vocabulary, config)

    return Task(
        vocabulary=vocabulary,
        edges=nothing,
        edge_facts=examples_of("edge", nothing[:, :1], nothing[:, 1:], vocabulary, settings),
        train_paths=prompts("train", settings.context_train_prompts),
        test_paths=prompts("test", settings.context_test_prompts),
        path_parts=parts_of(config.graph.path_length, config),
        branches=config.graph.star_degree,
    )


def context_examples(graphs: ContextGraphs, vocabulary: Vocabulary, config: RunConfig) -> Examples:
    """Return one example per graph: prompt its edges, start and goal, target the path."""
    settings = config.task
    queried, targets = path_query(
        graphs.paths, settings, full_path=config.training.full_path, include_start_node=True
    )
    marks = np.full((*graphs.edges.shape[:2], 1), vocabulary.special("|"))
    marks[:, -1] = vocabulary.special("/")
    listed = np.concatenate([graphs.edges, marks], axis=2).reshape(len(queried), -1)
    prompts = prompts_of(
        np.concatenate([listed, queried], axis=1), vocabulary.path_task,
        settings.path_prefix_pause_token_count, vocabulary, settings,
    )  # fmt: skip
    return examples_of("path", prompts, targets, vocabulary, settings)


def fingerprints(task: Task) -> dict[str, str]:
    """Return the SHA-256 of the prompts and targets of an in-context task, by split."""
    kinds = {"train": task.train_paths, "test": task.test_paths}
    return {split: _digest(kind.groups[0]) for split, kind in kinds.items()}


def _digest(examples: Examples) -> str:
    content = np.ascontiguousarray(np.concatenate([examples.prompts, examples.targets], axis=1))
    return hashlib.sha256(content.tobytes()).hexdigest()
