"""Whether the two ends of an arm lie together: leaves against first hops of paths (paper Fig 6)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry import unit_rows


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How a leaf's cosine with the first hop of its own path compares with those of other paths."""

    alignment: float
    """Chance that its own is above another's (AUC, ties half); 1/2 is no relation, 1 perfect."""
    contrast: float
    """Mean cosine with its own, less the mean with all others."""
    retrieval: float
    """Percent of leaves whose own first hop is the nearest of all."""


def leaf_hop_alignment(
    embeddings: Float[np.ndarray, "nodes dim"], paths: Int[np.ndarray, "paths length"]
) -> Alignment:
    """Return the alignment of the last and the second nodes of `paths`, which must be distinct."""
    cosines = unit_rows(embeddings[paths[:, -1]]) @ unit_rows(embeddings[paths[:, 1]]).T
    own = np.diag(cosines)[:, None]
    others = ~np.eye(len(paths), dtype=bool)
    above = (own > cosines) + 0.5 * (own == cosines)
    return Alignment(
        alignment=float(above[others].mean()),
        contrast=float(own.mean() - cosines[others].mean()),
        retrieval=100 * float((own >= cosines).all(axis=1).mean()),
    )
