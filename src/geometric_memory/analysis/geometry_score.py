"""Whether embeddings are a map of their graph: a score, an interval, a verdict and its reason.

The score says how often, beyond a coin flip, the nearer of two equally placed nodes, both at least
three hops away, is nearer in the embedding, too. Depth and degree raise or lower all distances of a
node, and cancel where only equally placed nodes are compared; what neighbours alone tell ends at
two hops. Chance is measured by shuffles of equally placed nodes and by local codes.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry_result import Geometry, Hops, Interval, Verdict
from geometric_memory.analysis.graph_reference import GraphReference, draws_for, graph_reference
from geometric_memory.analysis.nulls import (
    Positions,
    compared,
    shuffle_values,
    signs,
    turned,
    two_sided_tail,
    upper_tail,
)
from geometric_memory.analysis.triples import Triples
from geometric_memory.errors import DataError

__all__ = ["Geometry", "Orders", "graph_reference", "measure_geometry", "measure_orders"]

GREAT, FAIR, SLIGHT = 0.3, 0.2, 0.15
"""Bars of the score: that of a map, of what goes with it, and of what is looked into at all."""
BOOTSTRAPS = 200
STREAMS = {name: place for place, name in enumerate(
    ("adjacent", "second", "beyond", "apart", "loose", "place", "far", "interval", "hops")
)}  # fmt: skip
"""Random streams, one for each number, so that none depends on which others are made."""
UNITED = 0.6
"""How often a node must be nearer to those of its component than to others."""
SURE, LIKELY, MAYBE = 0.005, 0.01, 0.1
"""Largest p-values: of the score, of nearness and depth, and of what chance may have done."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """How well an embedding keeps the order of hops, without any null: cheap along training."""

    score: float
    """-1 to 1, equally placed nodes three hops away and more; 0 is no order."""
    loose: float
    """The same whatever the places of the nodes."""
    whole: float
    """How often a path is longer than both its halves, beyond a coin flip."""
    whole_bar: float
    """What `whole` must reach, the higher the fewer paths there are."""
    correlation: float
    """Spearman's rank correlation of distance with hops, from three hops on."""

    @property
    def orderly(self) -> bool:
        """Whether this is what a map shows; a verdict asks for more than chance besides."""
        return self.score >= GREAT and self.loose >= FAIR and self.whole >= self.whole_bar


class Reading:
    """One embedding on one graph, as it is or folded; every number is made when it is asked for."""

    def __init__(
        self, positions: Positions, reference: GraphReference, seed: int, *, folded: bool
    ) -> None:
        self.positions, self.reference, self.folded = positions, reference, folded
        self._seed = seed
        self._signs: dict[str, Float[np.ndarray, " triples"]] = {}
        self._p_values: dict[str, float] = {}

    def rng(self, stream: str) -> np.random.Generator:
        """Return the generator of one number."""
        return np.random.default_rng([self._seed, STREAMS[stream], int(self.folded)])

    def signs(self, name: str) -> Float[np.ndarray, " triples"]:
        """Return right and wrong answers of a family."""
        if name not in self._signs:
            triples = self.reference.families[name]
            self._signs[name] = signs(triples, self.positions, self.folded)[0]
        return self._signs[name]

    def value(self, name: str) -> float:
        """Return the mean answer of a family, 0 where it has no triple."""
        return float(self.signs(name) @ self.reference.families[name].weights)

    def p_value(self, name: str) -> float:
        """Return the p-value of a family, 1 where it has no triple."""
        if name not in self._p_values:
            self._p_values[name] = self._draw_p_value(name)
        return self._p_values[name]

    def _draw_p_value(self, name: str) -> float:
        reference, value = self.reference, self.value(name)
        triples, count = reference.families[name], reference.node_count
        if not len(triples):
            return 1.0
        if name == "far":
            if value < SLIGHT:
                return 1.0
            drawn = reference.local_codes.scores(
                self.positions.spreads(), draws_for(count, 599), self.rng(name), folded=self.folded
            )
            return max(upper_tail(value, each, count) for each in drawn)
        anywhere = name in ("loose", "place")
        places = np.zeros_like(reference.places) if anywhere else reference.places
        draws = draws_for(count, 599 if name == "beyond" else 199)
        drawn = shuffle_values(triples, self.positions, self.folded, places, draws, self.rng(name))
        tail = two_sided_tail if name == "loose" else upper_tail
        return tail(value, drawn, count)

    @cached_property
    def orders(self) -> Orders:
        """The score and what goes with it."""
        found = [self._whole(triples) for triples in self.reference.halves if len(triples)]
        whole, bar = max(found, key=lambda each: each[0] - each[1], default=(0.0, 1.0))
        return Orders(
            score=self.value("far"), loose=self.value("loose"), whole=whole, whole_bar=bar,
            correlation=self.correlation(),
        )  # fmt: skip

    def _whole(self, paths: Triples) -> tuple[float, float]:
        """Return how often wholes are longer than both halves, and the bar for that many."""
        bar = max(FAIR, 1.6 / len(np.unique(paths.b)) ** 0.5)
        half, whole = turned(paths, self.folded)
        rest = None if half is None or whole is None else half ^ whole
        near, total, other = (
            self.positions.squares(one, two, odd)
            for one, two, odd in (
                (paths.a, paths.b, half), (paths.a, paths.c, whole), (paths.b, paths.c, rest)
            )
        )  # fmt: skip
        longer = compared(total - np.maximum(near, other), self.positions.tolerance)
        return float(longer @ paths.weights), bar

    def correlation(self) -> float:
        """Return Spearman's correlation of distance, never folded, with hops; 0 without spread."""
        pairs = self.reference.far_pairs
        if not len(pairs.hops):
            return 0.0
        distances = self.positions.squares(pairs.left, pairs.right).round(9)  # ties stay ties
        return rank_correlation(distances, pairs.hops)

    def interval(self, triples: Triples, answers: Float[np.ndarray, " triples"]) -> Interval:
        """Return the 95 % interval of a mean answer, by drawing the nodes of its triples again.

        k nodes without an error still allow a share of 3 / k (the rule of three).
        """
        if not len(triples):
            return -1.0, 1.0
        nodes = triples.nodes
        a, b, c = (np.searchsorted(nodes, side) for side in (triples.a, triples.b, triples.c))
        rng = self.rng("interval")
        drawn = rng.integers(len(nodes), size=(BOOTSTRAPS, len(nodes)))
        times = np.zeros((BOOTSTRAPS, len(nodes)), dtype=np.float32)
        np.add.at(times, (np.arange(BOOTSTRAPS)[:, None], drawn), 1)
        weights = times[:, a] * times[:, b] * times[:, c] * triples.weights
        totals = weights.sum(axis=1)
        means = (weights @ answers)[totals > 0] / totals[totals > 0]
        low, high = np.percentile(means, [2.5, 97.5]) if len(means) else (-1.0, 1.0)
        slack = 6 / len(nodes)
        return max(-1.0, float(min(low, 1 - slack))), min(1.0, float(max(high, slack - 1)))


