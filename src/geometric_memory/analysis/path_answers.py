"""What kind of answer a predicted path is: right, and if not, wrong in which way."""

import numpy as np
from jaxtyping import Bool, Int

from geometric_memory.analysis.cosines import check_nodes
from geometric_memory.errors import DataError

KINDS = (
    "right",
    "another route",
    "wrong arm",
    "another target",
    "broken edge",
    "not a node",
)
"""Best first. `another route`: from the start to the node asked for, along other edges.
`wrong arm`: along edges, but the first step from the root goes into another arm. `another target`:
along edges to another node. `broken edge`: two neighbours in the answer are none in the graph."""


def answer_kinds(
    answers: Int[np.ndarray, "rows length"],
    targets: Int[np.ndarray, "rows length"],
    edges: Int[np.ndarray, "edges 2"],
    node_count: int,
    *,
    rooted: bool,
) -> Int[np.ndarray, " rows"]:
    """Return the place in `KINDS` of each answer, a path from the start to the node asked for.

    Edges count in both directions, self edges do not. Only a `rooted` graph, whose paths all start
    at the root, has arms. Raises DataError for paths of fewer than two nodes.
    """
    if targets.shape[1] < 2:
        raise DataError("a path has at least two nodes; put the start before a single answer")
    check_nodes(targets[:, [0, -1]], node_count)
    inside = ((answers >= 0) & (answers < node_count)).all(axis=1)
    along = inside & linked(answers, edges, node_count).all(axis=1)
    same = answers == targets
    kinds = np.full(len(answers), KINDS.index("not a node"))
    kinds[inside] = KINDS.index("broken edge")
    kinds[along] = KINDS.index("another target")
    kinds[along & rooted & same[:, 0] & ~same[:, 1]] = KINDS.index("wrong arm")
    kinds[along & same[:, 0] & same[:, -1]] = KINDS.index("another route")
    kinds[same.all(axis=1)] = KINDS.index("right")
    return kinds


def linked(
    paths: Int[np.ndarray, "rows length"], edges: Int[np.ndarray, "edges 2"], node_count: int
) -> Bool[np.ndarray, "rows steps"]:
    """Return whether each step of each path is an edge between two nodes."""
    apart = np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1).astype(np.int64)
    known = np.unique(apart[:, 0] * node_count + apart[:, 1])
    left, right = paths[:, :-1].astype(np.int64), paths[:, 1:].astype(np.int64)
    codes = np.minimum(left, right) * node_count + np.maximum(left, right)
    return np.isin(codes, known) & (left != right)
