"""The claims on what makes path-stars geometric, and on what helps or hurts."""

from geometric_memory.settings import changed
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
from geometric_memory.studies.claims.path_claims import HELD_OUT, NON_TRIVIAL, non_trivial
from geometric_memory.studies.claims.scales import AS_OFTEN_AS_SAID, Scale
from geometric_memory.tiny.sections import GRAPHS, section

FROZEN = Claim(
    name="frozen_embeddings",
    source="v1 Observation 3a and appendix E.1",
    statement="A model whose embeddings are frozen at random fits all facts, so associative memory "
    "is possible; but it does not find unseen paths.",
    setting="The Transformer of the other claims with frozen embeddings, trained until it knows "
    "the facts; and the linear model with frozen embeddings on the four tiny graphs.",
    arms=lambda scale: {
        "frozen": changed(scale.transformer, freeze_token_embeddings=True, **scale.frozen),
        "trained": scale.transformer,
        **{f"frozen linear, {graph}": section("associative", graph) for graph in GRAPHS},
    },
    criteria=lambda scale: (
        *(
            at_least(
                99,
                f"frozen linear, {graph}: edges known (%)",
                number(f"frozen linear, {graph}", "end_recovery"),
            )
            for graph in GRAPHS
        ),
        at_least(99, "frozen: edges known (%)", number("frozen", "edges_known")),
        at_most(
            NON_TRIVIAL,
            "frozen: held-out paths answered at best, in units of chance",
            ratio(("frozen", "best_accuracy"), ("frozen", "chance")),
        ),
        control(
            at_least(90, "trained: held-out paths answered (%)", number("trained", "accuracy"))
        ),
    ),
    panels=(
        Panel(
            label=HELD_OUT,
            lines={"frozen": ("frozen", "accuracy"), "trained": ("trained", "accuracy")},
        ),
        Panel(
            label="edges known (%)",
            lines={"frozen": ("frozen", "edges_known"), "trained": ("trained", "edges_known")},
        ),
    ),
)


def _staged(scale: Scale, recipe: str) -> Work:
    return changed(scale.transformer, training_recipe=recipe, **scale.staged)


EDGE_ONLY = Claim(
    name="edge_only",
    source="v1 Observation 3b; Figs 1, 6c, 9c, 23",
    statement="Memorizing edges alone already makes the embeddings geometric, and such a model, "
    "trained on the first node of paths afterwards, finds unseen ones at least for a moment.",
    setting="Edges first, nothing else, until they are known; then the first nodes of the paths "
    "alone. Alignment is measured at the end of the edge stage, accuracy at its best.",
    arms=lambda scale: {"staged": _staged(scale, "staged_hardest_token")},
    criteria=lambda scale: (
        at_least(0.75, "after edges alone: alignment (AUC)", number("staged", "edges_alignment")),
        non_trivial("staged", "best_accuracy", "first nodes of held-out paths right, at best"),
    ),
    panels=(Panel(label="first node right (%)", lines={"staged": ("staged", "accuracy")}),),
)

STAGED = Claim(
    name="staged_training",
    source="v1 appendix D.3; Fig 23",
    statement="Staged training (edges, then paths) is unstable: the peak accuracy is reached for a "
    "moment and then collapses.",
    setting="Edges first, then whole paths at a lower rate; accuracy at every epoch of the second "
    "stage. The share kept is the last accuracy over the best.",
    arms=lambda scale: {"staged": _staged(scale, "staged_full_path")},
    criteria=lambda scale: (
        non_trivial("staged", "best_accuracy", "held-out paths answered, at best"),
        at_most(
            0.5, "share of the best accuracy kept to the end", number("staged", "kept_accuracy")
        ),
    ),
    panels=(
        Panel(label=HELD_OUT, lines={"staged": ("staged", "accuracy")}),
        Panel(label="edges known (%)", lines={"staged": ("staged", "edges_known")}),
    ),
)


def _directions(scale: Scale) -> dict[str, Work]:
    directions = {"both": (True, True), "forward": (True, False), "backward": (False, True)}
    return {
        f"{name} edges, {target} path": changed(
            scale.transformer,
            add_forward_edges=forward,
            add_backward_edges=backward,
            reverse_path_targets=target == "reversed",
        )
        for name, (forward, backward) in directions.items()
        for target in ("forward", "reversed")
    }


