"""Graphs: those of a family, and any of one's own."""

import os
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any, TypeAlias, TypeGuard

from geometric_memory.errors import DataError
from geometric_memory.graphs.build import build_graph, draw_graph
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.settings import GraphSettings

Source: TypeAlias = Graph | Iterable[Any] | str | os.PathLike[str]
"""What `graph` makes a graph of: a networkx graph is an iterable, too."""


def path_star(
    arms: int, length: int, *, branching: int = 1, seed: int = 0, **settings: Any
) -> Graph:
    """Return a path-star: a root with `arms` paths of `length` nodes, the root among them.

    Its paths, and what they are asked by, are the ways from the root to each leaf. Nodes are called
    by their id, the root also `root`, and the end of an arm `leaf K` (see `Graph.node`).

    Args:
        arms: how many paths leave the root.
        length: nodes of an arm, root included.
        branching: children of every node below the root; more than 1 makes a tree-star.
        seed: of the order of the ids, and later of the split into train and test.
        settings: others of `geomem train`, such as `randomize_node_ids=False`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
    """
    known = {"star_degree": arms, "star_subtree_degree": branching}
    return family("star", path_length=length, random_seed=seed, **known, **settings)


def tree(
    branching: int = 2, depth: int = 4, *, length: int = 4, seed: int = 0, **settings: Any
) -> Graph:
    """Return a balanced tree, with as many random shortest paths of `length` nodes as nodes.

    Args:
        branching: children of every node.
        depth: edges from the root to a leaf.
        length: nodes of a path.
        seed: of the paths.
        settings: others of `geomem train`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
        DataError: if there is no shortest path that long.
    """
    known = {"tree_branching": branching, "tree_depth": depth}
    return family("tree", path_length=length, random_seed=seed, **known, **settings)


def grid(
    rows: int = 4, columns: int = 4, *, length: int = 4, seed: int = 0, **settings: Any
) -> Graph:
    """Return a grid, with as many straight runs and walks of `length` nodes as nodes.

    Node `row * columns + column` stands in that row and column.

    Args:
        rows: rows.
        columns: columns.
        length: nodes of a path.
        seed: of the paths.
        settings: others of `geomem train`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
    """
    known = {"grid_rows": rows, "grid_cols": columns}
    return family("grid", path_length=length, random_seed=seed, **known, **settings)


def cycle(nodes: int = 15, *, length: int = 4, seed: int = 0, **settings: Any) -> Graph:
    """Return a cycle of `nodes` nodes, with one path of `length` nodes from each of them.

    Args:
        nodes: nodes.
        length: nodes of a path.
        seed: of the split into train and test.
        settings: others of `geomem train`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
    """
    return family("cycle", total_nodes=nodes, path_length=length, random_seed=seed, **settings)


def irregular(*, length: int = 4, seed: int = 0, **settings: Any) -> Graph:
    """Return the fixed graph of 16 nodes and 20 edges in two parts, a walk from every node.

    Args:
        length: nodes of a walk.
        seed: of the walks.
        settings: others of `geomem train`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
    """
    return family("irregular", path_length=length, random_seed=seed, **settings)


def graph(source: Source, *, directed: bool = False, **settings: Any) -> Graph:
    """Return a graph of one's own, or one of a family by its name.

    Args:
        source: a networkx graph; pairs of node names; a file (a table, GraphML, GML, JSON and
            others); or the name of a family, such as `hypercube`.
        directed: whether the pairs, or the lines of the file, have a direction.
        settings: of the family, such as `hypercube_dimension=4`; of a graph of one's own
            `path_length`, `path_count` and `random_seed` of the paths that are sampled when it is
            trained on.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
        DataError: if there is no edge, or the file cannot be read, with file and line.
    """
    if isinstance(source, Graph):
        return source
    if isinstance(source, str) and source in FAMILIES and source != "custom":
        return family(source, **settings)
    if isinstance(source, str | os.PathLike):
        file = os.fspath(source)
        asked = {"graph_type": "custom", "directed_graph": directed, "graph_file": file, **settings}
        found = draw_graph(GraphSettings(**asked))
    elif is_networkx(source):
        file, found = "", Graph.from_networkx(source)
    else:
        file, found = "", Graph.from_edges(pairs_of(source), directed=directed)
    own = {"graph_type": "custom", "directed_graph": found.directed, **settings}
    GraphSettings(**own, graph_file=file or "none yet")  # raises what is wrong with them
    return replace(found, settings=own | {"graph_file": file} if file else own)


def family(name: str, **settings: Any) -> Graph:
    """Return a graph of a family from its settings by their names in `geomem train`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
        DataError: if there is no such graph.
    """
    made = GraphSettings(graph_type=name, **settings)
    return build_graph(made, Random(made.random_seed))


def is_networkx(source: Any) -> TypeGuard[Any]:
    """Return whether `source` is a graph of networkx, which need not be loaded for that."""
    return all(hasattr(source, name) for name in ("is_directed", "number_of_nodes"))


def pairs_of(source: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return the pairs of an edge list; raises DataError, which names the first that is none."""
    found = []
    for number, pair in enumerate(source):
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise DataError(f"edge {number}: expected a pair of node names, not {pair!r:.60}")
        found.append((pair[0], pair[1]))
    return found
