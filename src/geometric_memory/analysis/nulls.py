"""Answers of an embedding to triples, and what chance can do.

Chance is nodes shuffled, and local codes, which know two hops and nothing beyond.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

from geometric_memory.analysis.triples import Triples
from geometric_memory.errors import NonFiniteError

MOST_MATRIX_NODES = 512
"""Nodes up to which all distances are kept."""
PIECE = 1 << 21
"""Numbers that are held at one time."""
COLLAPSED = 2e-6
"""Spread, as a share of the largest number, that rounding alone can cause."""
SMALLEST_AXIS = 1e-3
"""Spread along a principal axis, as a share of the largest, that counts."""
MOST_EXACT_NODES = 40
"""Nodes up to which a p-value is the share of draws; above, Student's t stands in."""
AXES_AT_ONCE = 64
TIE = 1e-5
"""Difference of squared distances of local codes, as a share of their mean, that rounding makes."""


class Positions:
    """Node embeddings, their mean taken away, in units of the root mean square distance.

    Raises NonFiniteError when a number is not finite.
    """

    def __init__(self, embeddings: Float[np.ndarray, "nodes dim"]) -> None:
        self._rows = embeddings
        self.node_count = len(embeddings)
        self._mean = sum(part.sum(axis=0) for part in self._pieces()) / max(len(embeddings), 1)
        if not np.isfinite(self._mean).all():
            raise NonFiniteError("embeddings are not finite; they have no geometry")
        square = sum(float(np.square(part - self._mean).sum()) for part in self._pieces())
        self.scale = float(np.sqrt(2 * square / max(self.node_count - 1, 1)))
        largest = max((float(np.abs(part).max(initial=0)) for part in self._pieces()), default=0.0)
        self.collapsed = self.scale <= COLLAPSED * largest
        self.tolerance = 0.0 if self.collapsed else 1e-6 * (1 + largest / self.scale)
        """Difference of squared distances that is a tie: rounding of the numbers as they came."""
        self._matrices: dict[bool, Float[np.ndarray, " pairs"]] = {}

    def _pieces(self) -> Iterator[Float[np.ndarray, "some dim"]]:
        size = max(1, PIECE // max(self._rows.shape[1], 1))
        for start in range(0, self.node_count, size):
            yield self._rows[start : start + size].astype(np.float64)

    def squares(
        self,
        left: Int[np.ndarray, "*pairs"],
        right: Int[np.ndarray, "*pairs"],
        turned: Bool[np.ndarray, " last"] | None = None,
    ) -> Float[np.ndarray, "*pairs"]:
        """Return |v_l - v_r|^2 of every pair, |v_l + v_r|^2 where `turned`; 0 if collapsed."""
        if self.collapsed:
            return np.zeros(left.shape)
        if self.node_count <= MOST_MATRIX_NODES:
            place = left * self.node_count + right
            found = self._matrix(False).take(place)
            return found if turned is None else np.where(turned, self._matrix(True).take(place),
                                                         found)  # fmt: skip
        signs = np.where(False if turned is None else turned, -1.0, 1.0)
        flat = [side.reshape(-1) for side in (left, right, np.broadcast_to(signs, left.shape))]
        found = np.empty(left.size)
        size = max(1, PIECE // self._rows.shape[1])
        for start in range(0, left.size, size):
            one, two, sign = (side[start : start + size] for side in flat)
            difference = self._at(one)
            difference -= self._at(two) * sign[:, None]
            found[start : start + size] = np.einsum("pd,pd->p", difference, difference)
        return found.reshape(left.shape)

    def _at(self, nodes: Int[np.ndarray, " some"] | slice) -> Float[np.ndarray, "some dim"]:
        return (self._rows[nodes] - self._mean) / self.scale

    def _matrix(self, turned: bool) -> Float[np.ndarray, " pairs"]:
        if turned not in self._matrices:
            self._matrices[turned] = squared_matrices(self._at(slice(None))[None], turned).ravel()
        return self._matrices[turned]

    def spreads(self) -> Float[np.ndarray, " axes"]:
        """Return the standard deviation along each principal axis that counts, largest first."""
        if self._rows.shape[1] > self.node_count:
            rows = self._at(slice(None))
            product = rows @ rows.T
        else:
            product = sum((part - self._mean).T @ (part - self._mean) for part in self._pieces())
        found = np.sqrt(np.linalg.eigvalsh(product)[::-1].clip(min=0))
        return found[found > SMALLEST_AXIS * found[0]] / found[0]


def squared_matrices(
    rows: Float[np.ndarray, "draws nodes dim"], turned: bool
) -> Float[np.ndarray, "draws nodes nodes"]:
    """Return the squared distances of all pairs, of v_l and -v_r if `turned`."""
    gram = rows @ rows.swapaxes(1, 2)
    norms = np.diagonal(gram, axis1=1, axis2=2)
    both = norms[:, :, None] + norms[:, None, :]
    return (both + 2 * gram if turned else both - 2 * gram).clip(min=0)


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


def shuffle_values(
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
        moved = shuffle_within(places, min(size, draws - start), rng)
        found.append(signs(triples, positions, folded, moved) @ triples.weights)
    return np.concatenate(found)


def shuffle_within(
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
