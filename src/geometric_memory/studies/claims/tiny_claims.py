"""The claims on tiny graphs: small models with known settings, sixteen seeds at once."""

from geometric_memory.studies.claims.claim import (
    Claim,
    Panel,
    Work,
    at_least,
    at_most,
    control,
    difference,
    number,
    ratio,
)
from geometric_memory.studies.claims.scales import Scale
from geometric_memory.tiny.sections import GRAPHS, section

KINDS = {"Transformer": "transformer", "linear": "neural_network"}
"""Experiments of the tiny-graph laboratory that have every ablation."""

UNTIED_KINDS = KINDS | {"Node2Vec": "node2vec"}

TWO_SPEEDS = Claim(
    name="two_speeds",
    source="v2 refutation 3c; Figs 7, 8, 22",
    statement="The associative solution is found in about two steps of full-batch training; the "
    "geometric one takes about a hundred.",
    setting="Frozen embeddings at rate 0.1 (as published) and the Transformer at rate 0.01, on the "
    "four tiny graphs: first step at which all edges are recovered; for the Transformer, first "
    "step at which they are and the embedding is a map (by its score, or folded).",
    arms=lambda scale: {
        f"{name}, {graph}": section(experiment, graph)
        for name, experiment in (("frozen", "associative_fast"), ("Transformer", "transformer"))
        for graph in GRAPHS
    },
    criteria=lambda scale: (
        *(
            at_most(
                3, f"frozen, {graph}: first step with all edges",
                number(f"frozen, {graph}", "first_complete"),
            )
            for graph in GRAPHS
        ),
        *(
            at_least(
                20, f"Transformer, {graph}: first step with all edges and a map",
                number(f"Transformer, {graph}", "map_step"),
            )
            for graph in GRAPHS
        ),
    ),
    panels=(
        Panel(
            label="edges recovered (%)",
            lines={
                "frozen, star": ("frozen, star", "recovery"),
                "Transformer, star": ("Transformer, star", "recovery"),
            },
            logarithmic=True,
        ),
        Panel(
            label="order of far nodes (score)",
            lines={
                "frozen, star": ("frozen, star", "score"),
                "Transformer, star": ("Transformer, star", "score"),
            },
            logarithmic=True,
        ),
    ),
)  # fmt: skip

UNTYING = Claim(
    name="untying",
    source="v2 section 4.4; Figs 10, 11, 33, 34",
    statement="Untying the head from the embedding destroys the visible geometry, and folds it "
    "into a zigzag along negative eigenvectors.",
    setting="The Transformer, the linear model and Node2Vec on the tiny graphs, the same settings "
    "tied and untied; AUC at two hops, share on the most negative eigenvector.",
    arms=lambda scale: {
        f"{kind}, {graph}{suffix}": section(experiment + extra, graph)
        for kind, experiment in UNTIED_KINDS.items()
        for graph in GRAPHS
        for suffix, extra in (("", ""), (", untied", "_untied"))
    },
    criteria=lambda scale: (
        *(
            at_least(
                0, f"{kind}, {graph}: AUC tied less untied",
                difference(
                    (f"{kind}, {graph}", "auc_2"),
                    (f"{kind}, {graph}, untied", "auc_2"),
                ),
            )
            for kind in UNTIED_KINDS
            for graph in GRAPHS
        ),
        *(
            at_least(
                0, f"{kind}, {graph}: zigzag untied less tied",
                difference((f"{kind}, {graph}, untied", "zigzag"), (f"{kind}, {graph}", "zigzag")),
            )
            for kind in UNTIED_KINDS
            for graph in GRAPHS
        ),
    ),
    panels=(
        Panel(
            label="share on the most negative eigenvector",
            lines={
                "linear, cycle": ("linear, cycle", "zigzag"),
                "linear, cycle, untied": ("linear, cycle, untied", "zigzag"),
                "Transformer, star": ("Transformer, star", "zigzag"),
                "Transformer, star, untied": ("Transformer, star, untied", "zigzag"),
            },
            logarithmic=True,
        ),
    ),
)  # fmt: skip

