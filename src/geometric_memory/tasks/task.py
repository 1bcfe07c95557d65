"""A task: the edge facts and paths of one data set, as examples."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from geometric_memory.config import RunConfig
from geometric_memory.datasets.reader import Dataset
from geometric_memory.tasks.examples import Examples, edge_examples, path_examples
from geometric_memory.tasks.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Everything that training and evaluation need of a data set."""

    vocabulary: Vocabulary
    edges: Int[np.ndarray, "edges 2"]
    edge_facts: Examples
    train_paths: Examples
    test_paths: Examples


def build_task(dataset: Dataset, config: RunConfig) -> Task:
    """Turn the facts and paths of `dataset` into the examples that `config` asks for."""
    vocabulary = Vocabulary(dataset.node_count)

    def paths(rows: Int[np.ndarray, "paths length"]) -> Examples:
        return path_examples(
            rows,
            vocabulary,
            config.task,
            full_path=config.training.full_path,
            include_start_node=config.dataset.include_start_node_in_path_finetuning,
        )

    return Task(
        vocabulary=vocabulary,
        edges=dataset.edges,
        edge_facts=edge_examples(dataset.edges, vocabulary, config.task),
        train_paths=paths(dataset.train_paths),
        test_paths=paths(dataset.test_paths),
    )
