"""From settings to a graph."""

from random import Random

from geometric_memory.config import PUBLISHED_GRAPH_TYPES, GraphSettings
from geometric_memory.errors import ConfigurationError
from geometric_memory.graphs.counts import expected_node_count
from geometric_memory.graphs.custom import custom_graph
from geometric_memory.graphs.cycle import cycle_graph
from geometric_memory.graphs.families import family_graph
from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.grid import grid_graph
from geometric_memory.graphs.irregular import irregular_graph
from geometric_memory.graphs.star import star_graph


def build_graph(settings: GraphSettings, generator: Random) -> Graph:
    """Build the graph and its paths, drawing every random choice from `generator`.

    Raises `ConfigurationError` for settings that cannot be used and `DataError` for a graph file
    that cannot be read or a graph without paths of the length asked for.
    """
    problems = settings.problems()
    if problems:
        raise ConfigurationError(problems)
    if settings.graph_type == "custom":
        return custom_graph(settings, generator)
    if settings.graph_type not in PUBLISHED_GRAPH_TYPES:
        return family_graph(settings, generator)
    return _published_graph(settings, generator)


def _published_graph(settings: GraphSettings, generator: Random) -> Graph:
    length = settings.path_length
    if settings.graph_type == "grid":
        return grid_graph(settings.grid_rows, settings.grid_cols, length, generator)
    if settings.graph_type == "cycle":
        return cycle_graph(settings.total_nodes, length)
    if settings.graph_type == "irregular":
        return irregular_graph(length, generator)
    return star_graph(
        arms=settings.star_degree,
        branching=settings.star_subtree_degree,
        path_length=length,
        node_count=expected_node_count(settings) or 0,
        generator=generator if settings.randomize_node_ids else None,
    )
