"""How much a memory of a graph has to say: bits and norms, associative against geometric (Prop 1).

Associative memory names the other end of every edge: |E| log2 |V| bits. A geometric memory places
every node: |V| m b bits, m coordinates of b bits. The paper bounds m and b; here they are found,
as the cheapest rounded spectral embedding from which every edge can still be read.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.spectrum import graph_spectrum
from geometric_memory.experiments.claims.claim import Claim, at_least, at_most
from geometric_memory.experiments.tiny.sections import GRAPHS, section
from geometric_memory.experiments.tiny.tiny_graph import tiny_graph

MOST_BITS = 8
"""Of one coordinate."""


def associative_bits(edge_count: int, node_count: int) -> float:
    """Return |E| log2 |V|."""
    return edge_count * math.log2(node_count)


def geometric_bits(edges: Int[np.ndarray, "edges 2"], node_count: int) -> float:
    """Return the fewest bits |V| m b of a rounded spectral embedding that keeps every edge.

    An edge is kept when both ends are among each other's nearest, as many as they have neighbours.
    NaN when no embedding of `MOST_BITS` bits keeps them all.
    """
    adjacency = symmetric_adjacency(edges, node_count)
    spectrum = graph_spectrum(adjacency).without_trivial()
    linked = adjacency.toarray() > 0
    # Commute-time coordinates: long waves count more.
    places = spectrum.eigenvectors / np.sqrt(np.maximum(-spectrum.eigenvalues, 1e-9))
    costs = [
        float(node_count * dimensions * bits)
        for dimensions in range(1, places.shape[1] + 1)
        for bits in range(1, MOST_BITS + 1)
        if keeps_edges(rounded(places[:, :dimensions], bits), linked)
    ]
    return min(costs, default=float("nan"))


def rounded(places: Float[np.ndarray, "nodes axes"], bits: int) -> Float[np.ndarray, "nodes axes"]:
    """Return coordinates on the nearest of 2^bits levels, evenly spaced over the whole range."""
    low, high = places.min(), places.max()
    steps = 2**bits - 1
    return np.round((places - low) / (high - low) * steps)


def keeps_edges(
    places: Float[np.ndarray, "nodes axes"], linked: Bool[np.ndarray, "nodes nodes"]
) -> bool:
    """Whether every neighbour of every node is strictly closer than every other node."""
    squares = np.square(places[:, None] - places[None]).sum(axis=2)
    np.fill_diagonal(squares, np.nan)
    farthest = np.where(linked, squares, -np.inf).max(axis=1)
    nearest_other = np.where(linked | np.isnan(squares), np.inf, squares).min(axis=1)
    return bool((farthest < nearest_other).all())


def bit_ratio(graph: str) -> float:
    """Return geometric over associative bits of a tiny graph."""
    tiny = tiny_graph(section("transformer", graph))
    edges = tiny.graph.undirected_edges
    return geometric_bits(edges, tiny.node_count) / associative_bits(len(edges), tiny.node_count)


def norm_ratio(graph: str) -> float:
    """Return the paper's bound of the geometric norm over that of the associative one.

    sqrt(|V|) is the least norm of a geometric memory, sqrt(|E|) the most of an associative one.
    """
    tiny = tiny_graph(section("transformer", graph))
    return math.sqrt(tiny.node_count / len(tiny.graph.undirected_edges))


COMPLEXITY = Claim(
    name="complexity",
    source="v1 Proposition 1; appendix E.2",
    statement="Neither bits nor norms prefer the geometric memory: on these graphs they tie with "
    "the associative one up to a factor of about two.",
    setting="Counted, not trained, on the four tiny graphs: |E| log2 |V| bits against the cheapest "
    "rounded spectral embedding that keeps every edge; sqrt(|V|) against sqrt(|E|).",
    arms=lambda scale: {},
    criteria=lambda scale: tuple(
        criterion
        for graph in GRAPHS
        for criterion in (
            at_least(
                0.5, f"{graph}: geometric over associative bits",
                lambda found, graph=graph: np.array([bit_ratio(graph)]),
            ),
            at_most(
                2.0, f"{graph}: geometric over associative bits",
                lambda found, graph=graph: np.array([bit_ratio(graph)]),
            ),
            at_least(
                1 / math.sqrt(2), f"{graph}: least geometric over most associative norm",
                lambda found, graph=graph: np.array([norm_ratio(graph)]),
            ),
        )
    ),
)  # fmt: skip
