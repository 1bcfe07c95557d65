"""One edge is edited: what else moves by the time the new edge is known as well as asked."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from geometric_memory.analysis.estimate import Estimate, estimate, mean_known, plain
from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency
from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.figures.findings import success_curves
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

FAR = 3
"""Hops from the edit at which nodes count as far."""
WIDTH = 64
LEARNING, EDITING = 1000, 300
"""Most updates before and after the edit."""
EDITS = 4
"""Edges that are edited, each from the same trained models."""
LEVELS = tuple(np.arange(0.1, 0.91, 0.1).round(1).tolist())
"""Of success: the probability of the new facts, 1 where they have all that is theirs."""
KINDS = {
    "Transformer": ("transformer", (0.0003, 0.001, 0.003)),
    "linear net": ("linear", (0.0003, 0.001, 0.003)),
    "frozen embeddings": ("frozen", (0.05, 0.1, 0.2)),
}
"""Models, and the rates of editing; frozen embeddings of 0.02 need larger maps, so larger rates."""
MATCHED = {"Transformer": 0.001, "linear net": 0.001, "frozen embeddings": 0.2}
"""Rates that take about as many updates, of those tried with other seeds."""


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
class Look:
    """One update after an edit, per member."""

    success: Float[np.ndarray, " members"]
    far: Float[np.ndarray, " members"]
    """Change of the answers of far nodes since the edit: total variation, 1 is all."""
    still: Float[np.ndarray, " members"]
    """The same after as many updates without an edit."""
    forgotten: Float[np.ndarray, " members"]
    """Percent of the facts of untouched nodes that are not known."""
    moved: Float[np.ndarray, " members"]
    """Percent by which embeddings of far nodes have moved, of the mean size of one."""


def gone_on(
    trainer: Trainer,
    facts: Int[np.ndarray, "facts 2"],
    node_count: int,
    updates: int,
    rate: float,
) -> Iterator[State]:
    """Go on with the same optimizer on `facts` at a constant rate; steps count from here."""
    trainer.reader = EdgeReader(facts, node_count)
    trainer.targets = target_weights(facts, trainer.sources.numpy(), trainer.targets.shape[1])
    trainer.members = tuple(
        replace(member, learning_rate=rate, decay=False) for member in trainer.members
    )
    trainer.groups = [(list(trainer.members), *group[1:]) for group in trainer.groups]
    trainer.step = 0
    return trainer.run(updates)


@torch.no_grad()
def logits_of(trainer: Trainer, state: State) -> Float[Tensor, "members sources vocabulary"]:
    """Return what every member says of every node that has facts."""
    return trainer.network.logits(state.weights, trainer.sources)


def change_since(
    before: Float[np.ndarray, "members sources vocabulary"],
    after: Float[np.ndarray, "members sources vocabulary"],
    rows: Bool[np.ndarray, " sources"],
) -> Float[np.ndarray, " members"]:
    """Return the mean total variation of some answers."""
    return 0.5 * np.abs(after - before).sum(axis=2)[:, rows].mean(axis=1)


def followed(
    trainer: Trainer,
    change: Edit,
    facts: Int[np.ndarray, "facts 2"],
    node_count: int,
    unedited: Float[np.ndarray, "updates members sources vocabulary"],
    rate: float,
) -> Iterator[Look]:
    """Go on on the edited facts; look at every update, beside as many `unedited` ones.

    It ends when every member has reached the last of the levels.
    """
    edited = change.applied(facts)
    untouched = EdgeReader(edited[~np.isin(edited[:, 0], change.nodes)], node_count)
    sources = trainer.sources.numpy()
    far = hops_from(change, facts, node_count)[sources] >= FAR
    wanted = np.array([change.after, change.after[::-1]])
    rows = np.searchsorted(sources, wanted[:, 0])
    shares = 1 / np.array([(edited[:, 0] == node).sum() for node in wanted[:, 0]])
    first: np.ndarray | None = None
    states = gone_on(trainer, edited, node_count, len(unedited) - 1, rate)
    for state, alone in zip(states, unedited, strict=True):
        logits = logits_of(trainer, state)
        answers = torch.softmax(logits, -1).numpy()
        table = state.weights[TABLE].detach().numpy()[:, sources].copy()
        first = table if first is None else first
        moved = np.linalg.norm(table - first, axis=2)[:, far].mean(axis=1)
        look = Look(
            success=np.minimum(answers[:, rows, wanted[:, 1]] / shares, 1).mean(axis=1),
            far=change_since(unedited[0], answers, far),
            still=change_since(unedited[0], alone, far),
            forgotten=100 * (1 - untouched.recovery(logits).numpy()),
            moved=100 * moved / np.linalg.norm(first, axis=2).mean(axis=1),
        )
        yield look
        if (look.success >= LEVELS[-1]).all():
            return


def hops_from(
    change: Edit, facts: Int[np.ndarray, "facts 2"], node_count: int
) -> Float[np.ndarray, " nodes"]:
    """Return hops of every node from the nearest of the three, in the graph before the edit."""
    adjacency = symmetric_adjacency(facts, node_count)
    return hop_distances(adjacency, np.array(change.nodes)).min(axis=0)


def at_levels(looks: Sequence[Look]) -> dict[str, list[list[float | None]]]:
    """Return every number of each member at the first update of each level; None without one."""
    success = np.stack([look.success for look in looks])
    found: dict[str, list[list[float | None]]] = {}
    series = {name: np.stack([getattr(look, name) for look in looks]) for name in SEEN}
    series["updates"] = np.broadcast_to(np.arange(len(looks), dtype=float)[:, None], success.shape)
    for name, values in series.items():
        rows = []
        for level in LEVELS:
            reached = success >= level
            first = np.take_along_axis(values, reached.argmax(axis=0)[None], axis=0)[0]
            rows.append(list(map(plain, np.where(reached.any(axis=0), first, np.nan).tolist())))
        found[name] = rows
    return found


SEEN = ("far", "still", "forgotten", "moved")
NUMBERS = {
    "updates": "updates",
    "far": "answers moved, nodes 3 or more hops away (total variation)",
    "still": "the same without an edit",
    "forgotten": "other facts not known (%)",
    "moved": "embeddings moved, nodes 3 or more hops away (%)",
}


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per graph, for every kind of memory."""
    return {
        name: [
            Piece(
                function=edited_runs,
                arguments={
                    "kind": kind,
                    "graph": graph,
                    "rates": list(rates),
                    "seeds": list(scale.seeds),
                    "updates": [scale.limited(LEARNING), scale.limited(EDITING)],
                },
            )
            for graph in GRAPHS
        ]
        for name, (kind, rates) in KINDS.items()
    }


