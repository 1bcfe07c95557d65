"""What the geometry score needs of a graph: made once, shared by all embeddings of its nodes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, UInt16
from scipy.sparse import csr_array

from geometric_memory.analysis.geometry import hop_distances, hops_from, symmetric_adjacency
from geometric_memory.analysis.nulls import LocalCodes, shuffle_within, upper_tail
from geometric_memory.analysis.triples import (
    FAMILIES,
    UNREACHED,
    Collector,
    Levels,
    Triples,
    draw_ends,
    halves,
)
from geometric_memory.errors import DataError

MOST_EXACT = 512
"""Nodes up to which all hops are known; of a larger graph, those from anchors and landmarks."""
MOST_ANCHORS, FEWEST_ANCHORS, MOST_HOPS_HELD = 256, 64, 1 << 26
LANDMARKS = 8
PER_LEVEL, MOST_LEVELS = 4, 64
"""Nodes of a level that the table by hops looks at from one anchor of a big graph, and hops."""
CHANCE = 0.005
"""Share of draws in which chance may do what a map does."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of nodes with their hops."""

    left: Int[np.ndarray, " pairs"]
    right: Int[np.ndarray, " pairs"]
    hops: Int[np.ndarray, " pairs"]


@dataclass(frozen=True, kw_only=True, eq=False)
class GraphReference:
    """Triples, halves of paths and pairs by hops of a graph."""

    node_count: int
    adjacency: csr_array
    places: Int[np.ndarray, " nodes"]
    """Class of each node: nodes that degree and eccentricity do not tell apart."""
    hops: UInt16[np.ndarray, "nodes nodes"] | None
    """Hops of all pairs, of a graph small enough."""
    families: dict[str, Triples]
    halves: tuple[Triples, Triples]
    pairs: Pairs
    """Pairs (anchor, node) for the table by hops."""
    seed: int

    @cached_property
    def placeable(self) -> bool:
        """Whether equally placed nodes can be told apart by their hops to others."""
        beyond = self.families["beyond"]
        if self.hops is None or not len(beyond):
            return bool(len(beyond))
        rng = np.random.default_rng([self.seed, 1])
        flat = self.hops.ravel()
        shuffled = shuffle_within(self.places, 399, rng)
        a, b, c = (shuffled[:, side] for side in (beyond.a, beyond.b, beyond.c))
        nearer = flat.take(a * self.node_count + b) < flat.take(a * self.node_count + c)
        return bool(nearer.all(axis=1).mean() <= CHANCE)

    @cached_property
    def local_codes(self) -> LocalCodes:
        """Embeddings that know two hops and nothing beyond, on the triples of the score."""
        return LocalCodes(self.adjacency, self.families["far"])

    @cached_property
    def tellable(self) -> bool:
        """Whether a local code hardly ever answers all triples of the score as a map does."""
        if not len(self.families["far"]):
            return False
        rng = np.random.default_rng([self.seed, 2])
        draws = draws_for(self.node_count, 999)
        scores = self.local_codes.scores(np.ones(8), draws, rng)
        return max(upper_tail(1.0, each, self.node_count) for each in scores) <= CHANCE

    @cached_property
    def far_pairs(self) -> Pairs:
        """The pairs of the loose triples: three hops and more."""
        loose = self.families["loose"]
        left = np.concatenate([loose.a, loose.a])
        right = np.concatenate([loose.b, loose.c])
        hops = np.concatenate([loose.b_hops, loose.c_hops]).astype(np.int64)
        codes = np.minimum(left, right) * self.node_count + np.maximum(left, right)
        _, first = np.unique(codes, return_index=True)
        return Pairs(left[first], right[first], hops[first])


def draws_for(node_count: int, most: int) -> int:
    """Return how many draws a null has: fewer on larger graphs, where Student's t stands in."""
    return most if node_count <= 40 else 99 if node_count <= 256 else 49


