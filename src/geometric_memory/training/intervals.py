"""How often evaluation is affordable, as a function of the work alone, never of the clock.

Forward passes of evaluation are compared with forward and backward passes of training (three times
a forward pass), position by position and target by target; the dearer of the two counts, so that
the answer holds for any width and depth. Greedy decoding is counted as if every row went wrong, and
everything twice, for what evaluation does beside matrix products.
"""

import math
from collections.abc import Iterable, Sequence

from geometric_memory.config import LoggingSettings
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.text import TextExamples
from geometric_memory.training.candidates import ROWS_AT_MOST
from geometric_memory.training.sampling import thinned_task

FORWARD_PASSES_OF_A_STEP = 3
MARGIN = 2

Work = tuple[int, int]
"""Positions and targets of forward passes."""


def stretched_interval(
    interval: int, task: Task, trained: Sequence[Examples], settings: LoggingSettings, *,
    evaluates_paths: bool,
) -> int:  # fmt: skip
    """Return the least multiple of `interval` epochs at which evaluation is affordable.

    That is, takes at most `evaluation_share` of the work of training; 0 leaves the interval alone.
    """
    share = settings.evaluation_share
    if not share or not sum(map(len, trained)):
        return interval
    task = thinned_task(task, settings.evaluate_at_most)
    epoch = _sum(_forward(kind) for kind in trained)
    evaluation = _sum(
        [
            _edge_work(task.edge_facts, task.vocabulary.node_count),
            *(_path_work(kind) for kind in task.test_paths.groups if evaluates_paths),
        ]
    )
    dearer = max(e / t for e, t in zip(evaluation, epoch, strict=True))
    needed = MARGIN * dearer / FORWARD_PASSES_OF_A_STEP / share
    return interval * max(1, math.ceil(needed / interval))


def _forward(examples: Examples) -> Work:
    return examples.inputs.size, examples.targets.size


def _edge_work(edge_facts: Examples | TextExamples, node_count: int) -> Work:
    """One row per source; with text tokens, one for each pair of source and candidate at most."""
    if isinstance(edge_facts, TextExamples):
        length = max((group.inputs.shape[1] for group in edge_facts.groups), default=0)
        return _sum([*map(_path_work, edge_facts.groups), (ROWS_AT_MOST * length, ROWS_AT_MOST)])
    sources = min(len(edge_facts), node_count)
    return sources * edge_facts.inputs.shape[1], sources * edge_facts.targets.shape[1]


def _path_work(examples: Examples) -> Work:
    """One forced pass, and one for each later token if every row goes wrong at the first."""
    rows, prompt = examples.prompts.shape
    later = examples.targets.shape[1] - 1
    decoded = rows * sum(prompt + index for index in range(1, later + 1))
    return examples.inputs.size + decoded, examples.targets.size + rows * later


def _sum(works: Iterable[Work]) -> Work:
    positions, targets = zip(*works, strict=True)
    return sum(positions), sum(targets)
