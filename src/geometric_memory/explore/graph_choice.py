"""From what the page asks for to a graph with its facts, a colour for every node and a name."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.spectrum import fiedler_coordinates, graph_spectrum
from geometric_memory.config import GraphSettings
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.explore.experiment import MOST_EDGES, MOST_NODES, MOST_NUMBERS, Experiment
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.graph import Graph, branches
from geometric_memory.graphs.graph_files import pairs_in_text

PUBLISHED_SEED = 7
"""Seed of the published tiny graphs, which shuffles the nodes of a star."""
PASTED = Path("edges")
"""What errors call the edge list of the page."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeColors:
    """Which nodes share a colour, or where each stands between two colours."""

    group: Int[np.ndarray, " nodes"] | None = None
    """Arm or branch of a node, -1 for the root; None where there are none."""
    place: Float[np.ndarray, " nodes"] | None = None
    """0 to 1 along the slowest mode of the graph, so that near nodes look alike."""


def chosen_graph(experiment: Experiment) -> Dataset:
    """Return the graph of `experiment` and the facts to memorize.

    Raises:
        ConfigurationError: if it is too big for the page.
        DataError: if an edge list cannot be read, with its line.
    """
    settings = _settings(experiment)
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


def node_colors(edges: Int[np.ndarray, "edges 2"], node_count: int, root: int | None) -> NodeColors:
    """Return arms of a star and branches of a tree as groups, places in every other graph."""
    if root is not None:
        return NodeColors(group=branches(edges, node_count, root))
    spectrum = graph_spectrum(symmetric_adjacency(edges, node_count))
    try:
        slowest = fiedler_coordinates(spectrum, 1)[:, 0]
    except DataError:  # two nodes and fewer
        slowest = np.arange(node_count, dtype=np.float64)
    return NodeColors(place=np.argsort(np.argsort(slowest)) / max(node_count - 1, 1))


def _settings(experiment: Experiment) -> GraphSettings:
    return GraphSettings(
        graph_type=experiment.graph if experiment.graph != "own" else "custom",
        star_degree=experiment.arms,
        path_length=experiment.arm_nodes if experiment.graph == "star" else 2,
        grid_rows=experiment.rows,
        grid_cols=experiment.columns,
        total_nodes=experiment.cycle_nodes if experiment.graph == "cycle" else -1,
        tree_branching=experiment.branching,
        tree_depth=experiment.depth,
        graph_file=str(PASTED) if experiment.graph == "own" else "",
        random_seed=PUBLISHED_SEED,
    )


def _built(settings: GraphSettings) -> Graph:
    counted = settings.family.node_count or 0
    _check_size(counted, 0)
    if counted < 2:
        raise ConfigurationError(["Graph: one node has no edges; make it larger"])
    return build_graph(settings, Random(settings.random_seed))


def _own(experiment: Experiment) -> Graph:
    nodes, pairs, notes = pairs_in_text(experiment.edges, PASTED)
    graph = Graph.from_edges(pairs, nodes, source=str(PASTED), notes=notes)
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