def graph_reference(
    edges: Int[np.ndarray, "edges 2"], node_count: int, *, seed: int = 0
) -> GraphReference:
    """Return what the score needs of the undirected graph of `edges`.

    Self edges, directions and repeated edges do not matter. The same seed gives the same numbers.
    Raises DataError when there is no node, or an edge names one that is not there.
    """
    if node_count == 0:
        raise DataError("a graph without nodes has no geometry")
    rng = np.random.default_rng([seed, 0])
    adjacency = symmetric_adjacency(edges, node_count)
    anchors, hops, eccentricity, full = surroundings(adjacency, rng)
    places = equal_places(np.diff(adjacency.indptr), eccentricity)
    collectors = {name: Collector(family, len(anchors)) for name, family in FAMILIES.items()}
    ends, pairs = [], []
    for row, anchor in enumerate(anchors.tolist()):
        placed = Levels(hops[row], places)
        anyhow = Levels(hops[row], np.zeros_like(places))
        for name, collector in collectors.items():
            levels = anyhow if FAMILIES[name].places == "any" else placed
            collector.look(anchor, hops[row], levels, int(places[anchor]), rng)
        ends.append((row, draw_ends(placed, len(anchors), rng)))
        right = level_samples(anyhow, node_count <= MOST_ANCHORS, rng)
        pairs.append((np.full(len(right), anchor), right, hops[row, right]))
    return GraphReference(
        node_count=node_count,
        adjacency=adjacency,
        places=places,
        hops=full,
        families={name: collector.triples() for name, collector in collectors.items()},
        halves=halves(adjacency, anchors, hops, ends, rng),
        pairs=Pairs(*(np.concatenate(part).astype(np.int64) for part in zip(*pairs, strict=True))),
        seed=seed,
    )


def surroundings(
    adjacency: csr_array, rng: np.random.Generator
) -> tuple[
    Int[np.ndarray, " anchors"],
    UInt16[np.ndarray, "anchors nodes"],
    Int[np.ndarray, " nodes"],
    UInt16[np.ndarray, "nodes nodes"] | None,
]:
    """Return anchors, hops from them, the eccentricity of every node, and all hops if few.

    In a big graph the eccentricity is the most hops to an anchor or a landmark, -1 for nodes in
    reach of none.
    """
    count = len(adjacency.indptr) - 1
    most = max(FEWEST_ANCHORS, min(MOST_ANCHORS, MOST_HOPS_HELD // max(count, 1)))
    anchors = np.arange(count)
    if count > most:
        anchors = np.sort(rng.choice(count, most, replace=False))
    if count <= MOST_EXACT:
        full = as_hops(hop_distances(adjacency))
        hops = full[anchors]
        eccentricity = farthest(full, np.zeros(count, dtype=np.int64))
        return anchors, hops, eccentricity, full
    hops = np.stack([as_hops(hops_from(adjacency, int(anchor))) for anchor in anchors])
    eccentricity = farthest(hops, np.full(count, -1))
    closest = hops[0]
    for _ in range(LANDMARKS):
        landmark = int(np.where(closest == UNREACHED, 0, closest).argmax())
        found = as_hops(hops_from(adjacency, landmark))
        eccentricity = farthest(found[None], eccentricity)
        closest = np.minimum(closest, found)
    return anchors, hops, eccentricity, None


def as_hops(found: Float[np.ndarray, "*some"]) -> UInt16[np.ndarray, "*some"]:
    """Return hops in two bytes, cut off below the mark of what is out of reach."""
    cut = np.minimum(found, UNREACHED - 1)
    return np.where(np.isinf(found), UNREACHED, cut).astype(np.uint16)


def farthest(
    hops: UInt16[np.ndarray, "sources nodes"], least: Int[np.ndarray, " nodes"]
) -> Int[np.ndarray, " nodes"]:
    """Return the most hops from a source in reach, `least` where that is more."""
    found = least.copy()
    for row in hops:
        np.maximum(found, row, out=found, where=row != UNREACHED)
    return found


def equal_places(
    degrees: Int[np.ndarray, " nodes"], eccentricity: Int[np.ndarray, " nodes"]
) -> Int[np.ndarray, " nodes"]:
    """Return the class of every node, by degree and eccentricity, or by the latter alone.

    Every node is alone when more than half of the nodes are even so: nothing can be compared.
    """
    count = len(degrees)
    shift = eccentricity + 1
    for codes in (degrees * (shift.max(initial=0) + 1) + shift, shift):
        _, places, times = np.unique(codes, return_inverse=True, return_counts=True)
        if 2 * (times == 1).sum() <= count:
            return places.astype(np.int64)
    return np.arange(count)


def level_samples(
    levels: Levels, every: bool, rng: np.random.Generator
) -> Int[np.ndarray, " nodes"]:
    """Return the nodes at 1, 2, 3, ... hops, all or some of each."""
    groups = np.flatnonzero((levels.hops >= 1) & (levels.hops <= min(levels.reach, MOST_LEVELS)))
    if every:
        parts = [levels.members[levels.bounds[g] : levels.bounds[g + 1]] for g in groups]
        return np.concatenate([*parts, np.zeros(0, dtype=np.int64)])
    return levels.node_of(np.repeat(groups, PER_LEVEL), rng)
