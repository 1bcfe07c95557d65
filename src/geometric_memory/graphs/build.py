"""From settings, or from what a family has drawn, to a graph."""

from dataclasses import replace
from random import Random

import numpy as np

from geometric_memory.graphs.family import Drawn, Family, SampledFamily
from geometric_memory.graphs.graph import Graph, path_edges, unique_edges
from geometric_memory.graphs.settings import GraphSettings


def build_graph(settings: GraphSettings, generator: Random) -> Graph:
    """Build the graph and its paths, drawing every random choice from `generator`.

    Raises `DataError` for a graph file that cannot be read or a graph without paths of the length
    asked for.
    """
    return replace(settings.family.build(generator), settings=vars(settings))


def draw_graph(settings: GraphSettings) -> Graph:
    """Draw the graph alone: shortest paths, where it brings none of its own, are not sampled."""
    family = settings.family
    drawn = family.draw(Random(settings.random_seed))
    return drawn if isinstance(drawn, Graph) else _arrays(family, drawn)


def build_drawn(family: Family, drawn: Drawn | Graph, generator: Random) -> Graph:
    """Return the graph that `family` has drawn, with shortest paths if it has drawn none.

    Raises `DataError` when the graph has no shortest path of the length asked for.
    """
    graph = drawn if isinstance(drawn, Graph) else _arrays(family, drawn)
    if len(graph.paths):
        return graph
    count = family.path_count if isinstance(family, SampledFamily) else -1
    return graph.sample_paths(family.path_length, generator, None if count == -1 else count)


def _arrays(family: Family, drawn: Drawn) -> Graph:
    node_count = family.node_count or 0
    none = np.zeros((0, family.path_length), dtype=np.int64)
    paths = none if drawn.paths is None else np.asarray(drawn.paths, dtype=np.int64)
    if drawn.edges is None:
        edges = path_edges(paths, node_count)
    else:
        edges = unique_edges(np.asarray(drawn.edges, dtype=np.int64).reshape(-1, 2), node_count)
    return Graph(
        node_count=node_count, edges=edges, paths=paths, family=family.name, root=drawn.root
    )
