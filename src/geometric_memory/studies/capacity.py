"""How many nodes fit into how many parameters, with trained and with frozen embeddings."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from geometric_memory.analysis.estimate import Estimate, estimate
from geometric_memory.figures.findings import capacity_lines
from geometric_memory.figures.page import Table
from geometric_memory.randomness import stream_seed
from geometric_memory.studies.linear_nets import LinearNet, linear_trainer
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import Answers, Arm, Conclusion, Found, Study
from geometric_memory.work.piece import Piece

STEPS = 2000
WIDTHS = (4, 8, 12, 16, 24)
NODES = (16, 32, 64, 128, 256)
RATES = {"trained embeddings": 0.01, "frozen embeddings": 0.1}
"""By kind of memory; frozen embeddings of 0.02 need the larger maps that a larger rate reaches."""
KNOWN = 0.99
"""Share of edges that counts as memorized."""
GRAPH_KINDS = ("cycle", "random, degree 3")


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per number of nodes, for every graph, kind of memory and width."""
    return {
        f"{graph}, {kind}, {width}": [
            Piece(
                function=memorized,
                arguments={
                    "cell": {"graph": graph, "kind": kind, "width": width, "nodes": nodes},
                    "seeds": list(scale.tiny_seeds),
                    "steps": scale.limited(STEPS),
                },
            )
            for nodes in NODES
        ]
        for graph, kind, width in product(GRAPH_KINDS, RATES, WIDTHS)
    }


def memorized(
    *, cell: Mapping[str, Any], seeds: Sequence[int], steps: int, folder: Path
) -> dict[str, Any]:
    """Train linear nets on one graph; return the best share of edges known and the parameters."""
    nodes, kind = cell["nodes"], cell["kind"]
    facts = cycle_facts(nodes) if cell["graph"] == "cycle" else regular_facts(nodes, degree=3)
    frozen = kind == "frozen embeddings"
    net = LinearNet(
        width=cell["width"],
        frozen=frozen,
        deviation=1.0 if frozen else 0.02,
        learning_rate=RATES[kind],
    )
    trainer = linear_trainer(facts, nodes, [net], seeds)
    best = np.zeros(len(seeds))
    for state in trainer.run(steps):
        best = np.maximum(best, state.measured.recovery.numpy())
        if (best >= 1).all():
            break
    weights = trainer.weights.values()
    per_member = sum(weight[0].numel() for weight in weights if weight.requires_grad)
    return {"best": best.round(6).tolist(), "parameters": per_member, "facts": len(facts)}


def cycle_facts(nodes: int) -> Int[np.ndarray, "facts 2"]:
    """Return both directions of a cycle."""
    here = np.arange(nodes)
    forward = np.stack([here, (here + 1) % nodes], axis=1)
    return np.concatenate([forward, forward[:, ::-1]])


def regular_facts(nodes: int, *, degree: int) -> Int[np.ndarray, "facts 2"]:
    """Return both directions of a random regular graph, which no low dimension can draw.

    Stubs are paired at random; a pairing with a loop or a double edge is thrown away.
    """
    rng = np.random.default_rng(stream_seed(nodes, "regular"))
    while True:
        stubs = rng.permutation(np.repeat(np.arange(nodes), degree)).reshape(-1, 2)
        pairs = np.sort(stubs, axis=1)
        if (pairs[:, 0] != pairs[:, 1]).all() and len(np.unique(pairs, axis=0)) == len(pairs):
            return np.concatenate([pairs, pairs[:, ::-1]])


def capacity(answers: Answers) -> Estimate:
    """Return the most nodes of a graph that each seed memorized; answers are by number of nodes.

    Sizes are tried one by one; a seed's capacity ends at the first size that it did not memorize.
    """
    known = np.array([answer["best"] for answer in answers]) >= KNOWN
    unbroken = np.cumprod(known, axis=0).astype(bool)
    return estimate(np.array([0.0, *NODES])[unbroken.sum(axis=0)])


def conclude(found: Found) -> Conclusion:
    """Return nodes memorized against width and parameters."""
    rows, numbers = [], []
    for graph, kind, width in product(GRAPH_KINDS, RATES, WIDTHS):
        answers = found[f"{graph}, {kind}, {width}"]
        nodes, largest = capacity(answers), max(NODES)
        at = answers[int(np.searchsorted(NODES, min(nodes.mean, largest)))]["parameters"]
        open_end = " (all sizes tried)" if min(nodes.values) >= largest else ""
        rows.append((graph, kind, str(width), f"{at:,}", f"{nodes}{open_end}"))
        cell = {"graph": graph, "kind": kind, "width": width, "parameters": at}
        numbers.append(cell | nodes.plain())
    headings = ("graph", "memory", "width", "trained parameters", "nodes memorized")
    return Conclusion(
        sentences=tuple(_sentence(graph, numbers) for graph in GRAPH_KINDS),
        tables=(Table(caption="Nodes memorized", headings=headings, rows=rows),),
        numbers={"capacities": numbers, "sizes": list(NODES)},
        picture=capacity_lines(
            {
                graph: {
                    kind: [
                        (row["width"], row["parameters"], row["mean"], row["interval"])
                        for row in _choose(numbers, graph, kind)
                    ]
                    for kind in RATES
                }
                for graph in GRAPH_KINDS
            },
            largest=max(NODES),
        ),
    )


def _choose(numbers: Sequence[Mapping[str, Any]], graph: str, kind: str) -> list[Any]:
    return [row for row in numbers if (row["graph"], row["kind"]) == (graph, kind)]


def _sentence(graph: str, numbers: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for kind in RATES:
        own = _choose(numbers, graph, kind)
        sizes = ", ".join(f"{row['mean']:.0f} at width {row['width']}" for row in own)
        parts.append(f"with {kind}, {sizes}")
    return (
        f"{graph.capitalize()}: nodes memorized {'; '.join(parts)} "
        f"({max(NODES)} is the largest tried)."
    )


CAPACITY = Study(
    name="capacity",
    title="Capacity of both kinds of memory",
    statement="How many nodes can be memorized with how many parameters, when the embeddings are "
    "trained and when they are frozen at random?",
    setting="Linear nets with one tied embedding and one biased map, on cycles (which two "
    "dimensions can draw) and on random graphs of degree 3 (which no low dimension can draw), of "
    f"{', '.join(map(str, NODES))} nodes; {STEPS:,} full-batch AdamW updates, rate 0.01 for "
    "trained and 0.1 for frozen embeddings, falling to a tenth. A graph counts as memorized when "
    f"top-k recovery reaches {100 * KNOWN:.0f} % at some step. Frozen embeddings are N(0, 1). "
    "Trained parameters are those that receive gradients.",
    limits="What this training reaches, not what the parameters could hold. Sizes double, so a "
    "capacity is known to a factor of two. Linear nets; no weight decay.",
    arms=arms,
    conclude=conclude,
)
