"""Eigenvectors of the graph, and how much of an embedding lies along each of them.

With A the symmetric 0/1 adjacency, D its degrees and P = D^-1 A, the matrix is
M = (P - I) + (P - I)^T (paper, section F). The analysis graph has no self-loops, whatever was
trained on. M is decomposed component by component, and the leading eigenvector of each component
(positive there, zero elsewhere) is its trivial one. Inside a repeated eigenvalue the basis is
arbitrary, so energies are summed over the eigenspace: they do not depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import linalg, sparse
from scipy.sparse import csgraph, csr_array

from geometric_memory.errors import DataError

DENSE_NODES = 1500
"""Components up to this size are decomposed in full."""
TOLERANCE = 1e-9
"""Eigenvalues closer than this, chained, are one eigenvalue."""


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Eigenpairs of M, largest eigenvalue first."""

    eigenvalues: Float[np.ndarray, " pairs"]
    eigenvectors: Float[np.ndarray, "nodes pairs"]
    """Unit columns, each zero outside its component; the largest entry is positive."""
    trivial: Bool[np.ndarray, " pairs"]
    """Whether the pair is the leading one of its component."""

    @property
    def complete(self) -> bool:
        """Whether all eigenpairs are there."""
        return self.eigenvectors.shape[0] == self.eigenvectors.shape[1]

    def without_trivial(self) -> "Spectrum":
        """Return the spectrum without the leading pair of each component."""
        return Spectrum(
            eigenvalues=self.eigenvalues[~self.trivial],
            eigenvectors=self.eigenvectors[:, ~self.trivial],
            trivial=self.trivial[~self.trivial],
        )


def spectral_matrix(adjacency: csr_array) -> csr_array:
    """Return M = (P - I) + (P - I)^T; a node without edges has the row -2 I."""
    degrees = np.asarray(adjacency.sum(axis=1)).ravel()
    inverse = sparse.diags_array(1 / np.where(degrees > 0, degrees, 1))
    walk = inverse @ adjacency
    return csr_array(walk + walk.T - 2 * sparse.eye_array(len(degrees)))


def graph_spectrum(adjacency: csr_array, count: int | None = None) -> Spectrum:
    """Return the eigenpairs of M of a symmetric adjacency.

    `count` is the number of non-trivial pairs wanted, from the largest eigenvalue down; the trivial
    ones come on top of that. None returns all, which needs dense algebra: DataError is raised for a
    component of more than 8 x DENSE_NODES nodes.
    """
    matrix = spectral_matrix(adjacency)
    _, labels = csgraph.connected_components(adjacency, directed=False)
    order = np.argsort(labels, kind="stable")
    values, vectors, trivial = [], [], []
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        block = matrix[members][:, members]
        found, basis = leading_pairs(block, None if count is None else count + 1)
        values.append(found)
        trivial.append(np.arange(len(found)) == 0)
        vectors.append((members, basis))
    return assemble_modes(values, vectors, trivial, count)


def assemble_modes(
    values: list[Float[np.ndarray, " _"]],
    vectors: list[tuple[Int[np.ndarray, " _"], Float[np.ndarray, "_ _"]]],
    trivial: list[Bool[np.ndarray, " _"]],
    count: int | None,
) -> Spectrum:
    """Merge the pairs of all components, largest first, keeping `count` non-trivial ones."""
    eigenvalues, leading = np.concatenate(values), np.concatenate(trivial)
    order = np.argsort(-eigenvalues, kind="stable")
    if count is not None:
        order = order[leading[order] | (np.cumsum(~leading[order]) <= count)]
    owner = np.repeat(np.arange(len(values)), [len(found) for found in values])[order]
    column = np.concatenate([np.arange(len(found)) for found in values])[order]
    nodes = sum(len(members) for members, _ in vectors)
    eigenvectors = np.zeros((nodes, len(order)))
    for place, (component, own) in enumerate(zip(owner, column, strict=True)):
        members, basis = vectors[component]
        eigenvectors[members, place] = sign_fixed(basis[:, own])
    return Spectrum(
        eigenvalues=eigenvalues[order], eigenvectors=eigenvectors, trivial=leading[order]
    )


def sign_fixed(vector: Float[np.ndarray, " entries"]) -> Float[np.ndarray, " entries"]:
    """Return the vector or its negative, so that its entry of largest size is positive.

    Entries that are as large up to rounding count as equal, and the first of them decides.
    """
    sizes = np.abs(vector)
    decisive = np.flatnonzero(sizes >= sizes.max() * (1 - 1e-6))[0]
    return vector * (-1.0 if vector[decisive] < 0 else 1.0)