EDGE_DIRECTIONS = Claim(
    name="edge_directions",
    source="v1 Observation 6; Figs 19, 20",
    statement="With forward edges alone neither the path nor its reverse is found; with backward "
    "edges alone the reverse is, and the path is not; with both, both are.",
    setting="The path from the root to the leaf, or reversed from the leaf to the root, after "
    "edges of one direction or both. The leaf stands in the prompt: answering it is no part of the "
    "path.",
    arms=_directions,
    criteria=lambda scale: (
        *(
            at_most(
                NON_TRIVIAL,
                f"{arm}: held-out paths answered, in units of chance",
                ratio((arm, "without_copies"), (arm, "chance")),
            )
            for arm in (
                "forward edges, forward path",
                "forward edges, reversed path",
                "backward edges, forward path",
            )
        ),
        *(
            non_trivial(arm, "without_copies", f"{arm}: held-out paths answered")
            for arm in (
                "backward edges, reversed path",
                "both edges, forward path",
                "both edges, reversed path",
            )
        ),
    ),
    panels=tuple(
        Panel(
            label=f"{target} paths answered (%)",
            lines={
                f"{edges} edges": (f"{edges} edges, {target} path", "accuracy")
                for edges in ("both", "forward", "backward")
            },
        )
        for target in ("forward", "reversed")
    ),
)


def _pauses(scale: Scale) -> dict[str, Work]:
    return {
        f"{count} pauses": changed(
            scale.transformer, path_prefix_pause_token_count=count, **AS_OFTEN_AS_SAID
        )
        for count in scale.pauses
    }


def _fewest_most(scale: Scale) -> tuple[str, str]:
    return f"{min(scale.pauses)} pauses", f"{max(scale.pauses)} pauses"


PAUSES = Claim(
    name="pause_tokens",
    source="v1 appendix D.2; Fig 22",
    statement="Pause tokens speed up convergence, and more of them are faster.",
    setting="The same training with more or fewer pause tokens after the prompt; steps to 90 % of "
    "the held-out paths (the length of the run if that is never reached).",
    arms=_pauses,
    criteria=lambda scale: (
        at_most(
            -1,
            "steps to 90 %: most pauses less none",
            difference(
                (_fewest_most(scale)[1], "path_step"), (_fewest_most(scale)[0], "path_step")
            ),
        ),
        at_most(
            -1,
            "steps to 90 %: most pauses less one or two",
            difference((_fewest_most(scale)[1], "path_step"), (_second(scale), "path_step")),
        ),
    ),
    panels=(
        Panel(
            label=HELD_OUT, lines={f"{n} pauses": (f"{n} pauses", "accuracy") for n in (0, 2, 6)}
        ),
    ),
)


def _second(scale: Scale) -> str:
    return f"{sorted(scale.pauses)[1]} pauses"


def _trees(scale: Scale) -> dict[str, Work]:
    return {
        "leaves held out": changed(scale.transformer, **scale.tree),
        "subtrees held out": changed(scale.transformer, **scale.tree, split_subtree_holdout=True),
    }


TREE_STAR = Claim(
    name="tree_star",
    source="v1 appendix C.2; Fig 11",
    statement="On a tree-star a Transformer answers unseen paths under both hold-outs, and holding "
    "out whole subtrees at the root is much harder than holding out leaves.",
    setting="A root with subtrees that branch in two; held out are leaves, or all leaves of some "
    "children of the root. Chance is one over the number of leaves.",
    arms=_trees,
    criteria=lambda scale: (
        *(non_trivial(arm, "accuracy", f"{arm}: held-out paths answered") for arm in _trees(scale)),
        at_least(
            10,
            "leaves held out less subtrees held out: paths answered (points)",
            difference(("leaves held out", "accuracy"), ("subtrees held out", "accuracy")),
        ),
    ),
    panels=(
        Panel(
            label=HELD_OUT,
            lines={arm: (arm, "accuracy") for arm in ("leaves held out", "subtrees held out")},
        ),
    ),
)

MEMORY_CLAIMS = (FROZEN, EDGE_ONLY, STAGED, EDGE_DIRECTIONS, PAUSES, TREE_STAR)
