"""Fewer examples to evaluate, evenly spaced, where evaluating all of them would take too long.

What is measured on them is exact: of a chosen source all facts count, against the whole vocabulary.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.tasks.text import TextExamples

FEWEST_TRAINED, MOST_TRAINED = 64, 256
"""Training paths that are evaluated: as many as held-out ones, within these bounds."""


def thin_task(task: Task, most: int) -> Task:
    """Return `task` with at most `most` sources of edge facts and held-out paths; 0 is all.

    Training paths are as many as the held-out ones, but some are enough.
    """
    test_paths = thin_rows(task.test_paths, most)
    trained = int(np.clip(len(test_paths), FEWEST_TRAINED, MOST_TRAINED))
    return replace(
        task,
        edge_facts=thin_facts(task.edge_facts, most),
        train_paths=thin_rows(task.train_paths, trained),
        test_paths=test_paths,
    )


def thin_rows(examples: Examples | TextExamples, most: int) -> Examples | TextExamples:
    """Return at most `most` evenly spaced rows of `examples`; 0 is all."""
    if not 0 < most < len(examples):
        return examples
    return take_rows(examples, _evenly(len(examples), most))


def take_rows(
    examples: Examples | TextExamples, chosen: Int[np.ndarray, " chosen"]
) -> Examples | TextExamples:
    """Return the rows `chosen`, at least one, whose numbers ascend."""
    if not isinstance(examples, TextExamples):
        return _rows(examples, chosen)
    ends = np.cumsum([len(group) for group in examples.groups])
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    kept = [
        (_rows(group, rows - end + len(group)), owners[rows - end + len(group)])
        for group, owners, rows, end in zip(
            examples.groups, examples.owners, parts, ends, strict=True
        )
        if len(rows)
    ]
    groups, owners = zip(*kept, strict=True)
    return replace(examples, groups=groups, owners=owners, nodes=examples.nodes[chosen])


def thin_facts(edge_facts: Examples | TextExamples, most: int) -> Examples | TextExamples:
    """Return the facts of at most `most` evenly spaced sources; 0, or text tokens, is all."""
    if isinstance(edge_facts, TextExamples) or not most or not len(edge_facts):
        return edge_facts
    nodes = edge_facts.prompts.min(axis=1)  # special tokens come after the nodes
    return _rows(edge_facts, np.flatnonzero(np.isin(nodes, thin_sources(nodes, most))))


def thin_sources(nodes: Int[np.ndarray, " facts"], most: int) -> Int[np.ndarray, " sources"]:
    """Return at most `most` evenly spaced ones of the distinct `nodes`; 0 is all."""
    sources = np.unique(nodes)
    return sources[_evenly(len(sources), most)] if 0 < most < len(sources) else sources


def _evenly(count: int, most: int) -> Int[np.ndarray, " chosen"]:
    return np.arange(most) * count // most


def _rows(examples: Examples, chosen: Int[np.ndarray, " chosen"]) -> Examples:
    return replace(
        examples,
        prompts=examples.prompts[chosen],
        targets=examples.targets[chosen],
        inputs=examples.inputs[chosen],
    )