def leading_pairs(
    block: csr_array, count: int | None
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, "members some"]]:
    """Return eigenpairs of the M of one component, largest first; all of them if it is small."""
    size = block.indptr.size - 1
    if size > DENSE_NODES and count is not None and count < size - 1:
        largest, _ = shift_inverted(block, 1, upper_bound(block) + 1e-3)
        return shift_inverted(block, count, largest[0] + 1e-8 * (1 + abs(largest[0])))
    if size > 8 * DENSE_NODES:
        raise DataError(
            f"all eigenpairs of a component of {size} nodes need too much memory: "
            "ask for a count of them"
        )
    values, vectors = linalg.eigh(block.toarray())
    return values[::-1], vectors[:, ::-1]


def shift_inverted(
    block: csr_array, count: int, shift: float
) -> tuple[Float[np.ndarray, " count"], Float[np.ndarray, "members count"]]:
    """Return the `count` largest eigenpairs, from a shift just above the spectrum.

    The shift must be closer than the gaps of a long cycle, or the iteration crawls. A Lanczos run
    may miss copies of an eigenvalue that repeats hundreds of times (the arms of a star), so runs
    go on beside the vectors already found until one brings nothing larger.
    """
    size = block.indptr.size - 1
    inverse = sparse.linalg.splu((shift * sparse.eye_array(size) - block).tocsc())
    values, vectors = np.empty(0), np.empty((size, 0))
    while True:
        operator = deflate(inverse.solve, vectors)
        start = np.random.default_rng(len(values)).standard_normal(size)
        inverted, found = sparse.linalg.eigsh(operator, k=count, which="LA", v0=start)
        new = shift - 1 / inverted
        finished = len(values) >= count and new.max() <= np.sort(values)[-count] + TOLERANCE
        values, vectors = np.concatenate([values, new]), np.hstack([vectors, found])
        if finished or count == 1:
            best = np.argsort(-values, kind="stable")[:count]
            return values[best], vectors[:, best]


def deflate(
    solve: Callable[[np.ndarray], np.ndarray], vectors: Float[np.ndarray, "members found"]
) -> sparse.linalg.LinearOperator:
    """Return the operator `solve` restricted to what is orthogonal to `vectors`."""

    def apply(vector: np.ndarray) -> np.ndarray:
        rest = vector.ravel() - vectors @ (vectors.T @ vector.ravel())
        image = solve(rest)
        return image - vectors @ (vectors.T @ image)

    size = len(vectors)
    return sparse.linalg.LinearOperator((size, size), matvec=apply, dtype=np.float64)


def upper_bound(block: csr_array, rounds: int = 50) -> float:
    """Return a bound on the largest eigenvalue of M, by Collatz and Wielandt: max (Bx)_i / x_i.

    B = M + 2I is not negative, and x is driven towards its Perron vector.
    """
    shifted = csr_array(block + 2 * sparse.eye_array(block.indptr.size - 1))
    vector = np.sqrt(np.diff(block.indptr).astype(np.float64))
    bound = np.inf
    for _ in range(rounds):
        image = shifted @ vector
        bound = min(bound, float((image / vector).max()))
        vector = image + vector
        vector /= vector.max()
    return bound - 2


def fiedler_coordinates(spectrum: Spectrum, count: int = 3) -> Float[np.ndarray, "nodes count"]:
    """Return the leading non-trivial eigenvectors as coordinates of the nodes."""
    vectors = spectrum.without_trivial().eigenvectors
    if vectors.shape[1] < count:
        raise DataError(f"{count} Fiedler coordinates asked for, {vectors.shape[1]} are there")
    return vectors[:, :count]


@dataclass(frozen=True, kw_only=True)
class EigenspaceEnergies:
    """||V^T Q|| for each eigenspace with orthonormal basis Q, largest eigenvalue first."""

    eigenvalues: Float[np.ndarray, " spaces"]
    """Of M."""
    multiplicities: Int[np.ndarray, " spaces"]
    energies: Float[np.ndarray, " spaces"]
    """Root of the summed squared projections, in the units of the embedding."""
    shares: Float[np.ndarray, " spaces"]
    """Squared energies as shares of ||V||^2; with all eigenspaces they add up to 1."""


def eigenspace_energies(
    eigenvalues: Float[np.ndarray, " pairs"],
    eigenvectors: Float[np.ndarray, "nodes pairs"],
    embeddings: Float[np.ndarray, "nodes dim"],
    tolerance: float = TOLERANCE,
) -> EigenspaceEnergies:
    """Return the energy of `embeddings` in each eigenspace; eigenvalues descend.

    The last eigenspace of an incomplete spectrum may be cut, and its energy is then too small.
    """
    starts = np.flatnonzero(np.diff(eigenvalues, prepend=np.inf) < -tolerance)
    squares = np.square(projection_norms(eigenvectors, embeddings))
    summed = np.add.reduceat(squares, starts) if len(squares) else squares
    multiplicities = np.diff(starts, append=len(eigenvalues))
    total = np.square(embeddings.astype(np.float64)).sum()
    return EigenspaceEnergies(
        eigenvalues=np.add.reduceat(eigenvalues, starts) / multiplicities,
        multiplicities=multiplicities,
        energies=np.sqrt(summed),
        shares=summed / (total if total > 0 else 1),
    )


