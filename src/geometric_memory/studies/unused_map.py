"""A map that is not used: the embeddings lead to the goal, and the model answers wrong."""

from geometric_memory.settings import changed
from geometric_memory.studies.path_claims import HELD_OUT
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.self_edges import path_star, path_table
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
    difference,
    mean,
    share,
)

LONG, SHORT, FROZEN = "6 nodes", "4 nodes", "6 nodes, frozen embeddings"
DECODED = "decoded from the embeddings (%)"


def arms(scale: Scale) -> dict[str, Arm]:
    """Return path-stars of three lengths, and one whose embeddings are no map."""
    frozen = {"model_family": "gpt", "freeze_token_embeddings": True, "path_finetuning_epochs": 20}
    lengths: dict[str, Arm] = {f"{length} nodes": path_star(length) for length in (4, 5, 6)}
    return lengths | {FROZEN: changed(path_star(6), **frozen)}


def criteria(scale: Scale) -> list[Criterion]:
    """Return that the map is there, that it would do, and that the model does without."""
    return [
        at_least(0.99, f"{LONG}: alignment (AUC)", mean(LONG, "alignment")),
        at_least(90, f"{LONG}: {DECODED}", share(LONG, "retrieval")),
        at_least(95, f"{LONG}: training paths answered (%)", share(LONG, "fitted_paths")),
        at_least(20, f"{LONG}: decoded less answered by the model (points)",
                 difference((LONG, "retrieval"), (LONG, "accuracy"))),
        control(at_least(90, f"{SHORT}: {HELD_OUT}", share(SHORT, "accuracy"))),
        control(at_most(5, f"{FROZEN}: {DECODED}", share(FROZEN, "retrieval"))),
    ]  # fmt: skip


def conclude(found: Found) -> Conclusion:
    """Return decoding and answers at every length."""
    sentences = [
        f"{arm}: greedy decoding in the embedding finds {share(arm, 'retrieval').read(found)} % of "
        f"the held-out paths, the model {share(arm, 'accuracy').read(found)} % (at best "
        f"{share(arm, 'best_accuracy').read(found)} %), and "
        f"{share(arm, 'fitted_paths').read(found)} % of its training paths."
        for arm in found
        if arm != FROZEN
    ]
    return Conclusion(sentences=tuple(sentences), tables=(path_table(found),))


UNUSED_MAP = Study(
    name="unused_map",
    title="Geometry without use",
    statement="A Transformer can hold a map that leads to every goal, answer every path it was "
    "trained on, and yet fail on most unseen ones: geometry in the embedding does not say that it "
    "is used.",
    setting="Path-stars of 500 arms of four, five and six nodes, without self edges, trained as "
    "in `self_edges` (the runs of five and six nodes are the same). Greedy decoding goes from the "
    "root along edges, each time to the neighbour whose embedding has the largest cosine with the "
    "leaf's, never back: on a path-star only the first of these steps has a choice, among all 500 "
    "arms, so that it finds just the paths whose first hop is nearest to their leaf. Frozen "
    "embeddings, trained for 20 epochs, are the control: there the same decoding has nothing to go "
    "by.",
    limits="Greedy decoding is told which nodes the edges join; the model knows them too "
    "(edges known), but has to look for them. One model of two layers: a "
    "deeper one may use the map. Length and number of facts grow together.",
    arms=arms,
    criteria=criteria,
    panels=(
        Panel(HELD_OUT, {arm: (arm, "accuracy") for arm in (SHORT, LONG)}),
        Panel("alignment (AUC)", {arm: (arm, "alignment") for arm in (SHORT, LONG, FROZEN)}),
    ),
    conclude=conclude,
)
