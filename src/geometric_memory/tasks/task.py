"""A task: the edge facts and paths of one data set, as examples."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int, Int64

from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.family import SampledFamily
from geometric_memory.pretrained_files import find_pretrained, read_shape
from geometric_memory.tasks.examples import (
    Examples,
    PathPart,
    edge_examples,
    path_examples,
    path_parts,
    path_query,
)
from geometric_memory.tasks.text import (
    TextExamples,
    TextVocabulary,
    text_examples,
    text_vocabulary,
)
from geometric_memory.tasks.vocabulary import Vocabulary

if TYPE_CHECKING:
    from geometric_memory.graphs.shortest_paths import ShortestPaths


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """Everything that training and evaluation need of a data set."""

    vocabulary: Vocabulary
    edges: Int[np.ndarray, "edges 2"]
    edge_facts: Examples | TextExamples
    train_paths: Examples | TextExamples
    test_paths: Examples | TextExamples
    branches: int = 0
    """Branches that every path query chooses from; 0 where the paths show it."""
    path_parts: tuple[PathPart, ...] = ()
    """What each node of a path's target is."""
    shortest: "ShortestPaths | None" = None
    """All paths that could have been asked for, where they were sampled among the shortest."""
    reversed_paths: bool = False
    """Whether targets go from the node asked for to the start."""

    def follow_a_shortest_path(
        self, answers: Int[np.ndarray, "paths target"]
    ) -> Bool[np.ndarray, " paths"] | None:
        """Return which answers to the held-out paths are a shortest path that the prompt fits.

        None where there are no others than the one wanted, or paths are not written in nodes.
        """
        if self.shortest is None:
            return None
        paths, wanted = self._from_start(answers), self._from_start(self.test_paths.nodes)
        asked = [0, -1] if "given_start" in self.path_parts else [-1]
        fitting = (paths[:, asked] == wanted[:, asked]).all(axis=1)
        return self.shortest.are_shortest(paths) & fitting

    def answer_counts(self) -> Float[np.ndarray, " paths"]:
        """Return how many right answers each held-out path has; one where it alone was asked."""
        if self.shortest is None:
            return np.ones(len(self.test_paths))
        paths = self._from_start(self.test_paths.nodes)
        return self.shortest.answer_counts(paths, with_start="given_start" in self.path_parts)

    def _from_start(
        self, targets: Int[np.ndarray, "paths target"]
    ) -> Int64[np.ndarray, "paths target"]:
        return targets[:, :: -1 if self.reversed_paths else 1].astype(np.int64)


def build_task(dataset: Dataset, config: RunConfig) -> Task:
    """Turn the facts and paths of `dataset` into the examples that `config` asks for.

    Raises:
        ConfigurationError: if the sequences do not fit the positions of the model.
        CheckpointError: if the files of a text tokenizer are missing or damaged.
    """
    vocabulary = build_vocabulary(dataset.node_count, config)
    facts = dataset.facts
    if isinstance(vocabulary, TextVocabulary):
        edges = text_examples("edge", facts[:, :1], facts[:, 1:], vocabulary, config.task)
    else:
        edges = edge_examples(facts, vocabulary, config.task)
    task = Task(
        vocabulary=vocabulary,
        edges=facts,
        edge_facts=edges,
        train_paths=path_queries(dataset.train_paths, vocabulary, config),
        test_paths=path_queries(dataset.test_paths, vocabulary, config),
        path_parts=parts_of(dataset.test_paths.shape[1], config),
        shortest=_find_all_paths(dataset, config),
        reversed_paths=config.task.reverse_path_targets,
    )
    kinds = (task.edge_facts, task.train_paths, task.test_paths)
    longest = max(group.inputs.shape[1] for kind in kinds for group in kind.groups)
    if config.model.learns_positions and longest > config.block_size:
        raise ConfigurationError(
            [
                f"sequences of {longest} {config.model.tokenizer} tokens do not fit the "
                f"{config.block_size} positions of the model; raise --position_count"
            ]
        )
    return task


def _find_all_paths(dataset: Dataset, config: RunConfig) -> "ShortestPaths | None":
    """Return the shortest paths that those of `dataset` were drawn from, if they were."""
    sampled = isinstance(config.graph.family, SampledFamily) and config.training.full_path
    if not sampled or config.model.tokenizer == "text":
        return None
    from geometric_memory.graphs.shortest_paths import ShortestPaths  # scipy waits

    graph = dataset.graph
    return ShortestPaths(
        graph.edges, node_count=graph.node_count, directed=graph.directed,
        path_length=dataset.test_paths.shape[1],
    )  # fmt: skip


def path_queries(
    paths: Int[np.ndarray, "paths length"], vocabulary: Vocabulary, config: RunConfig
) -> Examples | TextExamples:
    """Return one example per path, which asks for it and wants it; only its ends are asked."""
    asked = {
        "full_path": config.training.full_path,
        "include_start_node": config.dataset.include_start_node_in_path_finetuning,
    }
    if isinstance(vocabulary, TextVocabulary):
        queried, answers = path_query(paths, config.task, **asked)
        return text_examples("path", queried, answers, vocabulary, config.task)
    return path_examples(paths, vocabulary, config.task, **asked)


def parts_of(length: int, config: RunConfig) -> tuple[PathPart, ...]:
    """Return what each node of the target of a path of `length` nodes is."""
    given = config.task.in_context or config.dataset.include_start_node_in_path_finetuning
    return path_parts(
        length, config.task, full_path=config.training.full_path, include_start_node=given
    )


def build_vocabulary(node_count: int, config: RunConfig) -> Vocabulary:
    """Return the tokens that `config` writes the nodes of a graph in.

    Raises:
        ConfigurationError: if a text tokenizer does not fit.
        CheckpointError: if its files are missing or damaged.
    """
    if config.model.tokenizer == "text":
        return _text_vocabulary(node_count, config)
    return Vocabulary(node_count)


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
