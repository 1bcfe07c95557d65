"""The graph of a run: read from its data set, else built again from its settings."""

from collections.abc import Mapping
from random import Random

import numpy as np
from jaxtyping import Int

from geometric_memory.config import RunConfig
from geometric_memory.datasets.reader import Dataset, read_dataset
from geometric_memory.datasets.split import split_paths
from geometric_memory.datasets.writer import edge_facts
from geometric_memory.errors import GeometricMemoryError
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.graph import order_along_paths
from geometric_memory.report.record import GraphFacts


def read_graph(config: RunConfig, trained_on: Mapping[str, str], notes: list[str]) -> GraphFacts:
    """Return graph and paths of a run; `trained_on` holds the sums of its data set, if known.

    Files that differ from those sums are not used. A graph is a function of its settings, so that
    it can be built again where the data set is not at hand.

    Raises:
        GeometricMemoryError: if it can be neither read nor built.
    """
    try:
        dataset = read_dataset(config)
    except GeometricMemoryError:
        return _rebuilt(config)
    if trained_on and dict(dataset.sha256) != dict(trained_on):
        notes.append("The data set at hand is not the one this run was trained on; built again.")
        return _rebuilt(config)
    return _from_dataset(dataset, config)


def _from_dataset(dataset: Dataset, config: RunConfig) -> GraphFacts:
    paths = np.concatenate([dataset.train_paths, dataset.test_paths])
    family = config.graph.graph_type
    return GraphFacts(
        node_count=dataset.node_count,
        edges=dataset.edges,
        train_paths=dataset.train_paths,
        test_paths=dataset.test_paths,
        family=family,
        names=_names(dataset.names, dataset.node_count),
        order=_order(family, paths, dataset.node_count),
        root=dataset.root,
        origin="read from the files of the data set",
        sums=dataset.sha256,
    )


def _rebuilt(config: RunConfig) -> GraphFacts:
    dataset, generator = config.dataset, Random(config.graph.random_seed)
    graph = build_graph(config.graph, generator)
    train, test = split_paths(
        graph.paths,
        train_share=dataset.train_split_ratio,
        hold_out_subtrees=dataset.split_subtree_holdout,
        generator=generator,
    )
    edges = edge_facts(graph, forward=dataset.forward_edges, backward=dataset.backward_edges)
    if dataset.add_self_edges:
        itself = np.repeat(np.arange(graph.node_count)[:, None], 2, axis=1)
        edges = np.concatenate([edges, itself])
    return GraphFacts(
        node_count=graph.node_count,
        edges=edges,
        train_paths=train,
        test_paths=test,
        family=graph.family,
        names=_names(graph.names, graph.node_count),
        order=_order(graph.family, np.concatenate([train, test]), graph.node_count),
        root=graph.root,
        origin="built again from the settings: the files of the data set are not at hand",
    )


def _names(names: tuple[str, ...] | None, node_count: int) -> tuple[str, ...]:
    return names or tuple(str(node) for node in range(node_count))


def _order(
    family: str, paths: Int[np.ndarray, "paths length"], node_count: int
) -> Int[np.ndarray, " nodes"]:
    """Return a star from its root, arm by arm, train arms first; other families by id."""
    if family != "star":
        return np.arange(node_count)
    return order_along_paths(paths.astype(np.int64), node_count)
