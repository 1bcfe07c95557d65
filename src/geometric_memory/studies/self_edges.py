"""What self edges do to longer paths: the copy of the leaf and the node after the root, apart."""

from geometric_memory.config import RunConfig
from geometric_memory.figures.page import Table
from geometric_memory.settings import changed
from geometric_memory.studies.path_claims import HELD_OUT
from geometric_memory.studies.path_runs import TRACKED
from geometric_memory.studies.scales import Scale, started
from geometric_memory.studies.study import (
    Arm,
    Conclusion,
    Criterion,
    Found,
    Panel,
    Statistic,
    Study,
    at_least,
    at_most,
    control,
    difference,
    mean,
    number_table,
    ratio,
    share,
)

ARMS, BATCH, STEPS = 500, 512, 900
LENGTHS = (5, 6)
WITHOUT, UPDATES, EPOCHS = "without", "with, as many updates", "with, as many epochs"
SIDES = (WITHOUT, UPDATES, EPOCHS)
PARTS = {"copied_leaf": "copy of the leaf", "hard_token": "node after the root"}


def path_star(length: int, side: str = WITHOUT) -> RunConfig:
    """Return the settings of one side on paths of `length` nodes, trained for about STEPS updates.

    With self edges an epoch has half as many facts again, so that as many epochs are more updates.
    """
    return changed(
        started("demo_gpt2"), path_length=length, add_self_edges=side != WITHOUT,
        path_finetuning_epochs=round(STEPS / updates(length, self_edges=side == UPDATES)),
        path_finetuning_eval_interval_epochs=4, **TRACKED,
    )  # fmt: skip


def updates(length: int, *, self_edges: bool) -> int:
    """Return the updates of an epoch: facts in both directions, and three paths in four."""
    edges = ARMS * (length - 1)
    return -(-(2 * edges + self_edges * (edges + 1) + 3 * ARMS // 4) // BATCH)


def arms(scale: Scale) -> dict[str, Arm]:
    """Return the runs of every length and side."""
    return {f"{n} nodes, {side}": path_star(n, side) for n in LENGTHS for side in SIDES}


def criteria(scale: Scale) -> list[Criterion]:
    """Return the two opposite effects, and that training paths are fitted, so that both are of use.

    The bounds are wide of a first look at one other seed.
    """

    def change(side: str, name: str) -> tuple[str, Statistic]:
        text = f"6 nodes, {side}: {PARTS[name]}, less without (points)"
        return text, difference((f"6 nodes, {side}", name), (f"6 nodes, {WITHOUT}", name))

    return [
        *(at_least(5, *change(side, "copied_leaf")) for side in (UPDATES, EPOCHS)),
        *(at_most(-20, *change(side, "hard_token")) for side in (UPDATES, EPOCHS)),
        *(
            control(at_least(95, f"{arm}: training paths (%)", share(arm, "fitted_paths")))
            for arm in arms(scale)
        ),
    ]


COLUMNS = {
    HELD_OUT: "accuracy",
    f"{HELD_OUT}, at best": "best_accuracy",
    "node after the root (%)": "hard_token",
    "copy of the leaf (%)": "copied_leaf",
    "first hops nearest to their leaf (%)": "retrieval",
    "training paths (%)": "fitted_paths",
}
"""Shares at the end; parts with the nodes before them given."""


def path_table(found: Found) -> Table:
    """Return shares, alignment and steps of every arm."""
    columns = {
        heading: {arm: share(arm, name) for arm in found} for heading, name in COLUMNS.items()
    }
    columns["edges known (%)"] = {arm: share(arm, "edges_known", trials="facts") for arm in found}
    columns["alignment (AUC)"] = {arm: mean(arm, "alignment") for arm in found}
    columns["steps to 90 % (or the last)"] = {arm: mean(arm, "path_step") for arm in found}
    columns["updates"] = {arm: mean(arm, "steps") for arm in found}
    return number_table("Held-out paths at the end", found, columns)


def conclude(found: Found) -> Conclusion:
    """Return both effects at every length, and what becomes of the whole path."""
    sentences = []
    for length in LENGTHS:
        without = f"{length} nodes, {WITHOUT}"
        for side in SIDES[1:]:
            arm = f"{length} nodes, {side}"
            parts = [
                f"{text} {difference((arm, name), (without, name)).read(found)} points"
                for name, text in {**PARTS, "accuracy": "whole paths"}.items()
            ]
            late = ratio((arm, "path_step"), (without, "path_step")).read(found)
            sentences.append(
                f"{arm}, less without: {', '.join(parts)}; steps to 90 % of the paths, or to the "
                f"end, times {late}."
            )
    return Conclusion(sentences=tuple(sentences), tables=(path_table(found),))


SELF_EDGES = Study(
    name="self_edges",
    title="Self edges on longer paths",
    statement="Self edges (facts u=u) have two opposite effects on unseen paths: the leaf, which "
    "the prompt names, is copied better, and the node after the root, which no edge joins to it, "
    "comes later or never.",
    setting=f"Path-stars of {ARMS} arms of five and six nodes, the two-layer Transformer of "
    f"width 64 that starts as GPT-2 does, rate 3e-3, batch {BATCH}, mixed recipe, about {STEPS} "
    "updates. With self edges an epoch has half as many facts again, so both are tried: as many "
    "updates, and as many epochs. Parts of a path are asked for with the nodes before them given. "
    "Differences are between runs of one seed: graph, split and weights are the same. The settings "
    "were chosen on another seed.",
    limits="One rate, one width, one model. As many updates means fewer passes over the paths, as "
    "many epochs means more updates; only what both show is the doing of self edges. One run of an "
    "earlier look, more than twice as long, had the leaf copied better with self edges.",
    arms=arms,
    criteria=criteria,
    panels=tuple(
        Panel(
            f"6 nodes: {text} (%)", {side: (f"6 nodes, {side}", f"token_{place}") for side in SIDES}
        )
        for text, place in (("copy of the leaf", 6), ("node after the root", 2))
    ),
    conclude=conclude,
)
