"""Colours of every figure: of lines, of nodes by the parts of their graph, and of scales.

They are Okabe and Ito's, which colour-blind readers can tell apart.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.spectrum import fiedler_coordinates, graph_spectrum
from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Strongest contrast first."""
GREY = "#666666"
PARTS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Without black, neighbours far apart."""
SCALE = ((0, 114, 178), (86, 180, 233), (230, 159, 0), (213, 94, 0))
"""From blue to vermilion."""
ROOT = "#444444"
SPARE = "#BBBBBB"


@dataclass(frozen=True, kw_only=True, eq=False)
class NodeColors:
    """Which nodes share a colour, or where each stands between two colours."""

    group: Int[np.ndarray, " nodes"] | None = None
    """Part of the graph that a node belongs to; -1 for the root, -2 for none."""
    place: Float[np.ndarray, " nodes"] | None = None
    """0 to 1 along the slowest mode of the graph, so that near nodes look alike."""

    def painted(self, root: str = ROOT) -> tuple[str, ...]:
        """Return a colour for every node, as #rrggbb."""
        if self.group is not None:
            special = {-1: root, -2: SPARE}
            return tuple(special.get(g) or PARTS[g % len(PARTS)] for g in self.group.tolist())
        return scaled(np.zeros(0) if self.place is None else self.place)

    @property
    def legend(self) -> list[tuple[tuple[str, ...], str]]:
        """Colours, and what they mean."""
        if self.group is None:
            return [(scaled(np.linspace(0, 1, len(SCALE))), "place along the graph")]
        count = int(self.group.max(initial=-1)) + 1
        parts = [((color,), f"arm {number}") for number, color in enumerate(PARTS[:count], start=1)]
        if count > len(PARTS):
            parts = [(PARTS, f"{count} arms, colours repeat")]
        return [*[((ROOT,), "root")] * bool((self.group == -1).any()), *parts]


def node_colors(graph: Graph, nodes: Int[np.ndarray, " shown"] | None = None) -> NodeColors:
    """Return the colours of `nodes`, of all by default, by the parts that their family knows.

    Parts are numbered as they come among the nodes, so that neighbours differ. Where a family knows
    none, a node is coloured by its place along the part of the graph that is shown.
    """
    shown = graph.nodes if nodes is None else nodes
    if graph.groups is not None:
        found = graph.groups[shown]
        parts = [part for part in dict.fromkeys(found.tolist()) if part >= 0]
        number = {part: index for index, part in enumerate(parts)}
        group = np.array([number.get(part, -2) for part in found.tolist()], dtype=np.int64)
        return NodeColors(group=np.where(shown == graph.root, -1, group))
    place = np.full(graph.node_count, -1)
    place[shown] = np.arange(len(shown))
    edges = place[graph.undirected_edges]
    inside = edges[(edges >= 0).all(axis=1)]
    try:
        spectrum = graph_spectrum(symmetric_adjacency(inside, len(shown)))
        slowest = fiedler_coordinates(spectrum, 1)[:, 0]
    except DataError:  # two nodes and fewer
        slowest = np.arange(len(shown), dtype=np.float64)
    return NodeColors(place=np.argsort(np.argsort(slowest)) / max(len(shown) - 1, 1))


def scaled(places: Float[np.ndarray, " places"]) -> tuple[str, ...]:
    """Return the colours of places from 0 to 1 along the scale, as #rrggbb."""
    anchors = np.linspace(0, 1, len(SCALE))
    channels = [np.interp(places, anchors, [color[i] for color in SCALE]) for i in range(3)]
    rounded = np.rint(np.stack(channels, axis=1)).astype(int)
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in rounded.tolist())
