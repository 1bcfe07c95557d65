"""A task: the edge facts and paths of one data set, as examples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.pretrained_files import find_pretrained, read_shape
from geometric_memory.tasks.examples import Examples, edge_examples, path_examples, path_query
from geometric_memory.tasks.text import (
    TextExamples,
    TextVocabulary,
    text_examples,
    text_vocabulary,
)
from geometric_memory.tasks.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Everything that training and evaluation need of a data set."""

    vocabulary: Vocabulary
    edges: Int[np.ndarray, "edges 2"]
    edge_facts: Examples | TextExamples
    train_paths: Examples | TextExamples
    test_paths: Examples | TextExamples
    branches: int = 0
    """Branches that every path query chooses from; 0 where the paths tell."""


def build_task(dataset: Dataset, config: RunConfig) -> Task:
    """Turn the facts and paths of `dataset` into the examples that `config` asks for.

    Raises:
        ConfigurationError: if the sequences do not fit the positions of the model.
        CheckpointError: if the files of a text tokenizer are missing or damaged.
    """
    if config.model.tokenizer == "text":
        return _text_task(dataset, config)
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
        edges=dataset.facts,
        edge_facts=edge_examples(dataset.facts, vocabulary, config.task),
        train_paths=paths(dataset.train_paths),
        test_paths=paths(dataset.test_paths),
    )


def _text_task(dataset: Dataset, config: RunConfig) -> Task:
    vocabulary = _text_vocabulary(dataset.node_count, config)

    def paths(rows: Int[np.ndarray, "paths length"]) -> TextExamples:
        queried, answers = path_query(
            rows,
            config.task,
            full_path=config.training.full_path,
            include_start_node=config.dataset.include_start_node_in_path_finetuning,
        )
        return text_examples("path", queried, answers, vocabulary, config.task)

    edges = dataset.facts
    task = Task(
        vocabulary=vocabulary,
        edges=edges,
        edge_facts=text_examples("edge", edges[:, :1], edges[:, 1:], vocabulary, config.task),
        train_paths=paths(dataset.train_paths),
        test_paths=paths(dataset.test_paths),
    )
    kinds = (task.edge_facts, task.train_paths, task.test_paths)
    longest = max(group.inputs.shape[1] for kind in kinds for group in kind.groups)
    if config.model.learns_positions and longest > config.block_size:
        raise ConfigurationError(
            [
                f"sequences of {longest} text tokens do not fit the {config.block_size} positions "
                "of the model; raise --position_count"
            ]
        )
    return task


def _text_vocabulary(node_count: int, config: RunConfig) -> TextVocabulary:
    model, rows, folder = config.model, 0, Path()
    if model.uses_pretrained:
        folder = find_pretrained(model)
        rows = read_shape(folder, model.model_family).tokens
    file = Path(model.tokenizer_file).expanduser() if model.tokenizer_file else folder
    vocabulary = text_vocabulary(node_count, file, rows)
    if rows and vocabulary.row_count != rows:
        raise ConfigurationError(
            [f"{file}: has more tokens than the {rows} rows of --pretrained {model.pretrained}"]
        )
    return vocabulary