SELF_EDGES = Claim(
    name="self_edges",
    source="v3 (announcement and release)",
    statement="Self edges remove the zigzag: the energy of the embeddings along the most negative "
    "eigenvector falls.",
    setting="The Transformer and the linear model of the tiny graphs, the same settings with and "
    "without self edges; share of the squared embedding along the most negative eigenvector.",
    arms=lambda scale: {
        f"{kind}, {graph}{suffix}": section(experiment + extra, graph)
        for kind, experiment in KINDS.items()
        for graph in GRAPHS
        for suffix, extra in (("", ""), (", self edges", "_plus_self_edges"))
    },
    criteria=lambda scale: tuple(
        at_most(
            0.5,
            f"{kind}, {graph}: zigzag with self edges over zigzag without",
            ratio((f"{kind}, {graph}, self edges", "zigzag"), (f"{kind}, {graph}", "zigzag")),
        )
        for kind in KINDS
        for graph in GRAPHS
    ),
    panels=(
        Panel(
            label="share on the most negative eigenvector",
            lines={
                "star": ("Transformer, star", "zigzag"),
                "star, self edges": ("Transformer, star, self edges", "zigzag"),
                "cycle": ("Transformer, cycle", "zigzag"),
                "cycle, self edges": ("Transformer, cycle, self edges", "zigzag"),
            },
            logarithmic=True,
        ),
    ),
)


NODE2VEC = Claim(
    name="node2vec_spectrum",
    source="v1 Observation 4; Fig 7",
    statement="Node2Vec without any constraint on rank converges to the leading eigenvectors of "
    "the graph.",
    setting="One-hop Node2Vec of width 100 on the four tiny graphs, 10,000 steps; share of the "
    "squared embedding along the five leading eigenvectors, the constant one included.",
    arms=lambda scale: {graph: section("node2vec", graph) for graph in GRAPHS},
    criteria=lambda scale: (
        *(
            at_least(0.95, f"{graph}: share on the leading five", number(graph, "leading_share"))
            for graph in GRAPHS
        ),
        *(
            at_least(
                0.75,
                f"{graph}: AUC at two hops",
                number(graph, "auc_2"),
            )
            for graph in GRAPHS
        ),
    ),
    panels=(
        Panel(
            label="share on the five leading eigenvectors",
            lines={graph: (graph, "leading_share") for graph in GRAPHS},
            logarithmic=True,
        ),
    ),
)

NULL_SPACE = Claim(
    name="null_space",
    source="v1 Observations 7, 8; appendix F; Fig 7",
    statement="The leading eigenvectors come to lie in the null space of the coefficients C of the "
    "Node2Vec update, so that training stops there by itself.",
    setting="The same runs; largest norm of C e over the three eigenvectors after the constant "
    "one, as a share of its value at the start.",
    arms=lambda scale: {graph: section("node2vec", graph) for graph in GRAPHS},
    criteria=lambda scale: tuple(
        at_most(
            0.05,
            f"{graph}: norm of C e at the end over that at the start",
            number(graph, "null_ratio"),
        )
        for graph in GRAPHS
    ),
    panels=(
        Panel(
            label="largest norm of C e",
            lines={graph: (graph, "null_norm") for graph in GRAPHS},
            logarithmic=True,
        ),
    ),
)


ARCHITECTURES = {
    "Transformer": "transformer",
    "Transformer, forward edges only": "transformer_forward_only",
    "Mamba": "mamba",
    "linear": "neural_network",
    "Node2Vec": "node2vec",
}


def _tiny(scale: Scale) -> dict[str, Work]:
    return {
        f"{name}, {graph}": section(experiment, graph)
        for name, experiment in ARCHITECTURES.items()
        for graph in GRAPHS
    }


TINY_ARCHITECTURES = Claim(
    name="tiny_architectures",
    source="v1 Observation 5; Figs 12 to 15, 21",
    statement="On tiny graphs every architecture becomes geometric from edges alone, with one edge "
    "direction too, and Node2Vec is the most geometric.",
    setting="Each architecture on the four tiny graphs with its published settings; AUC at two "
    "hops at the end.",
    arms=_tiny,
    criteria=lambda scale: (
        *(
            at_least(0.75, f"{arm}: AUC", number(arm, "auc_2"))
            for arm in _tiny(scale)
        ),
        *(
            control(at_least(99, f"{arm}: edges known (%)", number(arm, "end_recovery")))
            for arm in _tiny(scale)
        ),
        *(
            at_least(
                0, f"Node2Vec less Transformer, {graph}: AUC",
                difference(
                    (f"Node2Vec, {graph}", "auc_2"),
                    (f"Transformer, {graph}", "auc_2"),
                ),
            )
            for graph in GRAPHS
        ),
    ),
    panels=(
        Panel(
            label="order of far nodes, star (score)",
            lines={name: (f"{name}, star", "score") for name in ARCHITECTURES},
            logarithmic=True,
        ),
    ),
)  # fmt: skip

TINY_CLAIMS = (TWO_SPEEDS, UNTYING, SELF_EDGES, TINY_ARCHITECTURES, NODE2VEC, NULL_SPACE)
