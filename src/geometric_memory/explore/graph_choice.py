"""From what the page asks for to a graph with its facts."""

from pathlib import Path
from random import Random

from geometric_memory.config import GraphSettings
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError
from geometric_memory.explore.experiment import (
    MOST_EDGES,
    MOST_NODES,
    MOST_NUMBERS,
    PASTED,
    Experiment,
)
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.files import graph_in_text
from geometric_memory.graphs.graph import Graph


def chosen_graph(experiment: Experiment) -> Dataset:
    """Return the graph of `experiment` and the facts to memorize.

    Raises:
        ConfigurationError: if it is too big for the page.
        DataError: if an edge list cannot be read, with its line.
    """
    settings = experiment.graph_settings
    graph = _own(experiment) if experiment.graph == "own" else _built(settings)
    if graph.node_count * experiment.width > MOST_NUMBERS:
        raise ConfigurationError(
            [
                f"Width: {graph.node_count} nodes of width {experiment.width} are more than this "
                f"page keeps; with so many nodes at most {MOST_NUMBERS // graph.node_count}"
            ]
        )
    return Dataset(
        settings=settings,
        graph=graph,
        facts=graph.facts(backward=experiment.backward, self_edges=experiment.self_edges),
        train_paths=graph.paths,
        test_paths=graph.paths[:0],
    )


def _built(settings: GraphSettings) -> Graph:
    _check_size(settings.family.node_count or 0, 0)
    return build_graph(settings, Random(settings.random_seed))


def _own(experiment: Experiment) -> Graph:
    graph = graph_in_text(experiment.edges, Path(PASTED))
    _check_size(graph.node_count, len(graph.edges))
    return graph


def _check_size(nodes: int, edges: int) -> None:
    problems = []
    if nodes > MOST_NODES:
        problems.append(f"Graph: {nodes} nodes; this page takes {MOST_NODES} at most")
    if edges > MOST_EDGES:
        problems.append(f"Graph: {edges} edges; this page takes {MOST_EDGES} at most")
    if problems:
        raise ConfigurationError(problems)
