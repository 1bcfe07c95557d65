"""Triples of nodes (a, b, c), b nearer to a than c in the graph: the questions of the score.

An embedding answers a triple right when b is nearer to a in it, too. Every anchor has the same say,
in it every place, in that every two levels, in those every two nodes: so a hub, through which most
shortest paths go, does not decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt16
from scipy.sparse import csr_array

from geometric_memory.analysis.levels import UNREACHED, Family, Levels

FAMILIES: Mapping[str, Family] = {
    "adjacent": Family(b=(1, 1), c=(3, None)),
    "second": Family(b=(2, 2), c=(3, None)),
    "beyond": Family(b=(2, None)),
    "far": Family(b=(3, None)),
    "loose": Family(b=(3, None), places="any"),
    "place": Family(b=(2, None), c=(2, None), places="other"),
    "apart": Family(b=(2, None), c=(UNREACHED, UNREACHED)),
}
"""`far` is the score: both at least three hops away. `adjacent` and `second` are near nodes against
far ones, `beyond` all that no edge joins. `loose` compares across places; `place` asks whether a
node is nearer to those of its own place, and `apart` to those of its own component."""
MOST_LISTED, DRAWN = 4096, 2048
"""Triples of a family that are all taken, and how many are drawn where there are more."""
SHORT, LONG = 8, 64
"""Fewest and most halves of paths from one anchor."""
MOST_STEPS = 1 << 22
"""Neighbours that are looked at in one piece while paths are walked."""


@dataclass(frozen=True)
class Triples:
    """Nodes a, b and c, with hops from a and the weight of the triple; weights sum to 1."""

    a: Int[np.ndarray, " triples"]
    b: Int[np.ndarray, " triples"]
    c: Int[np.ndarray, " triples"]
    b_hops: UInt16[np.ndarray, " triples"]
    c_hops: UInt16[np.ndarray, " triples"]
    weights: Float[np.ndarray, " triples"]

    def __len__(self) -> int:
        return len(self.a)

    def where(self, chosen: Bool[np.ndarray, " triples"]) -> "Triples":
        """Return the chosen triples, weights made to sum to 1 again."""
        kept = self.weights[chosen]
        return Triples(
            self.a[chosen], self.b[chosen], self.c[chosen],
            self.b_hops[chosen], self.c_hops[chosen], kept / kept.sum() if len(kept) else kept,
        )  # fmt: skip

    @property
    def nodes(self) -> Int[np.ndarray, " nodes"]:
        """The nodes of the triples, ascending."""
        return np.unique(np.concatenate([self.a, self.b, self.c]))


class Collector:
    """Gathers the triples of one family, anchor by anchor."""

    def __init__(self, family: Family, anchors: int) -> None:
        self._family = family
        self._per_anchor = -(-DRAWN // anchors)
        self._count = 0.0
        self._listed: list[tuple[np.ndarray, ...]] = []
        self._drawn: list[tuple[np.ndarray, ...]] = []

    def look(
        self,
        anchor: int,
        hops: UInt16[np.ndarray, " nodes"],
        levels: Levels,
        place: int,
        rng: np.random.Generator,
    ) -> None:
        """Take the triples of one anchor."""
        strata = levels.strata(self._family, place)
        if len(strata.b) == 0:
            return
        self._count += levels.count(strata)
        if self._count <= MOST_LISTED:
            b, c, chances = levels.every(strata)
            self._listed.append((np.full(len(b), anchor), b, c, hops[b], hops[c], chances))
        b, c = levels.draw(strata, self._per_anchor, rng)
        chances = np.full(len(b), 1 / len(b))
        self._drawn.append((np.full(len(b), anchor), b, c, hops[b], hops[c], chances))

    def triples(self) -> Triples:
        """Return all triples, or those drawn where there are many."""
        parts = self._listed if self._count <= MOST_LISTED else self._drawn
        if not parts:
            nobody, hops = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.uint16)
            return Triples(nobody, nobody, nobody, hops, hops, np.zeros(0))
        a, b, c, b_hops, c_hops, chances = map(np.concatenate, zip(*parts, strict=True))
        return Triples(a, b, c, b_hops, c_hops, chances / len(parts))


def halves(
    adjacency: csr_array,
    anchors: Int[np.ndarray, " anchors"],
    hops: UInt16[np.ndarray, "anchors nodes"],
    levels: list[tuple[int, Int[np.ndarray, " _"]]],
    rng: np.random.Generator,
) -> tuple[Triples, Triples]:
    """Return shortest paths from a to c with a node b half way: the short ones, and the long ones.

    `levels` are draws of c by anchor row. A path is short when it is at most half as long as the
    longest from a. In each of both every middle node has the same say. There is no clustering in
    which a whole is longer than both halves: of three distances in a tree of clusters the two
    largest are equal.
    """
    rows = np.concatenate([np.full(len(c), row) for row, c in levels] or [np.zeros(0, np.int64)])
    c = np.concatenate([c for _, c in levels] or [np.zeros(0, np.int64)])
    total = hops[rows, c]
    b = walked(adjacency, hops, rows, c, total // 2, rng)
    longest = np.max(hops, axis=1, initial=0, where=hops != UNREACHED)
    short = 2 * total.astype(np.int64) <= longest[rows]
    found = []
    for chosen in (short, ~short):
        _, place, times = np.unique(b[chosen], return_inverse=True, return_counts=True)
        weights = 1 / (len(times) * times[place]) if len(times) else np.zeros(0)
        found.append(
            Triples(anchors[rows[chosen]], b[chosen], c[chosen],
                    total[chosen] // 2, total[chosen], weights)
        )  # fmt: skip
    return found[0], found[1]


def drawn_ends(levels: Levels, anchors: int, rng: np.random.Generator) -> Int[np.ndarray, " draws"]:
    """Draw ends of paths from one anchor: a place, then a level of at least 2 hops, then a node."""
    strata = levels.strata(Family(b=(2, None), c=(2, None)), -1).b
    if len(strata) == 0:
        return np.zeros(0, dtype=np.int64)
    count = int(np.clip(DRAWN // anchors, SHORT, LONG))
    chosen = strata[rng.integers(len(strata), size=count)]
    return levels.node_of(rng.integers(chosen[:, 0], chosen[:, 1]), rng)


def walked(
    adjacency: csr_array,
    hops: UInt16[np.ndarray, "anchors nodes"],
    rows: Int[np.ndarray, " walks"],
    ends: Int[np.ndarray, " walks"],
    goals: UInt16[np.ndarray, " walks"],
    rng: np.random.Generator,
) -> Int[np.ndarray, " walks"]:
    """Walk from each end towards its anchor along random shortest paths, to `goals` hops from it.

    All walks step together; the neighbours of a hub are looked at in pieces of bounded size.
    """
    nodes = ends.copy()
    degrees = np.diff(adjacency.indptr)
    while len(moving := np.flatnonzero(hops[rows, nodes] > goals)):
        pieces = np.cumsum(degrees[nodes[moving]]) // MOST_STEPS
        for piece in np.split(moving, np.flatnonzero(np.diff(pieces)) + 1):
            counts = degrees[nodes[piece]]
            starts = np.cumsum(counts) - counts
            of = np.repeat(np.arange(len(piece)), counts)
            place = np.arange(len(of)) - starts[of] + adjacency.indptr[nodes[piece]][of]
            beside = adjacency.indices[place]
            nearer = hops[rows[piece][of], beside] < hops[rows[piece], nodes[piece]][of]
            keys = np.where(nearer, rng.random(len(of), dtype=np.float32), -1.0)
            best = np.maximum.reduceat(keys, starts)
            first = np.flatnonzero(keys == best[of])
            nodes[piece[of[first]]] = beside[first]
    return nodes
