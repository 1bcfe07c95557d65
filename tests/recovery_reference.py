"""Recovery by ranks, node by node, and the published scores of memorization, to compare with."""

import numpy as np
import torch

from geometric_memory.analysis.memorization import recovered_shares


def targets_of(edges, self_predictions="counted"):
    """Return the distinct targets of every source."""
    distinct = np.unique(edges, axis=0)
    if self_predictions == "excluded":
        distinct = distinct[distinct[:, 0] != distinct[:, 1]]
    return {source: distinct[distinct[:, 0] == source, 1] for source in np.unique(distinct[:, 0])}


def ranked_shares(predictions, edges, *, cap=None, self_predictions="counted"):
    """Return the share of each source's targets among its k best predictions, best first.

    k is the out-degree, or `cap` where that is less. A node's prediction of itself takes a place
    if it is "counted", and is no prediction if "excluded".
    """
    shares = []
    for node, targets in targets_of(edges, self_predictions).items():
        ranked = predictions[node]
        if self_predictions == "excluded":
            ranked = ranked[ranked != node]
        depth = len(targets) if cap is None else min(cap, len(targets))
        shares.append(np.isin(targets, ranked[:depth]).mean())
    return np.array(shares)


def scored_shares(scores, edges, *, cap=None, self_predictions="counted"):
    """Return the same of scores, a row per node, by the function that training uses."""
    rows = torch.from_numpy(np.array(scores, dtype=np.float64))
    pairs = np.unique(edges, axis=0)
    if self_predictions == "excluded":
        rows.fill_diagonal_(-torch.inf)
        pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    shares = recovered_shares(rows, torch.from_numpy(pairs.T.copy()), cap)
    return shares.numpy()[np.unique(pairs[:, 0])]


def published_top_k_recovery(predictions, edges):
    """Return the published score of sequence models: k = min(degree, 5), the node itself counted.

    Predictions rank the whole vocabulary. A node of degree above 5 cannot be recovered in full.
    """
    return ranked_shares(predictions, edges, cap=5).mean()


def published_node2vec_recovery(scores, edges, *, k=5, self_predictions="excluded"):
    """Return the published score of Node2Vec: share of directed edges within a k that is fixed."""
    ranked = scores.astype(np.float64)
    if self_predictions == "excluded":
        np.fill_diagonal(ranked, -np.inf)
    best = np.argsort(-ranked, axis=1, kind="stable")[:, :k]
    return (best[edges[:, 0]] == edges[:, 1:]).any(axis=1).mean()


def edge_accuracy(predictions, edges):
    """Return the share of edge rows, repeated ones included, that the one best prediction hits."""
    return (predictions[edges[:, 0]] == edges[:, 1]).mean()


def any_target_share(predictions, edges):
    """Return the share of source nodes whose one best prediction is any of their targets."""
    hits = [predictions[node] in targets for node, targets in targets_of(edges).items()]
    return np.mean(hits)
