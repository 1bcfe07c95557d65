"""Whether embeddings are a map of their graph: a score, an interval, a verdict and its reason.

The score says how often, beyond a coin flip, the nearer of two equally placed nodes, both at least
three hops away, is nearer in the embedding, too. Depth and degree raise or lower all distances of a
node, and cancel where only equally placed nodes are compared; what neighbours alone tell ends at
two hops. Chance is measured by shuffles of equally placed nodes and by local codes.
"""

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry_result import Geometry, Verdict
from geometric_memory.analysis.graph_reference import GraphReference, graph_reference
from geometric_memory.analysis.positions import Positions
from geometric_memory.analysis.reading import FAIR, GREAT, SLIGHT, Orders, Reading, hop_table
from geometric_memory.errors import DataError

__all__ = ["Geometry", "Orders", "graph_reference", "measure_geometry", "measure_orders"]

UNITED = 0.6
"""How often a node must be nearer to those of its component than to others."""
SURE, LIKELY, MAYBE = 0.005, 0.01, 0.1
"""Largest p-values: of the score, of nearness and depth, and of what chance may have done."""


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
            found = judged_by_score(reading) or judged_by_chance(reading)
            if found is not None:
                return found
    elif is_near(reading) or reading.p_value("beyond") <= MAYBE:
        return "undecided", "on this graph a map cannot be told from codes of shared neighbours"
    return judged_without_order(reading)


def judged_without_order(reading: Reading) -> tuple[Verdict, str]:
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


def judged_by_score(reading: Reading) -> tuple[Verdict, str] | None:
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


def judged_by_chance(reading: Reading) -> tuple[Verdict, str] | None:
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