def hop_table(reading: Reading) -> tuple[Hops, ...]:
    """Return distance and order at 1, 2, 3, ... hops."""
    reference, positions = reading.reference, reading.positions
    pairs = reference.pairs
    if not len(pairs.hops):
        return ()
    odd = pairs.hops % 2 == 1 if reading.folded else None
    squares = positions.squares(pairs.left, pairs.right, odd)
    _, anchor = np.unique(pairs.left, return_inverse=True)
    shape = (anchor.max() + 1, int(pairs.hops.max()) + 1)
    place = anchor * shape[1] + pairs.hops
    counts = np.bincount(place, minlength=shape[0] * shape[1]).reshape(shape)
    distances = np.sqrt(squares.clip(min=0))
    sums = np.bincount(place, distances, minlength=counts.size).reshape(shape)
    seen = (counts > 0).astype(np.float64)
    means = sums / np.maximum(counts, 1)
    times = reading.rng("hops").multinomial(shape[0], np.full(shape[0], 1 / shape[0]), BOOTSTRAPS)
    with np.errstate(invalid="ignore"):
        drawn = (times @ means) / (times @ seen)
    rows = []
    for hops in range(1, shape[1]):
        name = {1: "adjacent", 2: "second"}.get(hops, "far")
        family, answers = reference.families[name], reading.signs(name)
        chosen = family.b_hops == hops
        low, high = np.nanpercentile(drawn[:, hops], [2.5, 97.5])
        part = family.where(chosen)
        rows.append(
            Hops(
                hops=hops,
                pairs=int(counts[:, hops].sum()),
                distance=float(means[:, hops].sum() / seen[:, hops].sum()),
                distance_interval=(float(low), float(high)),
                score=float(answers[chosen] @ part.weights) if len(part) else float("nan"),
                score_interval=reading.interval(part, answers[chosen]),
                comparisons=len(part),
            )
        )
    return tuple(rows)


def rank_correlation(
    distances: Float[np.ndarray, " pairs"], hops: Int[np.ndarray, " pairs"]
) -> float:
    """Return Spearman's rank correlation, 0 where one side has no spread."""
    from scipy.stats import rankdata  # takes longer to import than all the rest

    one, two = (rankdata(side) - (len(hops) + 1) / 2 for side in (distances, hops))
    spread = np.sqrt((one @ one) * (two @ two))
    return float(one @ two / spread) if spread > 0 else 0.0