def edited_runs(
    *,
    kind: str,
    graph: str,
    rates: Sequence[float],
    seeds: Sequence[int],
    updates: Sequence[int],
    folder: Path,
) -> dict[str, Any]:
    """Train once; then edit, at every rate, some edges; return what moved at each level."""
    base = replace(section("transformer", graph), published=False, self_edges=True, width=32)
    tiny = tiny_graph(base)
    rate = 0.1 if kind == "frozen" else 0.01
    if kind == "transformer":
        trainer = batch_trainer([replace(base, learning_rate=rate, decay=True)], seeds, tiny)
    else:
        net = LinearNet(width=WIDTH, frozen=kind == "frozen", learning_rate=rate)
        trainer = linear_trainer(tiny.facts, tiny.node_count, [net], seeds)
    before = trained(trainer, updates[0])
    reference = graph_measures(tiny).reference
    tables = before.weights[TABLE].detach()[:, : tiny.node_count].numpy()
    rho = [measure_orders(table, reference).correlation for table in tables]
    weights = {name: weight.detach().clone() for name, weight in trainer.weights.items()}
    moments = [deepcopy(optimizer.state_dict()) for _, optimizer, _ in trainer.groups]

    def begin_again() -> Trainer:
        with torch.no_grad():
            for name, weight in weights.items():
                trainer.weights[name].copy_(weight)
        for (_, optimizer, _), own in zip(trainer.groups, moments, strict=True):
            optimizer.load_state_dict(deepcopy(own))
        return trainer

    edits = []
    for rate in rates:
        states = gone_on(begin_again(), tiny.facts, tiny.node_count, updates[1], rate)
        unedited = np.stack([torch.softmax(logits_of(trainer, s), -1).numpy() for s in states])
        for number in range(EDITS):
            change = draw_edit(tiny.facts, tiny.node_count, number)
            looks = list(
                followed(begin_again(), change, tiny.facts, tiny.node_count, unedited, rate)
            )
            edits.append({"rate": rate, "edit": [change.before, change.after], **at_levels(looks)})
    return {
        "known": before.measured.recovery.tolist(),
        "rho": rho,
        "edits": edits,
    }


