"""The nodes around one anchor, in groups of equal place and equal hops.

A place is a class of nodes that degree and eccentricity do not tell apart. What is drawn here goes
by groups first and nodes last, so that every group has the same chance whatever its size.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt16

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
