"""The claims on path-stars memorized together with paths."""

from geometric_memory.settings import changed
from geometric_memory.studies.claims.claim import (
    Claim,
    Criterion,
    Panel,
    Work,
    at_least,
    at_most,
    control,
    number,
    ratio,
)
from geometric_memory.studies.claims.scales import Scale

HELD_OUT = "held-out paths answered (%)"
NON_TRIVIAL = 10.0
"""Times chance that count as non-trivial, the paper's word where it gives no number."""


def non_trivial(arm: str, name: str, text: str) -> Criterion:
    """Return the criterion that a percentage is many times chance."""
    return at_least(NON_TRIVIAL, f"{text}, in units of chance", ratio((arm, name), (arm, "chance")))


def _unseen(scale: Scale) -> dict[str, Work]:
    return {"transformer": scale.transformer, "mamba": scale.mamba, **scale.path_stars}


UNSEEN_PATHS = Claim(
    name="unseen_paths",
    source="v1 Observation 1a; Figs 4 left, 8 left",
    statement="A Transformer and a Mamba that memorize the edges of a path-star answer paths they "
    "never saw, with accuracy up to 100 %.",
    setting="Edges and 75 % of the paths trained together; the other paths asked for, greedy "
    "decoding, every node right.",
    arms=_unseen,
    criteria=lambda scale: tuple(
        at_least(90, f"{arm}: held-out paths answered (%)", number(arm, "accuracy"))
        for arm in _unseen(scale)
    ),
    panels=(
        Panel(
            label=HELD_OUT,
            lines={
                "Transformer": ("transformer", "accuracy"),
                "Mamba": ("mamba", "accuracy"),
            },
        ),
    ),
)


def _orders(scale: Scale) -> dict[str, Work]:
    return {
        "in-weights": changed(scale.transformer, **scale.long_path),
        "in-context, teacherless": changed(
            scale.in_context, use_teacherless_inputs=True, **scale.teacherless
        ),
    }


TOKEN_ORDER = Claim(
    name="token_order",
    source="v1 Observation 1b; Figs 4 middle, 24",
    statement="In the weights, the nodes of a path are not learned from the leaf to the root; in "
    "context, teacherless, they are.",
    setting="Kendall's tau between a node's place on the path and the step at which it is "
    "right half-way from chance to always, the nodes before it given; root and leaf left out. A "
    "cascade from the leaf is -1.",
    arms=_orders,
    criteria=lambda scale: (
        at_least(-0.5, "in-weights: tau of place and step learned", number("in-weights", "order")),
        at_most(
            -0.5,
            "in-context, teacherless: tau of place and step learned",
            number("in-context, teacherless", "order"),
        ),
        control(
            at_least(
                90, "in-weights: held-out paths answered (%)", number("in-weights", "accuracy")
            )
        ),
    ),
    panels=(
        Panel(
            label="in-weights: node right (%)",
            lines={f"node {i}": ("in-weights", f"token_{i}") for i in (2, 3, 4, 5)},
        ),
        Panel(
            label="in-context, teacherless: node right (%)",
            lines={f"node {i}": ("in-context, teacherless", f"token_{i}") for i in (2, 3)},
        ),
    ),
)

HARDEST_TOKEN = Claim(
    name="hardest_token",
    source="v1 Observation 1c; Figs 4 right, 8 right",
    statement="The hardest token, the node after the root, is learned in isolation: no later token "
    "has to teach it.",
    setting="Edges trained together with paths whose only target is the node after the root.",
    arms=lambda scale: {
        "transformer": changed(scale.transformer, training_recipe="mixed_hardest_token"),
        "mamba": changed(scale.mamba, training_recipe="mixed_hardest_token"),
    },
    criteria=lambda scale: tuple(
        non_trivial(arm, "accuracy", f"{arm}: first nodes of held-out paths right")
        for arm in ("transformer", "mamba")
    ),
    panels=(
        Panel(
            label="first node right (%)",
            lines={"Transformer": ("transformer", "accuracy"), "Mamba": ("mamba", "accuracy")},
        ),
    ),
)


def _contexts(scale: Scale) -> dict[str, Work]:
    return {
        f"{degree}x{scale.in_context.graph.path_length}": changed(
            scale.in_context,
            star_degree=degree,
            context_label_count=max(scale.in_context.task.context_label_count, 4 * degree + 1),
        )
        for degree in scale.in_context_degrees
    }


IN_CONTEXT = Claim(
    name="in_context",
    source="v1 Fig 5, after Bachmann and Nagarajan (2024)",
    statement="The same task fails in context: a model that reads the graph in its prompt guesses "
    "the first node, though one that memorized it does not.",
    setting="A fresh path-star in every prompt, edges shuffled, next-token prediction; chance is "
    "one over the number of arms.",
    arms=lambda scale: {
        **_contexts(scale),
        "in-weights, transformer": scale.transformer,
        "in-weights, mamba": scale.mamba,
    },
    criteria=lambda scale: (
        *(
            at_most(
                1.2,
                f"in-context {arm}: first nodes right, in units of chance",
                ratio((arm, "first_token"), (arm, "chance")),
            )
            for arm in _contexts(scale)
        ),
        *(
            at_least(90, f"{arm}: first nodes right (%)", number(arm, "first_token"))
            for arm in ("in-weights, transformer", "in-weights, mamba")
        ),
        *(
            control(
                at_least(
                    95,
                    f"in-context {arm}: later nodes right, those before given (%)",
                    number(arm, "later_tokens"),
                )
            )
            for arm in _contexts(scale)
        ),
    ),
)

ALIGNMENT = Claim(
    name="alignment",
    source="v1 Observation 2; Figs 6, 9, 16 to 18",
    statement="The embeddings of a leaf and of the first hop of its path, joined by no edge, are "
    "closer than those of different paths; on unseen paths, in both architectures.",
    setting="Chance that the cosine of a leaf with its own first hop is above that with another "
    "held-out path's (AUC, 0.5 is no relation); 0.75 is this project's mark of geometry.",
    arms=lambda scale: {
        "transformer": scale.transformer,
        "mamba": scale.mamba,
        "frozen": changed(scale.transformer, freeze_token_embeddings=True, **scale.frozen),
    },
    criteria=lambda scale: (
        at_least(0.75, "transformer: alignment (AUC)", number("transformer", "alignment")),
        at_least(0.75, "mamba: alignment (AUC)", number("mamba", "alignment")),
        control(at_most(0.6, "frozen embeddings: alignment (AUC)", number("frozen", "alignment"))),
    ),
)

PATH_CLAIMS = (UNSEEN_PATHS, TOKEN_ORDER, HARDEST_TOKEN, IN_CONTEXT, ALIGNMENT)
