"""An edge is changed under a trained batch: what moves and is forgotten until all is known."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency
from geometric_memory.randomness import stream_seed
from geometric_memory.tiny.engine import State, Trainer
from geometric_memory.tiny.measures_by_member import EdgeReader, target_weights
from geometric_memory.tiny.stacked_linear import TABLE

NEAR, FAR = 1, 3
"""Hops from the edit: neighbours of its nodes, and nodes that count as far."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Edit:
    """The edge `before` becomes the edge `after`, in both directions; they share a node."""

    before: tuple[int, int]
    after: tuple[int, int]

    def applied(self, facts: Int[np.ndarray, "facts 2"]) -> Int[np.ndarray, "facts 2"]:
        """Return the facts after the edit, in their places."""
        changed = facts.copy()
        for one, other in (
            (self.before, self.after),
            (self.before[::-1], self.after[::-1]),
        ):
            changed[(facts == one).all(axis=1)] = other
        return changed

    @property
    def nodes(self) -> tuple[int, ...]:
        """The three nodes whose facts change."""
        return tuple(sorted({*self.before, *self.after}))


def drawn_edit(facts: Int[np.ndarray, "facts 2"], node_count: int, number: int) -> Edit:
    """Return edit `number` of a graph: a random edge, bent to a random node 3 hops away or more.

    The new end lies in the component of the edge; the edge that is lost may cut the graph.
    """
    rng = np.random.default_rng(stream_seed(number, "edit"))
    hops = hop_distances(symmetric_adjacency(facts, node_count), np.arange(node_count))
    edges = facts[facts[:, 0] != facts[:, 1]]
    while True:
        kept, lost = (int(node) for node in edges[rng.integers(len(edges))])
        distant = np.flatnonzero(np.isfinite(hops[kept]) & (hops[kept] >= FAR))
        if len(distant):
            return Edit(before=(kept, lost), after=(kept, int(rng.choice(distant))))


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """Embeddings and answers of every member at one moment."""

    tables: Float[np.ndarray, "members nodes dim"]
    answers: Float[np.ndarray, "members sources vocabulary"]
    """Probabilities."""

    @classmethod
    def of(cls, trainer: Trainer, state: State, node_count: int) -> "Snapshot":
        """Return the present of `trainer`, a copy."""
        with torch.no_grad():
            logits = trainer.network.logits(state.weights, trainer.sources)
        tables = state.weights[TABLE].detach()[:, :node_count]
        return cls(tables=tables.numpy().copy(), answers=torch.softmax(logits, -1).numpy())


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """What happened after the edit, per member."""

    updates: list[int | None]
    """Updates until every fact of the new graph is known; None if that did not come."""
    forgotten: list[float]
    """Largest percentage of untouched facts that were not known at some moment before that."""
    end: Snapshot
    """Every member at the moment it knew all, or at the end."""


def followed(
    trainer: Trainer,
    change: Edit,
    facts: Int[np.ndarray, "facts 2"],
    node_count: int,
    updates: int,
    rate: float,
) -> Followed:
    """Go on with the same optimizer on the edited facts at a constant rate."""
    edited = change.applied(facts)
    untouched = edited[~np.isin(edited[:, 0], change.nodes)]
    reader = EdgeReader(untouched, node_count)
    trainer.reader = EdgeReader(edited, node_count)
    sources = trainer.sources.numpy()
    trainer.targets = target_weights(edited, sources, trainer.targets.shape[1])
    trainer.members = tuple(
        replace(member, learning_rate=rate, decay=False) for member in trainer.members
    )
    trainer.groups = [(list(trainer.members), *group[1:]) for group in trainer.groups]
    trainer.step = 0  # steps count from the edit
    return _until_known(trainer, trainer.run(updates), reader, node_count)


def _until_known(
    trainer: Trainer, states: Iterator[State], untouched: EdgeReader, node_count: int
) -> Followed:
    count = len(trainer.members)
    updates: list[int | None] = [None] * count
    worst = np.zeros(count)
    end: Snapshot | None = None
    for state in states:
        known = state.measured.recovery.numpy() >= 1
        running = np.array([each is None for each in updates])
        with torch.no_grad():
            logits = trainer.network.logits(state.weights, trainer.sources)
        lost = 100 * (1 - untouched.recovery(logits).numpy())
        worst = np.where(running, np.maximum(worst, lost), worst)
        now = Snapshot.of(trainer, state, node_count)
        end = now if end is None else _merged(end, now, running)
        updates = [
            state.step if each is None and known[place] else each
            for place, each in enumerate(updates)
        ]
        if None not in updates:
            break
    assert end is not None
    return Followed(updates=updates, forgotten=worst.tolist(), end=end)


def _merged(old: Snapshot, new: Snapshot, running: Bool[np.ndarray, " members"]) -> Snapshot:
    """Take the members that are still running from `new`."""
    chosen = running[:, None, None]
    return Snapshot(
        tables=np.where(chosen, new.tables, old.tables),
        answers=np.where(chosen, new.answers, old.answers),
    )


def hops_from(
    change: Edit, facts: Int[np.ndarray, "facts 2"], node_count: int
) -> Float[np.ndarray, " nodes"]:
    """Return hops of every node from the nearest of the three, in the graph before the edit."""
    adjacency = symmetric_adjacency(facts, node_count)
    return hop_distances(adjacency, np.array(change.nodes)).min(axis=0)


def moves(
    before: Snapshot, after: Snapshot, hops: Float[np.ndarray, " nodes"]
) -> dict[str, list[float | None]]:
    """Return how far answers (total variation) and embeddings (of their size) moved, by hops."""
    answers = 0.5 * np.abs(after.answers - before.answers).sum(axis=2)
    size = np.linalg.norm(before.tables, axis=2).mean(axis=1, keepdims=True)
    moved = 100 * np.linalg.norm(after.tables - before.tables, axis=2) / size
    near, far, own = hops == NEAR, hops >= FAR, hops == 0
    return {
        "near": _means(answers, near),
        "far": _means(answers, far),
        "moved_near": _means(moved, own),
        "moved_far": _means(moved, far),
    }


def _means(
    values: Float[np.ndarray, "members nodes"], chosen: Bool[np.ndarray, " nodes"]
) -> list[float | None]:
    if not chosen.any():
        return [None] * len(values)
    return values[:, chosen].mean(axis=1).tolist()
