"""One edge is edited: how far does the map move, and what else is forgotten on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.estimate import Estimate, estimate, mean_known
from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.studies.findings.edited_edge import (
    Snapshot,
    drawn_edit,
    followed,
    hops_from,
    moves,
)
from geometric_memory.studies.findings.finding import (
    Answers,
    Effort,
    Finding,
    Outcome,
    Table,
)
from geometric_memory.studies.findings.linear_nets import (
    LinearNet,
    linear_trainer,
    trained,
)
from geometric_memory.studies.findings.pieces import Piece
from geometric_memory.tiny.final_numbers import graph_measures
from geometric_memory.tiny.sections import GRAPHS, section
from geometric_memory.tiny.tiny_graph import tiny_graph
from geometric_memory.tiny.training import batch_trainer

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
    "updates": "updates until every new fact is known",
    "forgotten": "most other facts forgotten on the way (%)",
    "near": "answers moved, nodes 1 hop from the edit",
    "far": "answers moved, nodes 3 or more hops away",
    "moved_near": "embeddings moved, nodes of the edit (%)",
    "moved_far": "embeddings moved, nodes 3 or more hops away (%)",
    "rho": "rank correlation of distance with hops, from three hops on, before",
}


def edit_pieces(effort: Effort) -> tuple[Piece, ...]:
    """Return one piece per kind of memory, graph and edited edge."""
    return tuple(
        Piece(
            function=edited_run,
            arguments={
                "kind": kind,
                "graph": graph,
                "edit": number,
                "seeds": list(effort.tiny_seeds),
                "updates": [effort.limited(LEARNING), effort.limited(EDITING)],
            },
        )
        for kind in KINDS.values()
        for graph in GRAPHS
        for number in range(EDITS)
    )


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
    change = drawn_edit(tiny.facts, tiny.node_count, edit)
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
        "updates": found.updates,
        "forgotten": found.forgotten,
        **moves(start, found.end, hops),
    }


def conclude_edit(pieces: tuple[Piece, ...], answers: Answers) -> Outcome:
    """Return every number per kind of memory, a mean over graphs and edges per seed."""
    numbers: dict[str, dict[str, Estimate]] = {}
    for name, kind in KINDS.items():
        own = [a for p, a in zip(pieces, answers, strict=True) if p.arguments["kind"] == kind]
        numbers[name] = {number: estimate(_over_edits(own, number)) for number in NUMBERS}
    rows = [
        (label, *(str(numbers[kind][number]) for kind in KINDS))
        for number, label in NUMBERS.items()
    ]
    table = Table(caption="One edited edge", columns=("number", *KINDS), rows=rows)
    return Outcome(
        answer=_sentences(numbers),
        tables=(table,),
        numbers={
            kind: {name: mean.plain() for name, mean in own.items()}
            for kind, own in numbers.items()
        },
        draw=lambda: _figure(numbers),
    )


def _over_edits(answers: Answers, number: str) -> Float[np.ndarray, " seeds"]:
    """Return the mean over graphs and edits, seed by seed, of what was not missing."""
    rows = [[np.nan if x is None else x for x in answer[number]] for answer in answers]
    return mean_known(np.array(rows, dtype=np.float64))


def _sentences(numbers: Mapping[str, Mapping[str, Estimate]]) -> tuple[str, ...]:
    def of(number: str) -> str:
        return "; ".join(f"{kind}, {own[number]}" for kind, own in numbers.items())

    return (
        f"Answers of nodes three or more hops away move by (total variation, 1 is all): "
        f"{of('far')}.",
        f"At worst, of the facts that the edit leaves alone, forgotten on the way (%): "
        f"{of('forgotten')}.",
        f"Updates until the new graph is known: {of('updates')}.",
    )


def _figure(numbers: Mapping[str, Mapping[str, Estimate]]) -> Any:
    from geometric_memory.figures.findings import grouped_means

    return grouped_means(
        {
            NUMBERS[number]: {
                kind: (own[number].mean, own[number].interval) for kind, own in numbers.items()
            }
            for number in NUMBERS
        }
    )


EDIT = Finding(
    name="edit",
    title="Editing one edge",
    question="When one edge of a memorized graph is changed and training goes on, how far does the "
    "map move, and what else is forgotten on the way, in a geometric and in an associative memory?",
    method=f"Models of the four tiny graphs with self edges, {LEARNING:,} full-batch AdamW updates "
    "(cosine to a tenth of the rate), a Transformer of width 32 and a linear net of width "
    f"{WIDTH} that train their embeddings, and a linear net whose embeddings are frozen. Then one "
    "random edge is bent to a node at least three hops away, in both directions, and training goes "
    "on with the same optimizer at a tenth of the first rate, until every fact of the new graph is "
    f"known (at most {EDITING} updates). {EDITS} edges per graph; per seed the mean over graphs "
    "and edges, then a mean with its 95 % interval over seeds.",
    limits="The optimizer is AdamW, whose steps have a size of their own: it moves weights with "
    "small gradients nearly as far as others. Frozen embeddings do not move by construction; only "
    "the answers compare the kinds. Tiny graphs, and no edit that keeps other facts in mind on "
    "purpose.",
    pieces=edit_pieces,
    conclude=conclude_edit,
)
