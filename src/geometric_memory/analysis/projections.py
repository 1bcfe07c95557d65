"""How embeddings turn towards the eigenvectors of the graph along a run (paper Fig 7)."""

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.spectrum import projection_norms


def projection_evolution(
    snapshots: Float[np.ndarray, "steps nodes dim"], eigenvectors: Float[np.ndarray, "nodes pairs"]
) -> Float[np.ndarray, "steps pairs"]:
    """Return ||V^T e_i|| at every snapshot."""
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
