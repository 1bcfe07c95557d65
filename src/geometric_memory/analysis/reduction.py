"""Few coordinates for pictures: sign-fixed PCA, snapshots reduced together and aligned, UMAP."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.spectrum import sign_fixed
from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.extras import load

LEAST_VARIANCE = 0.05
"""Of a component that is shown, as a share of the largest variance."""
MOST_COMPONENTS = 8
"""Components among which the clear ones are looked for."""


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
    snapshots: Float[np.ndarray, "*steps nodes dim"], count: int = 3
) -> Float[np.ndarray, "*steps nodes count"]:
    """Return coordinates of all snapshots along the principal directions of their union."""
    stacked = snapshots.reshape(-1, snapshots.shape[-1])
    return principal_components(stacked, count).coordinates(snapshots.astype(np.float64))


def joint_umap(
    snapshots: Float[np.ndarray, "steps nodes dim"],
) -> Float[np.ndarray, "steps nodes 3"]:
    """Return UMAP coordinates of all snapshots together, with the published choices."""
    found = umap(np.concatenate(snapshots), neighbours=8, minimum_distance=0.3)
    return found.reshape(*snapshots.shape[:2], 3)


def clear_components(
    coordinates: Float[np.ndarray, "nodes components"],
    edges: Int[np.ndarray, "edges 2"],
    count: int = 3,
) -> tuple[int, ...]:
    """Return the places of the `count` components in which a graph is seen, counted from 0.

    They are the widest on which neighbours lie nearer than two nodes at random; where there are too
    few, those follow on which neighbours are nearest. On the others a step along an edge leads to
    the far side: the largest component of a linear net of a star is such a one, and folds its arms.
    Components narrower than LEAST_VARIANCE are left out as long as there are enough.
    """
    variances = coordinates.var(axis=0)
    if not len(edges) or not variances.any():
        return tuple(range(min(count, len(variances))))
    steps = np.square(coordinates[edges[:, 0]] - coordinates[edges[:, 1]]).mean(axis=0)
    roughness = steps / (2 * variances).clip(min=np.finfo(np.float64).tiny)
    wide = variances >= LEAST_VARIANCE * variances[0]

    def rank(place: int) -> tuple[bool, float]:
        return not wide[place], max(float(roughness[place]), 1.0)

    return tuple(sorted(sorted(range(len(variances)), key=rank)[:count]))


def clear_pca(
    embeddings: Float[np.ndarray, "*steps nodes dim"],
    edges: Int[np.ndarray, "edges 2"],
    components: Sequence[int] = (),
    count: int = 3,
) -> tuple[Float[np.ndarray, "*steps nodes {count}"], tuple[int, ...]]:
    """Return coordinates along `components`, and which those are, counted from 1.

    Without any, the clear ones are found by what is last. Where there are fewer than `count`, zeros
    fill up. Snapshots are reduced jointly.

    Raises:
        ConfigurationError: unless `components` are different ones of those that there are.
    """
    stacked = embeddings.reshape(-1, embeddings.shape[-1])
    available = min(stacked.shape)
    listed = ",".join(map(str, components))
    if len(set(components)) < len(components) or not set(components) <= {*range(1, available + 1)}:
        raise ConfigurationError([f"components {listed}: different ones of 1 to {available}"])
    if len(components) > count:
        raise ConfigurationError([f"components {listed}: {count} at most are drawn"])
    most = min(available, max(MOST_COMPONENTS, *components, 1))
    found = joint_pca(embeddings, most)
    last = found.reshape(-1, *found.shape[-2:])[-1]
    chosen = tuple(components) or tuple(place + 1 for place in clear_components(last, edges, count))
    shown = found[..., [place - 1 for place in chosen]]
    filled = [(0, 0)] * (shown.ndim - 1) + [(0, count - len(chosen))]
    return np.pad(shown, filled), chosen


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
