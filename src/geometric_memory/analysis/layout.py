"""Places for the nodes of a graph on paper: by rings around a root, or by stress."""

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csgraph, csr_array

from geometric_memory.analysis.geometry import hop_distances

ROUNDS = 150


def radial_layout(adjacency: csr_array, root: int) -> Float[np.ndarray, "nodes 2"]:
    """Return a tree around `root`: rings by hops, every leaf with an equal share of the circle.

    Nodes out of reach of the root stand in a row below.
    """
    count = adjacency.indptr.size - 1
    order, parents = csgraph.breadth_first_order(adjacency, root, directed=False)
    leaves = np.ones(count)
    has_child = np.zeros(count, dtype=bool)
    has_child[parents[order[1:]]] = True
    leaves[has_child] = 0
    for node in order[:0:-1]:
        leaves[parents[node]] += leaves[node]
    start, depth, used = np.zeros(count), np.zeros(count), np.zeros(count)
    for node in order[1:]:
        parent = parents[node]
        start[node] = start[parent] + used[parent]
        used[parent] += leaves[node]
        depth[node] = depth[parent] + 1
    angle = 2 * np.pi * (start + leaves / 2) / leaves[root]
    places = depth[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    alone = np.setdiff1d(np.arange(count), order)
    places[alone] = np.stack([np.arange(len(alone)), np.full(len(alone), -depth.max() - 1)], axis=1)
    return places


def stress_layout(adjacency: csr_array) -> Float[np.ndarray, "nodes 2"]:
    """Return places whose distances follow the hops, nearby nodes first.

    Stress majorization with weights 1 / hops^2, from classical scaling (Gansner, Koren, North 2004,
    https://doi.org/10.1007/978-3-540-31843-9_25). Unconnected parts count as far apart.
    """
    hops = hop_distances(adjacency)
    count = len(hops)
    if count < 3:
        return np.stack([np.arange(count, dtype=np.float64), np.zeros(count)], axis=1)
    reached = hops[np.isfinite(hops)].max()
    hops = np.where(np.isfinite(hops), hops, reached + 2)
    weights = np.zeros_like(hops)
    np.divide(1.0, np.square(hops), out=weights, where=hops > 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.pinv(laplacian)
    places = scaled(hops)
    for _ in range(ROUNDS):
        distances = np.linalg.norm(places[:, None] - places[None], axis=2)
        ratio = np.zeros_like(hops)
        np.divide(weights * hops, distances, out=ratio, where=distances > 1e-9)
        places = inverse @ ((np.diag(ratio.sum(axis=1)) - ratio) @ places)
    return places


def scaled(distances: Float[np.ndarray, "nodes nodes"]) -> Float[np.ndarray, "nodes 2"]:
    """Return classical multidimensional scaling in the plane, moved a little so that none meet."""
    squares = np.square(distances)
    centred = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-centred / 2)
    places = vectors[:, -2:] * np.sqrt(values[-2:].clip(min=0))
    return places + np.random.default_rng(0).normal(scale=1e-3, size=places.shape)


def ball(adjacency: csr_array, centre: int, most: int) -> Int[np.ndarray, " chosen"]:
    """Return the `most` nodes nearest to `centre`, nearest first: a connected piece."""
    return csgraph.breadth_first_order(adjacency, centre, directed=False)[0][:most]
