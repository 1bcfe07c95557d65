"""A data set: a graph, the edge facts to memorize, the paths to train on and those held out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np
from jaxtyping import Int64

from geometric_memory.config import DatasetConfig, GraphSettings
from geometric_memory.errors import DataError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.graph import Graph, select_facts


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """What a model is trained and tested on."""

    settings: GraphSettings
    """What the graph was made from; what was asked for where there is no manifest."""
    graph: Graph
    """Its paths are those trained on, then those held out."""
    facts: Int64[np.ndarray, "facts 2"]
    """Edge facts (u, v) in the order of the files, self edges among them where asked for."""
    train_paths: Int64[np.ndarray, "train length"]
    test_paths: Int64[np.ndarray, "test length"]
    origin: str = "built from the settings"
    """Where it was taken from, as words that follow `the graph is`."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file by split: `pretrain`, `train`, `test`; empty without files."""
    notes: tuple[str, ...] = ()

    @property
    def node_count(self) -> int:
        """Nodes of the graph."""
        return self.graph.node_count

    @property
    def sources(self) -> Int64[np.ndarray, " sources"]:
        """Nodes that a fact begins with."""
        return np.unique(self.facts[:, 0])


def draw_dataset(config: DatasetConfig) -> Dataset:
    """Build the graph, then the split of its paths, from one generator.

    Raises `ConfigurationError` for settings that cannot be used, and `DataError` for a graph that
    cannot be made or split.
    """
    settings, generator = config.dataset, Random(config.graph.random_seed)
    graph = build_graph(config.graph, generator)
    train, test = split_paths(
        graph.paths,
        train_share=settings.train_split_ratio,
        hold_out_subtrees=settings.split_subtree_holdout,
        generator=generator,
    )
    facts = graph.facts(
        forward=settings.forward_edges,
        backward=settings.backward_edges,
        self_edges=settings.has_self_edges,
    )
    return Dataset(
        settings=config.graph,
        graph=replace(graph, paths=np.concatenate([train, test])),
        facts=select_facts(facts, graph.paths, settings.self_edges),
        train_paths=train,
        test_paths=test,
        notes=graph.notes,
    )


def split_paths(
    paths: Int64[np.ndarray, "paths length"],
    *,
    train_share: float,
    hold_out_subtrees: bool,
    generator: Random,
) -> tuple[Int64[np.ndarray, "train length"], Int64[np.ndarray, "test length"]]:
    """Shuffle the paths and cut them, or hold out whole subtrees (same second node).

    Raises `DataError` when one side would be empty.
    """
    if hold_out_subtrees:
        subtrees = np.unique(paths[:, 1]).tolist()
        generator.shuffle(subtrees)
        in_train = np.isin(paths[:, 1], subtrees[: int(len(subtrees) * train_share)])
        train, test = paths[in_train], paths[~in_train]
    else:
        order = list(range(len(paths)))
        generator.shuffle(order)
        cut = int(len(order) * train_share)
        train, test = paths[order[:cut]], paths[order[cut:]]
    if not len(train) or not len(test):
        side = "test" if len(train) else "train"
        raise DataError(
            f"--train_split_ratio {train_share} leaves none of the {len(paths)} paths for {side}; "
            "change the ratio or use a graph with more paths"
        )
    return train, test
