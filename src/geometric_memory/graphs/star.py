"""Path-stars and tree-stars (paper, section 2): one root, arms that all start from it."""

from random import Random

import numpy as np
from jaxtyping import Int64

from geometric_memory.graphs.graph import Graph, path_edges


def star_graph(
    *, arms: int, branching: int, path_length: int, node_count: int, generator: Random | None
) -> Graph:
    """Build a star whose ids are dealt from a list that `generator` shuffled (None: unshuffled).

    `branching` 1 is a path-star; more is a tree-star, whose arms are complete trees.
    `node_count` may exceed what the arms need; the spare nodes have no edge.
    """
    ids = list(range(node_count))
    if generator is not None:
        generator.shuffle(ids)
    places = _arm_places(branching, path_length - 1)
    arm_size = int(places.max()) + 1
    dealt = np.array(ids[1 : 1 + arms * arm_size], dtype=np.int64).reshape(arms, arm_size)
    below_root = dealt[:, places].reshape(-1, path_length - 1)
    paths = np.insert(below_root, 0, ids[0], axis=1)
    edges = path_edges(paths, node_count)
    return Graph(node_count=node_count, edges=edges, paths=paths, family="star", root=ids[0])


def _arm_places(branching: int, levels: int) -> Int64[np.ndarray, "leaves levels"]:
    """Return the place, within an arm dealt level by level, of each node of each leaf path."""
    leaves = np.arange(branching ** (levels - 1), dtype=np.int64)
    columns = []
    offset = 0
    for level in range(levels):
        columns.append(offset + leaves // branching ** (levels - 1 - level))
        offset += branching**level
    return np.stack(columns, axis=1)
