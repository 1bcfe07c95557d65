"""What chance can do: nodes shuffled, and local codes, which know two hops and nothing beyond."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

from geometric_memory.analysis.positions import (
    MOST_MATRIX_NODES,
    PIECE,
    Positions,
    squared_matrices,
)
from geometric_memory.analysis.triples import Triples

MOST_EXACT_NODES = 40
"""Nodes up to which a p-value is the share of draws; above, Student's t stands in."""
AXES_AT_ONCE = 64
TIE = 1e-5
"""Difference of squared distances of local codes, as a share of their mean, that rounding makes."""


def signs(
    triples: Triples,
    positions: Positions,
    folded: bool,
    moved: Int[np.ndarray, "draws nodes"] | None = None,
) -> Float[np.ndarray, "draws triples"]:
    """Return 1 for every right answer, -1 for every wrong one and 0 for a tie.

    `moved` gives, draw by draw, the node whose embedding each node has.
    """
    places = [
        nodes[None] if moved is None else moved.take(nodes, axis=1)
        for nodes in (triples.a, triples.b, triples.c)
    ]
    b_turned, c_turned = turned(triples, folded)
    near = positions.squares(places[0], places[1], b_turned)
    far = positions.squares(places[0], places[2], c_turned)
    return compared(far - near, positions.tolerance)


def turned(
    triples: Triples, folded: bool
) -> tuple[Bool[np.ndarray, " triples"] | None, Bool[np.ndarray, " triples"] | None]:
    """Return where the pairs (a, b) and (a, c) are an odd number of hops apart, if `folded`."""
    if not folded:
        return None, None
    return triples.b_hops % 2 == 1, triples.c_hops % 2 == 1


def compared(
    differences: Float[np.ndarray, "*some"], tolerance: float
) -> Float[np.ndarray, "*some"]:
    """Return the sign of differences, 0 within the tolerance."""
    found = (differences > tolerance).astype(np.float64)
    found -= differences < -tolerance
    return found