def measure_geometry(
    embeddings: Float[np.ndarray, "nodes dim"], reference: GraphReference, *, seed: int = 0
) -> Geometry:
    """Return score, interval and verdict of `embeddings`, row u for node u of the graph.

    The same seed gives the same numbers. Raises NonFiniteError when a number is not finite,
    DataError when there are more or fewer embeddings than nodes.
    """
    positions = positions_of(embeddings, reference)
    plain = Reading(positions, reference, seed, folded=False)
    if positions.collapsed:
        reason = "all embeddings are equal but for rounding"
        return result(plain, "none", reason)
    verdict, reason = judged(plain)
    if verdict != "map" and len(reference.families["loose"]):
        folded = Reading(positions, reference, seed, folded=True)
        if folded.orders.orderly:
            again, why = judged(folded)
            if again == "map":
                return result(folded, "folded", f"with the sign turned at odd hops, {why}")
    return result(plain, verdict, reason)


def measure_orders(
    embeddings: Float[np.ndarray, "nodes dim"], reference: GraphReference, *, folded: bool = False
) -> Orders:
    """Return what the score is made of, without nulls and interval; raises as the score does."""
    return Reading(positions_of(embeddings, reference), reference, 0, folded=folded).orders


def positions_of(
    embeddings: Float[np.ndarray, "nodes dim"], reference: GraphReference
) -> Positions:
    """Return the positions of all nodes."""
    if len(embeddings) != reference.node_count:
        raise DataError(f"{len(embeddings)} embeddings for a graph of {reference.node_count} nodes")
    return Positions(embeddings)


def judged(reading: Reading) -> tuple[Verdict, str]:
    """Return the verdict on one reading of an embedding, and why.

    The rules in their order: what the graph can tell, then the score, then nearness, then depth.
    """
    reference = reading.reference
    if not reference.placeable:
        return "undecided", "too few nodes of the graph are placed alike to compare their hops"
    if not len(reference.families["loose"]):
        return "undecided", "no two nodes of the graph are four hops apart"
    if reference.tellable:
        if reading.orders.score >= SLIGHT:
            found = judge_by_score(reading) or judge_by_chance(reading)
            if found is not None:
                return found
    elif is_near(reading) or reading.p_value("beyond") <= MAYBE:
        return "undecided", "on this graph a map cannot be told from codes of shared neighbours"
    return judge_without_order(reading)


def judge_without_order(reading: Reading) -> tuple[Verdict, str]:
    """Return the verdict where far nodes show no order."""
    if is_near(reading):
        return "local", "nodes within two hops are near, and those farther away show no order"
    if reading.value("apart") >= UNITED and reading.p_value("apart") <= LIKELY:
        return "clusters", "which nodes lie in one component is known, and nothing else"
    if reading.p_value("loose") <= LIKELY or reading.p_value("place") <= LIKELY:
        return "depth", "distances tell degree or depth, and equally placed nodes not apart"
    return "none", "no relation of distances to the graph shows"


def is_near(reading: Reading) -> bool:
    """Return whether nodes that are near in the graph are near in the embedding."""
    return (
        reading.p_value("adjacent") <= LIKELY
        or reading.p_value("second") <= LIKELY
        or reading.p_value("beyond") <= SURE
    )


def judge_by_score(reading: Reading) -> tuple[Verdict, str] | None:
    """Return the verdict on a great score that chance cannot reach; None for any other."""
    orders = reading.orders
    if orders.score < GREAT or max(reading.p_value("beyond"), reading.p_value("far")) > SURE:
        return None
    if orders.loose >= FAIR and orders.whole >= orders.whole_bar:
        return "map", (
            "far nodes are in order, distances follow hops as a whole, and paths are longer than "
            "their halves"
        )
    if reading.value("adjacent") >= GREAT and (orders.whole < FAIR or orders.loose < FAIR):
        short = "paths are no longer than their halves" if orders.whole < FAIR else \
            "distances as a whole do not follow hops"  # fmt: skip
        return "clusters", f"which far nodes belong together is known, but {short}"
    return "undecided", (
        f"far nodes are in order, but paths are hardly longer than their halves "
        f"({orders.whole:.2f} of at least {orders.whole_bar:.2f})"
    )


def judge_by_chance(reading: Reading) -> tuple[Verdict, str] | None:
    """Return that a score lies between the bars, if it does."""
    orders = reading.orders
    worst = max(reading.p_value("beyond"), reading.p_value("far"))
    if orders.score >= GREAT and worst <= MAYBE:
        return "undecided", f"far nodes are in order, but chance can do that here (p {worst:.2g})"
    if worst <= SURE:
        return "undecided", "the order of far nodes is weak, though more than chance"
    return None


def result(reading: Reading, verdict: Verdict, reason: str) -> Geometry:
    """Return everything that is reported."""
    far, orders = reading.reference.families["far"], reading.orders
    by_hop = hop_table(reading)
    reach = 2
    for row in by_hop[2:]:
        if row.score_interval[0] <= 0:
            break
        reach = row.hops
    return Geometry(
        score=orders.score,
        interval=reading.interval(far, reading.signs("far")),
        verdict=verdict,
        reason=reason,
        by_hop=by_hop,
        reach=reach,
        rho=orders.correlation,
        loose=orders.loose,
        whole=orders.whole,
        adjacent=reading.value("adjacent"),
        comparisons=len(far),
    )
