"""One edge is edited: how far does the map move, and what else is forgotten on the way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.estimate import Estimate, estimate, mean_known
from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency
from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.figures.findings import group_means
from geometric_memory.figures.page import Table
from geometric_memory.randomness import stream_seed
from geometric_memory.studies.linear_nets import LinearNet, linear_trainer, trained
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import Answers, Arm, Conclusion, Found, Study
from geometric_memory.tiny.engine import State, Trainer
from geometric_memory.tiny.measures import EdgeReader, graph_measures, target_weights
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph
from geometric_memory.tiny.stacked_linear import TABLE
from geometric_memory.tiny.training import batch_trainer
from geometric_memory.work.piece import Piece

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


def draw_edit(facts: Int[np.ndarray, "facts 2"], node_count: int, number: int) -> Edit:
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
        end = now if end is None else _merge(end, now, running)
        updates = [
            state.step if each is None and known[place] else each
            for place, each in enumerate(updates)
        ]
        if None not in updates:
            break
    assert end is not None
    return Followed(updates=updates, forgotten=worst.tolist(), end=end)


def _merge(old: Snapshot, new: Snapshot, running: Bool[np.ndarray, " members"]) -> Snapshot:
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


WIDTH = 64
LEARNING, EDITING = 1000, 500
"""Most updates before and after the edit."""
EDITS = 4
"""Edges that are edited, each in a run of its own."""
KINDS = {
    "geometric: Transformer": "transformer",
    "geometric: linear net": "linear",
    "associative: frozen embeddings": "frozen",
}
RATES = {"transformer": 0.001, "linear": 0.001, "frozen": 0.01}
NUMBERS = {
    "updates": "updates until every new fact is known (all, where that never came)",
    "forgotten": "most other facts forgotten on the way (%)",
    "near": "answers moved, nodes 1 hop from the edit",
    "far": "answers moved, nodes 3 or more hops away",
    "moved_near": "embeddings moved, nodes of the edit (%)",
    "moved_far": "embeddings moved, nodes 3 or more hops away (%)",
    "rho": "rank correlation of distance with hops, from three hops on, before",
}


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per graph and edited edge, for every kind of memory."""
    return {
        name: [
            Piece(
                function=edited_run,
                arguments={
                    "kind": kind,
                    "graph": graph,
                    "edit": number,
                    "seeds": list(scale.tiny_seeds),
                    "updates": [scale.limited(LEARNING), scale.limited(EDITING)],
                },
            )
            for graph in GRAPHS
            for number in range(EDITS)
        ]
        for name, kind in KINDS.items()
    }


def edited_run(
    *,
    kind: str,
    graph: str,
    edit: int,
    seeds: Sequence[int],
    updates: Sequence[int],
    folder: Path,
) -> dict[str, Any]:
    """Train, edit one edge, train on; return what moved, per seed."""
    base = replace(section("transformer", graph), published=False, self_edges=True, width=32)
    tiny = tiny_graph(base)
    change = draw_edit(tiny.facts, tiny.node_count, edit)
    rate = 10 * RATES[kind]
    if kind == "transformer":
        trainer = batch_trainer([replace(base, learning_rate=rate, decay=True)], seeds, tiny)
    else:
        net = LinearNet(width=WIDTH, frozen=kind == "frozen", learning_rate=rate)
        trainer = linear_trainer(tiny.facts, tiny.node_count, [net], seeds)
    before = trained(trainer, updates[0])
    start = Snapshot.of(trainer, before, tiny.node_count)
    found = followed(trainer, change, tiny.facts, tiny.node_count, updates[1], RATES[kind])
    hops = hops_from(change, tiny.facts, tiny.node_count)
    reference = graph_measures(tiny).reference
    return {
        "edit": [list(change.before), list(change.after)],
        "known": before.measured.recovery.tolist(),
        "rho": [measure_orders(table, reference).correlation for table in start.tables],
        "updates": [updates[1] if each is None else each for each in found.updates],
        "forgotten": found.forgotten,
        **moves(start, found.end, hops),
    }


def conclude(found: Found) -> Conclusion:
    """Return every number per kind of memory, a mean over graphs and edges per seed."""
    numbers = {
        kind: {name: over_edits(own, name) for name in NUMBERS} for kind, own in found.items()
    }
    rows = [
        (label, *(own[name].text for own in numbers.values())) for name, label in NUMBERS.items()
    ]
    picture = {
        label: {kind: (own[name].mean, own[name].interval) for kind, own in numbers.items()}
        for name, label in NUMBERS.items()
    }

    def of(name: str) -> str:
        return "; ".join(f"{kind}, {own[name]}" for kind, own in numbers.items())

    return Conclusion(
        sentences=(
            f"Answers of nodes three or more hops away move by (total variation, 1 is all): "
            f"{of('far')}.",
            f"At worst, of the facts that the edit leaves alone, forgotten on the way (%): "
            f"{of('forgotten')}.",
            f"Updates until the new graph is known: {of('updates')}.",
        ),
        tables=(Table(caption="One edited edge", headings=("number", *KINDS), rows=rows),),
        numbers={
            kind: {name: each.plain() for name, each in own.items()}
            for kind, own in numbers.items()
        },
        picture=group_means(picture),
    )


def over_edits(answers: Answers, name: str) -> Estimate:
    """Return the mean over seeds of the mean over graphs and edits of what was not missing."""
    rows = [[np.nan if x is None else x for x in answer[name]] for answer in answers]
    return estimate(mean_known(np.array(rows, dtype=np.float64)))


EDIT = Study(
    name="edit",
    title="Editing one edge",
    statement="When one edge of a memorized graph is changed and training goes on, how far does "
    "the map move, and what else is forgotten on the way, in a geometric and in an associative "
    "memory?",
    setting=f"Models of the four tiny graphs with self edges, {LEARNING:,} full-batch AdamW "
    "updates (cosine to a tenth of the rate), a Transformer of width 32 and a linear net of width "
    f"{WIDTH} that train their embeddings, and a linear net whose embeddings are frozen. Then one "
    "random edge is bent to a node at least three hops away, in both directions, and training goes "
    "on with the same optimizer at a tenth of the first rate, until every fact of the new graph is "
    f"known (at most {EDITING} updates). {EDITS} edges per graph; per seed the mean over graphs "
    "and edges, then a mean with its 95 % interval over seeds.",
    limits="The optimizer is AdamW, whose steps have a size of their own: it moves weights with "
    "small gradients nearly as far as others. Frozen embeddings do not move by construction; only "
    "the answers compare the kinds. Tiny graphs, and no edit that keeps other facts in mind on "
    "purpose.",
    arms=arms,
    conclude=conclude,
)
