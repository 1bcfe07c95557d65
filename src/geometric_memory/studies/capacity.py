"""How many bits fit into how many parameters, with trained and with frozen embeddings."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.estimate import Estimate, estimate, estimate_power, estimate_ratio
from geometric_memory.figures.findings import capacity_lines
from geometric_memory.figures.page import Table
from geometric_memory.randomness import stream_seed
from geometric_memory.studies.linear_nets import LinearNet, linear_trainer
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import Arm, Conclusion, Found, Study, number
from geometric_memory.tiny.measures import EdgeReader
from geometric_memory.work.piece import Piece

STEPS = 1200
WIDTHS = {"trained embeddings": (4, 5), "frozen embeddings": (8, 12, 16, 24, 32)}
"""By kind of memory: so that numbers of parameters are of one size."""
ELSEWHERE = ", asked for another graph"
CONTROLS = {f"trained embeddings{ELSEWHERE}": (4,), f"frozen embeddings{ELSEWHERE}": (16,)}
"""Nets that learn one graph and are asked for it under other names of its nodes."""
RATES = {"trained embeddings": 0.01, "frozen embeddings": 0.1}
"""Frozen embeddings of 0.02 need the larger maps that a larger rate reaches."""
KNOWN = 0.99
"""Share of edges that counts as memorized."""
LEAST, MOST, FINE = 6, 768, 1.1
"""Nodes, and the ratio of sizes between which a capacity is looked for no more."""
DEGREES = {"cycle": 2, "random, degree 3": 3}


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per seed, for every graph, kind of memory and width."""
    return {
        arm_name(graph, kind, width): [
            Piece(
                function=capacity,
                arguments={
                    "graph": graph, "kind": kind, "width": width, "seed": seed,
                    "steps": scale.limited(STEPS),
                },
            )
            for seed in scale.seeds
        ]
        for graph in DEGREES
        for kind, widths in (WIDTHS | CONTROLS).items()
        for width in widths
    }  # fmt: skip


def arm_name(graph: str, kind: str, width: int) -> str:
    """Return what an arm is called."""
    return f"{graph}, {kind}, {width}"


def capacity(
    *, graph: str, kind: str, width: int, seed: int, steps: int, folder: Path
) -> dict[str, Any]:
    """Return the most nodes that one net memorizes, and what they take; graphs are of the seed.

    Sizes double up to the first that is not memorized, then the gap is halved.
    """
    known, failed = 0, LEAST
    while failed <= MOST and memorized(graph, kind, width, failed, seed, steps):
        known, failed = failed, 2 * failed
    while known and failed / known > FINE:
        middle = 2 * round(math.sqrt(known * failed) / 2)  # a degree of 3 needs an even number
        if middle in (known, failed):
            break
        if memorized(graph, kind, width, middle, seed, steps):
            known = middle
        else:
            failed = middle
    parameters = width * width + width + (known * width if kind.startswith("trained") else 0)
    found = {
        "nodes": known,
        "parameters": parameters,
        "facts_per_square": DEGREES[graph] * known / width**2,
        "bits_per_parameter": graph_bits(graph, known) / parameters,
    }
    return {"numbers": {name: [float(value)] for name, value in found.items()}}


def memorized(graph: str, kind: str, width: int, nodes: int, seed: int, steps: int) -> bool:
    """Train a linear net on one graph, and return whether it came to know the edges it is asked."""
    facts = cycle_facts(nodes) if graph == "cycle" else regular_facts(nodes, degree=3, seed=seed)
    memory, frozen = kind.removesuffix(ELSEWHERE), kind.startswith("frozen")
    net = LinearNet(
        width=width, frozen=frozen, deviation=1.0 if frozen else 0.02, learning_rate=RATES[memory]
    )
    trainer = linear_trainer(facts, nodes, [net], [seed])
    if kind != memory:
        names = np.random.default_rng(stream_seed(seed, "another")).permutation(nodes)
        trainer.reader = EdgeReader(names[facts], nodes)
    states = trainer.run(steps, together=16)
    return any(float(state.measured.recovery[0]) >= KNOWN for state in states)


def graph_bits(graph: str, nodes: int) -> float:
    """Return the logarithm, to base 2, of how many graphs of a kind there are on named nodes.

    Cycles: (n - 1)! / 2. Of degree d: (dn)! e^((1 - d^2) / 4) / ((dn / 2)! 2^(dn / 2) d!^n), for
    many nodes (Bender and Canfield 1978, https://doi.org/10.1016/0097-3165(78)90059-6).
    """
    if not nodes:
        return 0.0
    if graph == "cycle":
        return (math.lgamma(nodes) - math.log(2)) / math.log(2)
    degree = DEGREES[graph]
    stubs = degree * nodes
    pairings = math.lgamma(stubs + 1) - math.lgamma(stubs / 2 + 1) - stubs / 2 * math.log(2)
    orders = nodes * math.lgamma(degree + 1)
    return (pairings - orders + (1 - degree**2) / 4) / math.log(2)


def cycle_facts(nodes: int) -> Int[np.ndarray, "facts 2"]:
    """Return both directions of a cycle."""
    here = np.arange(nodes)
    forward = np.stack([here, (here + 1) % nodes], axis=1)
    return np.concatenate([forward, forward[:, ::-1]])


def regular_facts(nodes: int, *, degree: int, seed: int) -> Int[np.ndarray, "facts 2"]:
    """Return both directions of a random regular graph, which no low dimension can draw.

    Stubs are paired at random; a pairing with a loop or a double edge is thrown away.
    """
    rng = np.random.default_rng(stream_seed(seed, "regular", str(nodes)))
    while True:
        stubs = rng.permutation(np.repeat(np.arange(nodes), degree)).reshape(-1, 2)
        pairs = np.sort(stubs, axis=1)
        if (pairs[:, 0] != pairs[:, 1]).all() and len(np.unique(pairs, axis=0)) == len(pairs):
            return np.concatenate([pairs, pairs[:, ::-1]])


