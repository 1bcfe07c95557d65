"""Where an embedding puts nodes: squared distances, in units of the mean over pairs of nodes."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.errors import NonFiniteError

MOST_MATRIX_NODES = 512
"""Nodes up to which all distances are kept."""
PIECE = 1 << 21
"""Numbers that are held at one time."""
COLLAPSED = 2e-6
"""Spread, as a share of the largest number, that rounding alone can cause."""
SMALLEST_AXIS = 1e-3
"""Spread along a principal axis, as a share of the largest, that counts."""


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