def shuffled_values(
    triples: Triples,
    positions: Positions,
    folded: bool,
    places: Int[np.ndarray, " nodes"],
    draws: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, " draws"]:
    """Return the value of `triples` when embeddings change places within `places`, per draw."""
    size = max(1, PIECE // max(len(triples), positions.node_count))
    found = []
    for start in range(0, draws, size):
        moved = shuffled_within(places, min(size, draws - start), rng)
        found.append(signs(triples, positions, folded, moved) @ triples.weights)
    return np.concatenate(found)


def shuffled_within(
    places: Int[np.ndarray, " nodes"], draws: int, rng: np.random.Generator
) -> Int[np.ndarray, "draws nodes"]:
    """Return random orders of the nodes, each in its own place of `places`."""
    ordered = np.argsort(places, kind="stable")
    keys = rng.random((draws, len(places)))
    keys += places[ordered]
    found = np.empty((draws, len(places)), dtype=np.int64)
    found[:, ordered] = ordered[np.argsort(keys, axis=1)]
    return found


def upper_tail(value: float, drawn: Float[np.ndarray, " draws"], node_count: int) -> float:
    """Return the chance of a draw that reaches `value`: a share of draws, or of Student's t."""
    if node_count <= MOST_EXACT_NODES:
        return float((1 + (drawn >= value - 1e-12).sum()) / (1 + len(drawn)))
    spread = float(drawn.std(ddof=1)) * np.sqrt(1 + 1 / len(drawn))
    if spread <= 1e-12:
        return 1.0 if value <= drawn.mean() + 1e-12 else 1 / (1 + len(drawn))
    from scipy.stats import t  # takes longer to import than all the rest

    return float(t.sf((value - drawn.mean()) / spread, len(drawn) - 1))


def two_sided_tail(value: float, drawn: Float[np.ndarray, " draws"], node_count: int) -> float:
    """Return the chance of a draw as far from 0, or as far from the middle of Student's t."""
    if node_count <= MOST_EXACT_NODES:
        return upper_tail(abs(value), np.abs(drawn), node_count)
    tails = [upper_tail(sign * value, sign * drawn, node_count) for sign in (1, -1)]
    return min(1.0, 2 * min(tails))


class LocalCodes:
    """Codes w_u = o z_u + sum of z over the neighbours of u, z Gaussian; o is 0 or 1."""

    def __init__(self, adjacency: csr_array, far: Triples) -> None:
        used = far.nodes
        beside = csr_array(adjacency[used])
        columns = self._columns = np.union1d(beside.indices, used)
        self._sums = csr_array(
            (beside.data, np.searchsorted(columns, beside.indices), beside.indptr),
            shape=(len(used), len(columns)),
        )
        self._degrees = np.diff(adjacency.indptr)
        self._own = np.searchsorted(columns, used)
        a, b, c = (np.searchsorted(used, nodes) for nodes in (far.a, far.b, far.c))
        self._triples = Triples(a, b, c, far.b_hops, far.c_hops, far.weights)

    def scores(
        self,
        spreads: Float[np.ndarray, " axes"],
        draws: int,
        rng: np.random.Generator,
        *,
        folded: bool = False,
    ) -> Float[np.ndarray, "2 draws"]:
        """Return the score of every draw, for o = 0 and for o = 1."""
        nodes, columns = len(self._own), len(self._columns)
        per_draw = max(nodes * nodes if nodes <= MOST_MATRIX_NODES else 0, columns * len(spreads))
        size = max(1, min(draws, PIECE // per_draw))
        found = []
        for start in range(0, draws, size):
            found.append(self._piece(spreads, min(size, draws - start), rng, folded))
        return np.concatenate(found, axis=1)

    def _piece(
        self,
        spreads: Float[np.ndarray, " axes"],
        draws: int,
        rng: np.random.Generator,
        folded: bool,
    ) -> Float[np.ndarray, "2 draws"]:
        differences, scale = np.zeros((2, draws, len(self._triples))), 0.0
        for start in range(0, len(spreads), AXES_AT_ONCE):
            axes = spreads[start : start + AXES_AT_ONCE].astype(np.float32)
            for own, rows in enumerate(self._codes(axes, draws, rng, folded)):
                near, far = self._squares(rows, folded)
                differences[own] += far - near
                scale += float(near.mean() + far.mean())
        return compared(differences, TIE * scale) @ self._triples.weights

    def _codes(
        self, axes: Float[np.ndarray, " axes"], draws: int, rng: np.random.Generator, folded: bool
    ) -> Iterator[Float[np.ndarray, "draws nodes axes"]]:
        columns = len(self._columns)
        # The last row stands for the nodes that no triple depends on: they move the mean alone.
        own = rng.standard_normal((columns + 1, draws * len(axes)), dtype=np.float32)
        own *= np.tile(axes, draws)
        sums = self._sums.astype(np.float32) @ own[:-1]
        for share in (0, 1):
            codes = share * own[self._own] + (-sums if folded else sums)
            if folded:
                codes -= self._shares_of_mean(share) @ own
            yield codes.reshape(len(codes), draws, len(axes)).swapaxes(0, 1)

    def _shares_of_mean(self, share: int) -> Float[np.ndarray, " columns"]:
        """Return what the mean of all folded codes takes of the code of each column."""
        times = share - self._degrees
        rest = np.sqrt(np.square(np.delete(times, self._columns)).sum())
        return (np.append(times[self._columns], rest) / len(times)).astype(np.float32)

    def _squares(
        self, rows: Float[np.ndarray, "draws nodes axes"], folded: bool
    ) -> list[Float[np.ndarray, "draws triples"]]:
        """Return squared distances of (a, b) and of (a, c)."""
        triples, nodes = self._triples, rows.shape[1]
        sides = zip((triples.b, triples.c), turned(triples, folded), strict=True)
        if nodes <= MOST_MATRIX_NODES:
            matrices = {
                flag: squared_matrices(rows, flag).reshape(len(rows), -1)
                for flag in ({False, True} if folded else {False})
            }
            return [
                matrices[False][:, place] if odd is None
                else np.where(odd, matrices[True][:, place], matrices[False][:, place])
                for place, odd in ((triples.a * nodes + end, odd) for end, odd in sides)
            ]  # fmt: skip
        found = []
        for end, odd in sides:
            factor = 1.0 if odd is None else np.where(odd, -1.0, 1.0).astype(np.float32)[:, None]
            difference = rows[:, triples.a] - rows[:, end] * factor
            found.append(np.einsum("dta,dta->dt", difference, difference))
        return found
