"""Graph families beyond the published ones, made by networkx from the seeded generator."""

from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from geometric_memory.config import GraphSettings
from geometric_memory.extras import load
from geometric_memory.graphs.graph import Graph, unique_edges
from geometric_memory.graphs.shortest_paths import ShortestPaths

if TYPE_CHECKING:
    import networkx


def family_graph(settings: GraphSettings, generator: Random) -> Graph:
    """Build a tree, torus, hypercube or random graph, with sampled shortest paths.

    The forward edges go from the lower to the higher id. Raises `DataError` when the graph has no
    shortest path of `path_length` nodes.
    """
    made = _make(settings, generator)
    ids = {node: index for index, node in enumerate(sorted(made.nodes))}
    pairs = [(ids[u], ids[v]) for u, v in made.edges if u != v]
    node_count = len(ids)
    ordered = np.sort(np.array(pairs, dtype=np.int64).reshape(-1, 2), axis=1)
    edges = unique_edges(ordered, node_count)
    shortest = ShortestPaths(
        edges, node_count=node_count, directed=False, path_length=settings.path_length
    )
    count = node_count if settings.path_count < 0 else settings.path_count
    return Graph(
        node_count=node_count,
        edges=edges,
        paths=shortest.sample(count, generator),
        family=settings.graph_type,
        root=0 if settings.graph_type == "tree" else None,
    )


def _make(settings: GraphSettings, generator: Random) -> "networkx.Graph[Any]":
    nx = load("networkx", "this graph")
    node_count = settings.total_nodes
    match settings.graph_type:
        case "tree":
            return nx.balanced_tree(settings.tree_branching, settings.tree_depth)
        case "torus":
            return nx.grid_2d_graph(settings.grid_rows, settings.grid_cols, periodic=True)
        case "hypercube":
            return nx.hypercube_graph(settings.hypercube_dimension)
        case "erdos_renyi":
            return nx.fast_gnp_random_graph(node_count, settings.edge_probability, seed=generator)
        case "barabasi_albert":
            return nx.barabasi_albert_graph(node_count, settings.attachment_count, seed=generator)
        case "watts_strogatz":
            neighbours, chance = settings.nearest_neighbours, settings.rewiring_probability
            return nx.watts_strogatz_graph(node_count, neighbours, chance, seed=generator)
        case "stochastic_block":
            return _stochastic_block(settings, generator)
        case other:
            raise ValueError(f"{other} is no networkx family")


def _stochastic_block(settings: GraphSettings, generator: Random) -> "networkx.Graph[Any]":
    nx = load("networkx", "this graph")
    blocks = settings.block_count
    smaller, remainder = divmod(settings.total_nodes, blocks)
    sizes = [smaller + (block < remainder) for block in range(blocks)]
    within, between = settings.within_block_probability, settings.between_block_probability
    chances = [[within if a == b else between for b in range(blocks)] for a in range(blocks)]
    return nx.stochastic_block_model(sizes, chances, seed=generator)