def conclude(found: Found) -> Conclusion:
    """Return nodes, facts and bits against width and parameters."""
    rows, numbers = [], []
    for graph in DEGREES:
        for kind, widths in (WIDTHS | CONTROLS).items():
            for width in widths:
                own = {name: typical(number(found[arm_name(graph, kind, width)], name))
                       for name in NUMBERS}  # fmt: skip
                rows.append((graph, kind, str(width), *(each.text for each in own.values())))
                cell = {"graph": graph, "kind": kind, "width": width}
                numbers.append(cell | {name: each.plain() for name, each in own.items()})
    growth = {
        f"{graph}, {kind}": exponent(found, graph, kind)
        for graph in DEGREES
        for kind, widths in WIDTHS.items()
        if len(widths) > 2
    }
    controls = {
        name: estimate(number(answers, "nodes"))
        for name, answers in found.items()
        if ELSEWHERE in name
    }
    return Conclusion(
        sentences=(
            _in_words(numbers),
            *(_sentence(graph, numbers) for graph in DEGREES),
            "Nodes grow with the width to the power of "
            f"{'; '.join(f'{each} ({name})' for name, each in growth.items())}; 2 is the line of "
            "as many facts as the map has entries. Controls, nodes: "
            f"{'; '.join(f'{each} ({name})' for name, each in controls.items())}.",
        ),
        tables=(
            Table(
                caption="What is memorized", rows=rows,
                headings=("graph", "memory", "width", *NUMBERS.values()),
            ),
        ),
        numbers={
            "capacities": numbers,
            "exponents": {name: each.plain() for name, each in growth.items()},
        },
        picture=capacity_lines(
            {
                graph: {
                    kind: [
                        (row["width"], row["parameters"]["mean"], row["nodes"]["mean"],
                         row["nodes"]["interval"])
                        for row in numbers
                        if (row["graph"], row["kind"]) == (graph, kind)
                    ]
                    for kind in WIDTHS
                }
                for graph in DEGREES
            },
            largest=2 * MOST,
        ),
    )  # fmt: skip


NUMBERS = {
    "parameters": "trained parameters",
    "nodes": "nodes memorized",
    "facts_per_square": "facts over width squared",
    "bits_per_parameter": "bits per trained parameter",
}


def typical(values: Float[np.ndarray, " seeds"]) -> Estimate:
    """Return the mean on a log scale, on which sizes are looked for; the plain one beside a 0."""
    return estimate_ratio(values) if (values > 0).all() else estimate(values)


def exponent(found: Found, graph: str, kind: str) -> Estimate:
    """Return the slope of the logarithm of nodes over that of the width, per seed."""
    widths = WIDTHS[kind]
    nodes = [number(found[arm_name(graph, kind, width)], "nodes") for width in widths]
    return estimate_power(widths, nodes, least=len(widths))


def _in_words(numbers: Sequence[Mapping[str, Any]]) -> str:
    graph, widest = next(iter(DEGREES)), []
    for kind in WIDTHS:
        own = [row for row in numbers if (row["graph"], row["kind"]) == (graph, kind)][-1]
        widest.append(f"{kind} of width {own['width']} hold {own['nodes']['mean']:.0f} nodes")
    return f"Of a {graph}, {', '.join(widest)}."


def _sentence(graph: str, numbers: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for kind in WIDTHS:
        own = [row for row in numbers if (row["graph"], row["kind"]) == (graph, kind)]
        sizes = ", ".join(
            f"{row['nodes']['mean']:.0f} at width {row['width']} "
            f"({row['bits_per_parameter']['mean']:.2f})"
            for row in own
        )
        parts.append(f"with {kind}, {sizes}")
    return f"{graph.capitalize()}: nodes memorized (bits per trained parameter) {'; '.join(parts)}."


CAPACITY = Study(
    name="capacity",
    title="Capacity of both kinds of memory",
    statement="How much of a graph can be memorized with how many parameters, when the embeddings "
    "are trained and when they are frozen at random?",
    setting="Linear nets with one tied embedding and one biased map, on cycles (which two "
    "dimensions can draw) and on random graphs of degree 3 (which no low dimension can draw), "
    f"drawn anew for every seed and size; {STEPS:,} full-batch AdamW updates, rate 0.01 for "
    "trained and 0.1 for frozen embeddings, falling to a tenth. A graph counts as memorized when "
    f"top-k recovery reaches {100 * KNOWN:.0f} % at some step. The number of nodes is found by "
    f"doubling up to {MOST} and halving the gap, to {100 * (FINE - 1):.0f} %, from {LEAST} to "
    f"below {2 * MOST:,}; means are on a log scale. Frozen "
    "embeddings are N(0, 1), and not counted among the parameters. Bits are the logarithm of the "
    "number of graphs of that kind and size on named nodes. Control: nets that are asked for their "
    "graph under other names of its nodes.",
    limits="What this training reaches, not what the parameters could hold. Memorizing is taken to "
    "be monotonous in size. Widths differ between the kinds, so that numbers "
    "of parameters are nearer; at equal width trained embeddings have many times more. A capacity "
    f"of 0 is below {LEAST} nodes. Linear nets; no weight decay.",
    revised="Means were of sizes as they are, not on the log scale on which sizes are tried; and "
    "the search was said to end at half the size at which it does.",
    arms=arms,
    conclude=conclude,
)
