"""Logits of a one-layer linear net, its skewed low-rank part, and edge margins.

E is the token table (tokens x dim: nodes first, special tokens after them), W the map as it is
stored (out x in), b its bias and O the head, which is E when tied. The net computes
(E W^T + b) O^T. The published "original" margin used E W E^T, transposed and without bias.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.errors import DataError


def linear_logits(
    embedding: Float[np.ndarray, "tokens dim"],
    weight: Float[np.ndarray, "dim dim"],
    bias: Float[np.ndarray, " dim"] | None = None,
    head: Float[np.ndarray, "vocabulary dim"] | None = None,
) -> Float[np.ndarray, "tokens vocabulary"]:
    """Return (E W^T + b) O^T, in float64: the logits of the net after token u, row u.

    A net with positions reads E plus the position, and needs E itself as `head`.
    """
    hidden = embedding.astype(np.float64) @ weight.astype(np.float64).T
    if bias is not None:
        hidden = hidden + bias
    return hidden @ (embedding if head is None else head).astype(np.float64).T


def published_linear_logits(
    embedding: Float[np.ndarray, "tokens dim"], weight: Float[np.ndarray, "dim dim"]
) -> Float[np.ndarray, "tokens tokens"]:
    """Return the published "original" logits E W E^T: the transposed map, without bias."""
    return linear_logits(embedding, weight.T)


def skewed_weight(
    embedding: Float[np.ndarray, "tokens dim"], weight: Float[np.ndarray, "dim dim"]
) -> Float[np.ndarray, "dim dim"]:
    """Return the part of W that is diagonal in the right singular basis of E, signs kept.

    With E = U S Q^T: Q diag(diag(Q^T W Q)) Q^T. Nothing is truncated. The published basis is that
    of the whole table; pass the node rows alone to keep special tokens out of it.
    """
    _, _, basis = np.linalg.svd(embedding.astype(np.float64), full_matrices=False)
    diagonal = np.einsum("ri,ij,rj->r", basis, weight.astype(np.float64), basis, optimize=True)
    return (basis.T * diagonal) @ basis


def skewed_logits(
    embedding: Float[np.ndarray, "tokens dim"],
    weight: Float[np.ndarray, "dim dim"],
    bias: Float[np.ndarray, " dim"] | None = None,
) -> Float[np.ndarray, "tokens tokens"]:
    """Return the logits of the skewed low-rank map; the published ones have no bias."""
    return linear_logits(embedding, skewed_weight(embedding, weight), bias)


@dataclass(frozen=True, kw_only=True)
class EdgeMargins:
    """Margins of the nodes that have a target and a non-target other than themselves."""

    nodes: Int[np.ndarray, " sources"]
    best: Float[np.ndarray, " sources"]
    """Largest logit of a target minus largest logit of a non-target, the node itself left out."""
    worst: Float[np.ndarray, " sources"]
    """Smallest logit of a target minus largest logit of a non-target, the node itself counted as
    what it was trained to be: positive exactly when all targets are recovered."""

    @property
    def mean(self) -> float:
        """The edge margin: mean of the best margins. Positive certifies one target per node."""
        return float(self.best.mean())


def edge_margins(
    logits: Float[np.ndarray, "tokens vocabulary"],
    edges: Int[np.ndarray, "edges 2"],
    *,
    columns: int | None = None,
) -> EdgeMargins:
    """Return the margins of `edges` in a matrix of logits, row u for node u.

    Non-targets are all columns, or the first `columns` of them: the node count leaves out special
    tokens. Raises DataError when no node has both a target and a non-target.
    """
    shown = logits if columns is None else logits[:, :columns]
    linked = target_mask(edges, shown.shape)
    itself = np.eye(*shown.shape, dtype=bool)
    wanted, unwanted = linked & ~itself, ~linked & ~itself
    nodes = np.flatnonzero(wanted.any(axis=1) & unwanted.any(axis=1))
    if len(nodes) == 0:
        raise DataError("an edge margin needs a node with a target and a non-target")
    return EdgeMargins(
        nodes=nodes,
        best=(extreme(shown, wanted) - extreme(shown, unwanted))[nodes],
        worst=(-extreme(-shown, linked) - extreme(shown, ~linked))[nodes],
    )


def target_mask(
    edges: Int[np.ndarray, "edges 2"], shape: tuple[int, int]
) -> Bool[np.ndarray, "tokens vocabulary"]:
    """Return which entries of a matrix of logits belong to edges."""
    if len(edges) and (edges.min() < 0 or (edges.max(axis=0) >= shape).any()):
        raise DataError(
            f"edges name nodes {edges.min()} to {edges.max()}, but the logits are "
            f"{shape[0]} rows of {shape[1]} columns"
        )
    mask = np.zeros(shape, dtype=bool)
    mask[edges[:, 0], edges[:, 1]] = True
    return mask


def extreme(
    logits: Float[np.ndarray, "tokens vocabulary"], mask: Bool[np.ndarray, "tokens vocabulary"]
) -> Float[np.ndarray, " tokens"]:
    """Return the largest logit of each row within `mask`, -inf where that is empty."""
    return np.where(mask, logits, -np.inf).max(axis=1)


def neighbour_accuracy(
    logits: Float[np.ndarray, "tokens vocabulary"],
    edges: Int[np.ndarray, "edges 2"],
    *,
    mask_self: bool = False,
) -> float:
    """Return the share of nodes whose best column is one of their targets other than themselves.

    Over nodes with such a target. Published (as skewed top-1) without `mask_self`, so that a node
    that predicts itself is wrong even where it was trained to.
    """
    itself = np.eye(*logits.shape, dtype=bool)
    wanted = target_mask(edges, logits.shape) & ~itself
    sources = np.flatnonzero(wanted.any(axis=1))
    if len(sources) == 0:
        raise DataError("accuracy over neighbours needs an edge between two nodes")
    seen = np.where(itself, -np.inf, logits) if mask_self else logits
    return float(wanted[sources, seen[sources].argmax(axis=1)].mean())
