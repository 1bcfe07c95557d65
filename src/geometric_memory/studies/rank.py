"""How many dimensions tied Node2Vec keeps: one per component, and the Fiedler eigenspace."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import subspace_angles

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.spectrum import graph_spectrum, node2vec_coefficients
from geometric_memory.models.node2vec import (
    Node2VecSettings,
    Node2VecTables,
    edge_targets,
    initial_tables,
    train_node2vec,
)
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import (
    Arm,
    Conclusion,
    Criterion,
    Found,
    Panel,
    Study,
    at_least,
    at_most,
    control,
    mean,
    number_table,
)
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph
from geometric_memory.work.piece import Piece

PUBLISHED, LONG = 10_000, 100_000
"""Updates: as published, and ten times as many."""
FLOOR = 1e-3
"""Singular values below this share of the largest one do not count for the rank."""
CLOSE = 1e-6
"""Eigenvalues as close as this are one."""


def chain(nodes: int) -> list[tuple[int, int]]:
    """Return the edges of a path."""
    return [(node, node + 1) for node in range(nodes - 1)]


def cube(dimension: int) -> list[tuple[int, int]]:
    """Return the edges between corners that differ in one bit."""
    every = combinations(range(2**dimension), 2)
    return [(a, b) for a, b in every if (a ^ b).bit_count() == 1]


MORE = {
    "cube": cube(3),
    "4-cube": cube(4),
    "path of 9": chain(9),
    "grid 3x5": [
        (a, b) for a, b in combinations(range(15), 2)
        if (b - a == 1 and b % 5) or b - a == 5
    ],
    "cycle of 7 and path of 5": [*chain(7), (0, 6), *((a + 7, b + 7) for a, b in chain(5))],
    "complete graph of 5": list(combinations(range(5), 2)),
}  # fmt: skip
"""Edges of graphs beside the four of the paper."""


def facts_of(graph: str) -> Int[np.ndarray, "facts 2"]:
    """Return both directions of every edge."""
    if graph in GRAPHS:
        return tiny_graph(replace(section("node2vec", graph), self_edges=False)).facts
    edges = np.array(MORE[graph])
    return np.concatenate([edges, edges[:, ::-1]])


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per graph."""
    steps = [scale.limited(PUBLISHED), scale.limited(LONG)]
    return {
        graph: [
            Piece(
                function=descended,
                arguments={"graph": graph, "seeds": list(scale.seeds), "steps": steps},
            )
        ]
        for graph in (*GRAPHS, *MORE)
    }


def leading_space(facts: Int[np.ndarray, "facts 2"]) -> Float[np.ndarray, "nodes some"]:
    """Return the leading eigenvector of every component, and those of the Fiedler value."""
    spectrum = graph_spectrum(symmetric_adjacency(facts, int(facts.max()) + 1))
    others = spectrum.eigenvalues[~spectrum.trivial]
    fiedler = ~spectrum.trivial & (spectrum.eigenvalues > others.max() - CLOSE)
    return spectrum.eigenvectors[:, spectrum.trivial | fiedler]


