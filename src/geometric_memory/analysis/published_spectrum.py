"""The published spectral bars, kept to compare with: they depend on the basis that LAPACK returns.

They drop one vector, also from a graph of several components, divide by the largest bar, and order
the bars of one eigenvalue by their height. Use `spectrum.eigenspace_energies` to measure.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import linalg
from scipy.sparse import csr_array

from geometric_memory.analysis.spectrum import projection_norms, spectral_matrix


@dataclass(frozen=True, kw_only=True)
class PublishedBars:
    """Normalized eigenvalues of P + P^T and projections, in plotted order."""

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
