"""Triples of nodes (a, b, c), b nearer to a than c in the graph: the questions of the score.

An embedding answers a triple right when b is nearer to a in it, too. Every anchor has the same say,
in it every place, in that every two levels, in those every two nodes: so a hub, through which most
shortest paths go, does not decide. A place is a class of nodes that degree and eccentricity do not
tell apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt16
from scipy.sparse import csr_array

UNREACHED = np.iinfo(np.uint16).max
"""Hops to a node of another component; hops are cut off one below."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Which nodes b and c an anchor a is asked about: the nearer one has to be b."""

    b: tuple[int, int | None]
    """Fewest and most hops from a to b; None is all that can be reached."""
    c: tuple[int, int | None] | None = None
    """Fewest and most hops from a to c; None: as for b, and farther than b."""
    places: Literal["equal", "any", "other"] = "equal"
    """Places of b and c: the same one, any, or that of a for b and another one for c."""


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
class Strata:
    """Ranges of groups to draw b and c from, one row per place."""

    b: Int[np.ndarray, "strata 2"]
    c: Int[np.ndarray, "strata 2"]
    same: bool
    """Whether b and c come from one range, b from the nearer group."""


class Levels:
    """Groups of the nodes around an anchor, sorted by place and hops."""

    def __init__(
        self, hops: UInt16[np.ndarray, " nodes"], places: Int[np.ndarray, " nodes"]
    ) -> None:
        near = hops != UNREACHED
        self.reach = int(hops.max(initial=0, where=near))
        self._base = self.reach + 2
        codes = places * self._base + np.where(near, hops, self.reach + 1)
        if codes.max() < UNREACHED:
            codes = codes.astype(np.uint16)  # which NumPy sorts in linear time
        self.members = np.argsort(codes, kind="stable")
        ordered = codes[self.members].astype(np.int64)
        starts = np.flatnonzero(np.diff(ordered, prepend=-1))
        self.codes = ordered[starts]
        self.bounds = np.append(starts, len(ordered))
        """Group g holds `members[bounds[g] : bounds[g + 1]]`."""
        self.places = self.codes // self._base
        self.hops = self.codes % self._base

    def strata(self, family: Family, place: int) -> Strata:
        """Return where b and c of `family` can come from, for an anchor of `place`."""
        own = np.unique(self.places)
        c_places = own[own != place] if family.places == "other" else own
        b_places = np.full(len(c_places), place) if family.places == "other" else own
        b = self._ranges(b_places, family.b)
        c = b if family.c is None else self._ranges(c_places, family.c)
        enough = (b[:, 1] - b[:, 0] > (family.c is None)) & (c[:, 1] > c[:, 0])
        return Strata(b[enough], c[enough], family.c is None)

    def _ranges(
        self, places: Int[np.ndarray, " places"], limits: tuple[int, int | None]
    ) -> Int[np.ndarray, "places 2"]:
        least, most = limits
        last = self.reach if most is None else min(most, self.reach + 1)
        first = np.searchsorted(self.codes, places * self._base + min(least, self.reach + 1))
        after = np.searchsorted(self.codes, places * self._base + last, side="right")
        return np.stack([first, np.maximum(first, after)], axis=1)

    def count(self, strata: Strata) -> float:
        """Return how many pairs (b, c) there are; a float, for there may be 10^15 of them."""
        sizes = np.diff(self.bounds).astype(np.float64)
        sums = np.concatenate([[0.0], np.cumsum(sizes)])
        totals = [sums[side[:, 1]] - sums[side[:, 0]] for side in (strata.b, strata.c)]
        if not strata.same:
            return float(totals[0] @ totals[1])
        squares = np.concatenate([[0.0], np.cumsum(np.square(sizes))])
        within = squares[strata.b[:, 1]] - squares[strata.b[:, 0]]
        return float((np.square(totals[0]) - within).sum() / 2)

    def every(self, strata: Strata) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, " pairs"]]:
        """Return all pairs (b, c), and for each the chance that `draw` has of drawing it."""
        parts = []
        for b_range, c_range in zip(strata.b, strata.c, strict=True):
            b_group, c_group = (np.arange(*limits) for limits in (b_range, c_range))
            pairs = len(b_group) * len(c_group)
            if strata.same:
                pairs = pairs - (pairs + len(b_group)) / 2
            b_of, c_of = (np.repeat(g, np.diff(self.bounds)[g]) for g in (b_group, c_group))
            b, c = (
                self.members[self.bounds[limits[0]] : self.bounds[limits[1]]]
                for limits in (b_range, c_range)
            )
            sizes = np.diff(self.bounds)
            chance = 1 / (len(strata.b) * pairs * np.outer(sizes[b_of], sizes[c_of]))
            kept = b_of[:, None] < c_of if strata.same else np.ones(chance.shape, dtype=bool)
            row, column = np.nonzero(kept)
            parts.append((b[row], c[column], chance[kept]))
        b, c, chances = (np.concatenate(part) for part in zip(*parts, strict=True))
        return b, c, chances

    def draw(
        self, strata: Strata, count: int, rng: np.random.Generator
    ) -> tuple[Int[np.ndarray, " count"], Int[np.ndarray, " count"]]:
        """Draw pairs (b, c): a place, then two groups of it, then a node of each."""
        row = rng.integers(len(strata.b), size=count)
        b_range, c_range = strata.b[row], strata.c[row]
        b = rng.integers(b_range[:, 0], b_range[:, 1])
        c = rng.integers(c_range[:, 0], c_range[:, 1] - strata.same)
        if strata.same:
            c += c >= b
            b, c = np.minimum(b, c), np.maximum(b, c)
        return self.node_of(b, rng), self.node_of(c, rng)

    def node_of(
        self, groups: Int[np.ndarray, " count"], rng: np.random.Generator
    ) -> Int[np.ndarray, " count"]:
        """Draw a node of each group."""
        return self.members[rng.integers(self.bounds[groups], self.bounds[groups + 1])]


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


def draw_ends(levels: Levels, anchors: int, rng: np.random.Generator) -> Int[np.ndarray, " draws"]:
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