def conclude(found: Found) -> Conclusion:
    """Return what moved at every level of success, by kind and rate."""
    numbers = {
        (kind, rate): {name: over_edits(found[kind], name, rate) for name in NUMBERS}
        for kind, (_, rates) in KINDS.items()
        for rate in rates
    }
    rho = {
        kind: estimate(mean_known(np.array([a["rho"] for a in answers], dtype=float)))
        for kind, answers in found.items()
    }
    matched = {kind: numbers[kind, rate] for kind, rate in MATCHED.items()}

    def of(name: str, place: int) -> str:
        return "; ".join(f"{kind}, {own[name][place]}" for kind, own in matched.items())

    rows = [
        (kind, f"{rate:g}", *(own[name][place].text for place in (4, -1) for name in NUMBERS))
        for (kind, rate), own in numbers.items()
    ]
    headings = ("memory", "rate", *(
        f"{label}, at {100 * LEVELS[place]:.0f} % success"
        for place in (4, -1) for label in NUMBERS.values()
    ))  # fmt: skip
    return Conclusion(
        sentences=(
            _in_words([own["far"][-1].mean for own in matched.values()]),
            f"When the new facts have {100 * LEVELS[-1]:.0f} % of their probability, answers of "
            "nodes three or more hops away have moved by (total variation, 1 is all): "
            f"{of('far', -1)}. As many updates without an edit, the control, move them by "
            f"{of('still', -1)}.",
            f"Of the facts that the edit leaves alone, not known then (%): {of('forgotten', -1)}.",
            f"This takes updates: {of('updates', -1)}.",
            "Rank correlation of distance with hops before the edit, from three hops on: "
            f"{'; '.join(f'{kind}, {own}' for kind, own in rho.items())}.",
        ),
        tables=(Table(caption="One edited edge", headings=headings, rows=rows),),
        numbers={
            "levels": list(LEVELS),
            "rho": {kind: own.plain() for kind, own in rho.items()},
            "edits": [
                {"kind": kind, "rate": rate}
                | {name: [each.plain() for each in own[name]] for name in NUMBERS}
                for (kind, rate), own in numbers.items()
            ],
        },
        picture=success_curves(
            {
                label: {
                    f"{kind}, rate {MATCHED[kind]:g}": [(x.mean, x.interval) for x in own[name]]
                    for kind, own in matched.items()
                }
                for name, label in NUMBERS.items()
            },
            LEVELS,
        ),
    )  # fmt: skip


def over_edits(answers: Answers, name: str, rate: float) -> list[Estimate]:
    """Return, for every level, the mean over seeds of the mean over graphs and edits."""
    rows = np.array(
        [edit[name] for answer in answers for edit in answer["edits"] if edit["rate"] == rate],
        dtype=np.float64,
    )
    return [estimate(each) for each in mean_known(rows)]


def _in_words(moved: Sequence[float]) -> str:
    return (
        "By the time a changed edge is known, answers far from it have moved by "
        f"{min(moved):.2g} to {max(moved):.2g} of all that they could, whichever the memory."
    )


EDIT = Study(
    name="edit",
    title="Editing one edge",
    statement="When one edge of a memorized graph is changed and training goes on, how much else "
    "has moved by the time the new edge is known to a given degree, in a geometric and in an "
    "associative memory?",
    setting=f"Models of the four tiny graphs with self edges, {LEARNING:,} full-batch AdamW "
    "updates (cosine to a tenth of the rate), a Transformer of width 32 and a linear net of width "
    f"{WIDTH} that train their embeddings, and a linear net whose embeddings are frozen. Then one "
    "random edge is bent to a node at least three hops away, in both directions, and training goes "
    "on with the same optimizer at three constant rates "
    f"(at most {EDITING} updates). Success is the probability of the new "
    "facts, as a share of what is theirs; everything is read at the first update that reaches a "
    "level of it. The rates of the answer take about as many updates. Control: the same models go "
    "on at the same rates without an edit. "
    f"{EDITS} edges per graph; per seed the mean over graphs and edges, then a mean with its 95 % "
    "interval over seeds.",
    limits="The optimizer is AdamW, whose steps have a size of their own: it moves weights with "
    "small gradients nearly as far as others. Frozen embeddings do not move by construction; only "
    "the answers compare the kinds. Keys of the associative memory are frozen at random: one that "
    "trains them is not tried. Updates are equal at half success, no longer at 90 %. Tiny "
    "graphs, and no edit that keeps other facts in mind on purpose.",
    arms=arms,
    conclude=conclude,
)