def descended(
    *, graph: str, seeds: Sequence[int], steps: Sequence[int], folder: Path
) -> dict[str, Any]:
    """Train Node2Vec in float64; return rank, tilt and what is left to learn, along the way."""
    facts = facts_of(graph)
    space, targets = leading_space(facts), edge_targets(facts, int(facts.max()) + 1).double()
    settings = Node2VecSettings(epochs=steps[1], snapshot_interval=max(1, steps[1] // 100))
    drawn = initial_tables(seeds, len(targets), settings).nodes.double()
    looks = {
        state.step: [look(table, space, targets.numpy()) for table in state.tables.nodes.numpy()]
        for state in train_node2vec(targets, Node2VecTables(nodes=drawn, contexts=drawn), settings)
    }
    names = looks[0][0].keys()
    numbers = {
        f"{name}{suffix}": [each[name] for each in looks[min(looks, key=lambda n: abs(n - step))]]
        for name in names
        for suffix, step in zip(("", "_long"), steps, strict=True)
    }
    seen = [step for step in looks if step]
    curve = [(seen, [looks[step][place]["rank"] for step in seen]) for place in range(len(seeds))]
    return {"numbers": numbers, "curves": {"rank": curve}}


def look(
    table: Float[np.ndarray, "nodes dim"],
    space: Float[np.ndarray, "nodes some"],
    targets: Float[np.ndarray, "nodes nodes"],
) -> dict[str, float]:
    """Return the rank of an embedding, and the angle of its leading space with `space`."""
    columns, sizes, _ = np.linalg.svd(table, full_matrices=False)
    rank = int((sizes > FLOOR * sizes[0]).sum())
    angle = np.degrees(subspace_angles(columns[:, : space.shape[1]], space).max())
    left = node2vec_coefficients(table, targets) @ table
    return {
        "rank": float(rank),
        "predicted": float(space.shape[1]),
        "as_predicted": float(rank == space.shape[1]),
        "tilt": float(angle),
        "unlearned": float(np.linalg.norm(left) / np.linalg.norm(table)),
    }


def criteria(scale: Scale) -> list[Criterion]:
    """Return that the rank is the predicted one on every graph, after as many updates as published.

    On a complete graph the Fiedler value of the walk is below zero: it is the control, where a
    rank that counted it would be wrong.
    """
    rule = [
        at_least(
            0.9, f"{graph}: share of seeds of the predicted rank", mean(graph, "as_predicted_long")
        )
        for graph in (*GRAPHS, *MORE)
        if graph != "complete graph of 5"
    ]
    tilts = [
        at_most(
            15,
            f"{graph}: largest angle with the predicted space (degrees)",
            mean(graph, "tilt_long"),
        )
        for graph in GRAPHS
    ]
    none = at_most(0.1, "complete graph of 5: share of seeds of the predicted rank",
                   mean("complete graph of 5", "as_predicted_long"))  # fmt: skip
    return [*rule, *tilts, control(none)]


def conclude(found: Found) -> Conclusion:
    """Return rank, tilt and what is left, after as many updates as published and after more."""
    columns = {
        "predicted": {graph: mean(graph, "predicted") for graph in found},
        **{
            f"{text}, after {step:,}": {graph: mean(graph, name + suffix) for graph in found}
            for suffix, step in (("", PUBLISHED), ("_long", LONG))
            for name, text in (("rank", "rank"), ("tilt", "tilt (degrees)"),
                               ("unlearned", "norm of C V over that of V"))
        },
    }  # fmt: skip
    ranks = "; ".join(
        f"{graph}, {columns['predicted'][graph].read(found)} predicted, "
        f"{mean(graph, 'rank').read(found)} after {PUBLISHED:,} updates and "
        f"{mean(graph, 'rank_long').read(found)} after {LONG:,}"
        for graph in found
    )
    return Conclusion(
        sentences=(f"Rank: {ranks}.",),
        tables=(number_table("Rank of the embedding", found, columns),),
    )


RANK = Study(
    name="rank",
    title="Rank of the Node2Vec embedding",
    statement="Tied Node2Vec of width 100 ends with as many dimensions as the graph has "
    "components, plus the multiplicity of its Fiedler value; they are tilted somewhat from the "
    "eigenvectors.",
    setting="Tied Node2Vec of width 100 with the full softmax, from N(0, 1), plain full-batch "
    f"descent at rate 0.01 in float64, looked at after {PUBLISHED:,} updates, as published, and "
    f"after {LONG:,}. Rank: singular values of at least {FLOOR:g} of the largest. Eigenvectors are "
    "those of (P - I) + (P - I)^T. Tilt: the largest angle between the space of the leading left "
    "singular vectors, as many as predicted, and that of the eigenvectors. The rule was known of "
    "the four graphs of the paper; a first look at other seeds and graphs put the complete graph "
    "among the controls.",
    limits="A rank at a threshold of a thing that shrinks or grows slowly: where C V is not yet "
    "small, the rank may still change, and on irregular graphs it does. Nothing is proved. Up to "
    "17 nodes.",
    arms=arms,
    criteria=criteria,
    panels=(
        Panel(
            "rank",
            {graph: (graph, "rank") for graph in (*GRAPHS, "grid 3x5", "path of 9")},
            logarithmic=True,
        ),
    ),
    conclude=conclude,
)
