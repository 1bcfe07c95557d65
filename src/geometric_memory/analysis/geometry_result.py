"""Geometry as it is reported: score, interval, verdict, reason and numbers by hop."""

import math
from dataclasses import dataclass
from html import escape
from typing import Literal

from geometric_memory.analysis.estimate import one_digit_percent

Interval = tuple[float, float]
Verdict = Literal["map", "folded", "clusters", "local", "depth", "none", "undecided"]
ENOUGH_FACTS = 99.995
"""Percent of the facts from which an embedding is judged: one in twenty thousand may be missing."""
MEANING: dict[Verdict, str] = {
    "map": "far nodes are in order, and distances follow hops",
    "folded": "a map once the sign of a node is turned at every odd hop: neighbours lie opposite",
    "clusters": "which far nodes belong together is known, but not the paths between them",
    "local": "nodes within two hops are near; beyond that no order shows",
    "depth": "distances tell degree and depth, and nothing else",
    "none": "no relation to the graph shows",
    "undecided": "the graph or the evidence does not suffice",
}


@dataclass(frozen=True, kw_only=True)
class Hops:
    """Pairs of nodes at one distance in the graph."""

    hops: int
    """Edges of a shortest path between them."""
    pairs: int
    """How many pairs there are."""
    distance: float
    """Mean distance in the embedding, in units of the root mean square of all pairs."""
    distance_interval: Interval
    """95 % bootstrap over nodes."""
    score: float
    """How often a node at these hops is nearer than an equally placed one farther away, beyond a
    coin flip (below three hops: than one at three hops or more). NaN where there is none."""
    score_interval: Interval
    """95 % bootstrap over nodes."""
    comparisons: int
    """How many comparisons the score is of."""

    @property
    def auc(self) -> float:
        """The same as a chance: 1/2 is no order, 1 all in order."""
        return (1 + self.score) / 2

    @property
    def auc_interval(self) -> Interval:
        """95 % interval of the chance."""
        return (1 + self.score_interval[0]) / 2, (1 + self.score_interval[1]) / 2


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Whether an embedding is a map of its graph, measured as docs/geometry_score.md explains."""

    score: float
    """-1 to 1: how often, beyond a coin flip, the nearer of two equally placed nodes, both at least
    three hops away, is nearer in the embedding."""
    interval: Interval
    """95 % bootstrap over nodes."""
    verdict: Verdict
    """`map`, `folded`, `clusters`, `local`, `depth`, `none` or `undecided`."""
    reason: str
    """Why, as a clause."""
    by_hop: tuple[Hops, ...]
    """A row per number of hops between nodes, from 1 on."""
    reach: int
    """Hops up to which every step has order; 2 means that there is none beyond neighbours of
    neighbours."""
    rho: float
    """Spearman's correlation of distance with hops, over pairs at three hops and more."""
    loose: float
    """The score without regard to places."""
    whole: float
    """How often a path is longer than both its halves, beyond a coin flip."""
    adjacent: float
    """How often a neighbour is nearer than an equally placed node three or more hops away."""
    comparisons: int
    """How many comparisons the score is of."""
    recovery: float = math.nan
    """Share of the edges that the model recovers, where a run says it."""
    recovery_of: str = "edges"
    """Which edges these are."""

    @property
    def memorized(self) -> str:
        """How much of the graph is memorized, as a sentence."""
        if math.isnan(self.recovery):
            return "How much is memorized is not known."
        if self.recovery == 1:
            return f"All {self.recovery_of} are memorized."
        known = one_digit_percent(100 * self.recovery)
        return f"Only {known} of the {self.recovery_of} are memorized."

    def numbers(self) -> dict[str, float]:
        """Return score, rho, reach, and distance and AUC at each hop, by name."""
        found = {"score": self.score, "rho": self.rho, "reach": float(self.reach)}
        for row in self.by_hop:
            found[f"distance_{row.hops}"] = row.distance
            if row.comparisons:
                found[f"auc_{row.hops}"] = row.auc
        return found

    def headings(self) -> tuple[str, ...]:
        """Return the headings of the table by hops."""
        return "hops", "distance", "95 % interval", "AUC", "95 % interval"

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table by hops as text."""
        return [
            (str(row.hops), f"{row.distance:.2f}", spelled(row.distance_interval),
             f"{row.auc:.2f}" if row.comparisons else "-",
             spelled(row.auc_interval) if row.comparisons else "-")
            for row in self.by_hop
        ]  # fmt: skip

    def summary(self) -> str:
        """Return verdict, score and interval in a line."""
        return f"{self.verdict} (score {self.score:+.2f} [{spelled(self.interval, '+.2f')}])"

    def __str__(self) -> str:
        table = [self.headings(), *self.rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in table
        ]
        return "\n".join(
            [f"{self.summary()}: {self.reason}",
             f"reach {self.reach} hops, rho {self.rho:+.2f} from three hops on",
             *[self.memorized] * (not math.isnan(self.recovery)), *lines]
        )  # fmt: skip

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows())
        heads = "".join(f"<th>{escape(cell)}</th>" for cell in self.headings())
        return (
            f"<p><b>{self.verdict}</b>, score {self.score:+.2f} "
            f"[{spelled(self.interval, '+.2f')}]: {escape(self.reason)}. Reach {self.reach} hops, "
            f"rho {self.rho:+.2f} from three hops on. "
            f"{'' if math.isnan(self.recovery) else self.memorized}</p>"
            f"<table><tr>{heads}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"
        )


def spelled(interval: Interval, form: str = ".2f") -> str:
    """Return an interval as text."""
    return f"{interval[0]:{form}} to {interval[1]:{form}}"