def projection_norms(
    eigenvectors: Float[np.ndarray, "nodes pairs"], embeddings: Float[np.ndarray, "nodes dim"]
) -> Float[np.ndarray, " pairs"]:
    """Return ||V^T e_i|| for every eigenvector e_i."""
    return np.linalg.norm(eigenvectors.T @ embeddings.astype(np.float64), axis=1)


def projection_evolution(
    snapshots: Float[np.ndarray, "steps nodes dim"], eigenvectors: Float[np.ndarray, "nodes pairs"]
) -> Float[np.ndarray, "steps pairs"]:
    """Return ||V^T e_i|| at every snapshot of a run (paper Fig 7)."""
    return np.stack([projection_norms(eigenvectors, embeddings) for embeddings in snapshots])


def by_eigenspace(
    norms: Float[np.ndarray, "steps pairs"], multiplicities: Int[np.ndarray, " spaces"]
) -> Float[np.ndarray, "steps spaces"]:
    """Return the root mean square of `norms` in each eigenspace, which no basis can change."""
    starts = np.cumsum(multiplicities) - multiplicities
    return np.sqrt(np.add.reduceat(np.square(norms), starts, axis=1) / multiplicities)


def node2vec_coefficients(
    embeddings: Float[np.ndarray, "nodes dim"], targets: Float[np.ndarray, "nodes nodes"]
) -> Float[np.ndarray, "nodes nodes"]:
    """Return C = (T - P) + (T - P)^T of tied Node2Vec, so that Delta V = rate C V (Lemma 5).

    T = D^-1 A are the targets, P the row softmax of V V^T over the nodes that have targets.
    """
    rows = embeddings.astype(np.float64)
    scores = rows @ rows.T
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    predicted = weights / weights.sum(axis=1, keepdims=True)
    excess = targets - predicted * (targets.sum(axis=1, keepdims=True) > 0)
    return excess + excess.T


def coefficient_evolution(
    snapshots: Float[np.ndarray, "steps nodes dim"],
    targets: Float[np.ndarray, "nodes nodes"],
    eigenvectors: Float[np.ndarray, "nodes pairs"],
) -> Float[np.ndarray, "steps pairs"]:
    """Return ||C e_i|| at every snapshot of tied Node2Vec; it falls to 0 where e_i is learned."""
    return np.stack(
        [
            np.linalg.norm(node2vec_coefficients(embeddings, targets) @ eigenvectors, axis=0)
            for embeddings in snapshots
        ]
    )


@dataclass(frozen=True, kw_only=True)
class PublishedBars:
    """The published spectral bars: normalized eigenvalues of P + P^T and projections, as plotted.

    Kept to compare with: they depend on the basis that LAPACK returns, drop one vector also from a
    graph of several components, are divided by the largest bar, and bars of one eigenvalue are
    ordered by height. Use `eigenspace_energies` to measure.
    """

    eigenvalues: Float[np.ndarray, " bars"]
    projections: Float[np.ndarray, " bars"]


def published_eigenpairs(
    adjacency: csr_array,
) -> tuple[Float[np.ndarray, " pairs"], Float[np.ndarray, "nodes pairs"]]:
    """Return eigenvalues of P + P^T, descending, and the eigenvectors of M in the same order.

    The published adjacency holds the self-loops that were trained on.
    """
    values, vectors = linalg.eigh(spectral_matrix(adjacency).toarray())
    return values[::-1] + 2, vectors[:, ::-1]


def published_bars(
    eigenvalues: Float[np.ndarray, " pairs"],
    eigenvectors: Float[np.ndarray, "nodes pairs"],
    embeddings: Float[np.ndarray, "nodes dim"],
    *,
    drop_top: bool = True,
) -> PublishedBars:
    """Return the published bars; eigenvalues are those of P + P^T, descending."""
    first = int(drop_top)
    heights = projection_norms(eigenvectors, embeddings)[first:]
    values = eigenvalues[first:] / eigenvalues[first:].max()
    heights = heights / heights.max()
    buckets = np.round(values / 1e-5)
    ascending = np.where(values < -1e-5, heights, -heights)
    order = np.lexsort((ascending, -buckets))
    return PublishedBars(eigenvalues=values[order], projections=heights[order])
