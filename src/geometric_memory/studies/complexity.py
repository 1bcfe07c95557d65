"""How much a memory of a graph has to say: bits and norms, geometric against associative (Prop 1).

Associative memory names the other end of every edge: |E| log |V| bits. A geometric memory places
every node: |V| m log(Delta) bits for m coordinates with Delta levels each. Norms are bounded by
sqrt(|E|) from above and sqrt(|V|) from below. Nothing is trained here.
"""

import math

from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import Criterion, Measure, Study, at_least, at_most
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph

STAR_ARMS, STAR_LENGTH, GRID_SIDE = 4, 5, 4
"""Of the tiny star and the tiny grid."""


def bit_ratios() -> dict[str, float]:
    """Return geometric over associative bits of star, cycle and grid.

    Star of d arms of l nodes, per node: log d log l over log d + log l. Cycle: 2 log(|V| / 2) over
    log |E|. Both as in the paper; a grid has two coordinates of as many levels as its side.
    """
    arms, length = math.log2(STAR_ARMS), math.log2(STAR_LENGTH)
    cycle, _ = graph_size("cycle")
    nodes, edges = graph_size("grid")
    return {
        "star": arms * length / (arms + length),
        "cycle": 2 * math.log2(cycle / 2) / math.log2(cycle),
        "grid": nodes * 2 * math.log2(GRID_SIDE) / (edges * math.log2(nodes)),
    }


def norm_ratio(graph: str) -> float:
    """Return the least norm of a geometric memory over the most of an associative one."""
    nodes, edges = graph_size(graph)
    return math.sqrt(nodes / edges)


def graph_size(graph: str) -> tuple[int, int]:
    """Return nodes and undirected edges of a tiny graph."""
    tiny = tiny_graph(section("transformer", graph))
    return tiny.node_count, len(tiny.graph.undirected_edges)


def _criteria(scale: Scale) -> tuple[Criterion, ...]:
    ratios = {f"{graph}: bits, ratio": value for graph, value in bit_ratios().items()}
    ratios |= {f"{graph}: norms, ratio": norm_ratio(graph) for graph in GRAPHS}
    counted = {text: Measure(kind="exact", value=value) for text, value in ratios.items()}
    return tuple(
        criterion
        for text, measure in counted.items()
        for criterion in (at_least(0.5, text, measure), at_most(2, text, measure))
    )


COMPLEXITY = Study(
    name="complexity",
    source="v1 Proposition 1; appendix E.2",
    statement="Neither bits nor norms prefer the geometric memory: on these graphs it needs about "
    "as much as the associative one, up to a factor of two.",
    setting="Counted by the paper's formulas on the tiny graphs, geometric over associative; the "
    "formulas give no bits for the irregular graph, and only bounds for norms.",
    arms=lambda scale: {},
    criteria=_criteria,
)
