"""Few coordinates for pictures: sign-fixed PCA, snapshots reduced together and aligned, UMAP."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.spectrum import sign_fixed
from geometric_memory.errors import DataError
from geometric_memory.extras import load


@dataclass(frozen=True, kw_only=True)
class PrincipalComponents:
    """An affine map to coordinates along the directions of largest variance."""

    mean: Float[np.ndarray, " dim"]
    directions: Float[np.ndarray, "components dim"]
    """Unit rows; the largest entry of each is positive, so that equal data give equal pictures."""
    explained: Float[np.ndarray, " components"]
    """Share of the total variance along each direction."""

    def coordinates(
        self, embeddings: Float[np.ndarray, "*batch dim"]
    ) -> Float[np.ndarray, "*batch components"]:
        """Return the coordinates of rows."""
        return (embeddings - self.mean) @ self.directions.T


def principal_components(
    rows: Float[np.ndarray, "rows dim"], count: int = 3
) -> PrincipalComponents:
    """Fit PCA by singular value decomposition in float64."""
    if not 1 <= count <= min(rows.shape):
        raise DataError(
            f"{count} principal components asked for, {min(rows.shape)} are there "
            f"({rows.shape[0]} rows of width {rows.shape[1]})"
        )
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    variance = np.square(sizes)
    return PrincipalComponents(
        mean=rows.mean(axis=0, dtype=np.float64),
        directions=np.stack([sign_fixed(direction) for direction in directions[:count]]),
        explained=variance[:count] / max(variance.sum(), np.finfo(np.float64).tiny),
    )


def pca(
    embeddings: Float[np.ndarray, "nodes dim"], count: int = 3
) -> Float[np.ndarray, "nodes count"]:
    """Return the first `count` principal coordinates."""
    return principal_components(embeddings, count).coordinates(embeddings.astype(np.float64))


def joint_pca(
    snapshots: Float[np.ndarray, "steps nodes dim"], count: int = 3
) -> Float[np.ndarray, "steps nodes count"]:
    """Return coordinates of all snapshots along the principal directions of their union."""
    stacked = snapshots.reshape(-1, snapshots.shape[-1])
    return principal_components(stacked, count).coordinates(snapshots.astype(np.float64))


def aligned(
    snapshots: Float[np.ndarray, "steps nodes dim"],
) -> Float[np.ndarray, "steps nodes dim"]:
    """Centre every snapshot and turn it (orthogonal Procrustes) onto the one after it.

    The last keeps its pose, distances within a snapshot stay as they are, and what still moves
    between two of them is change of shape. Reduce to few coordinates first to follow a picture.
    """
    turned = snapshots - snapshots.mean(axis=1, keepdims=True, dtype=np.float64)
    for step in range(len(turned) - 2, -1, -1):
        left, _, right = np.linalg.svd(turned[step].T @ turned[step + 1])
        turned[step] = turned[step] @ left @ right
    return turned


def umap(
    embeddings: Float[np.ndarray, "rows dim"],
    count: int = 3,
    *,
    neighbours: int = 15,
    minimum_distance: float = 0.1,
    seed: int = 0,
) -> Float[np.ndarray, "rows count"]:
    """Return UMAP coordinates, which differ across versions and machines even for one seed.

    Raises `MissingPackageError`, an ImportError, when the extra is not installed.
    """
    reducer = load("umap", "UMAP").UMAP(
        n_components=count, n_neighbors=neighbours, min_dist=minimum_distance, random_state=seed
    )
    return np.asarray(reducer.fit_transform(embeddings), dtype=np.float64)
