"""What self edges do to the path-star: over degree, length, width, directions, pauses, staging."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geometric_memory.analysis.estimate import Estimate, estimate, estimate_share
from geometric_memory.figures.findings import draw_paired_dots
from geometric_memory.figures.page import Table
from geometric_memory.settings import changed
from geometric_memory.studies.path_runs import path_pieces
from geometric_memory.studies.scales import Scale, laptop, started
from geometric_memory.studies.study import Answers, Arm, Conclusion, Found, Study, number

STEPS = 600
STAGED = {"training_recipe": "staged_full_path", **laptop().staged}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "500 arms, 4 nodes, width 64": {},
    "125 arms": {"star_degree": 125},
    "1,000 arms": {"star_degree": 1000},
    "3 nodes": {"path_length": 3},
    "6 nodes": {"path_length": 6},
    "width 32": {"embedding_dimension": 32},
    "width 128": {"embedding_dimension": 128},
    "forward edges only": {"add_backward_edges": False},
    "no pause token": {"path_prefix_pause_token_count": 0},
    "positions N(0, 1)": {"model_family": "gpt"},
    "staged": STAGED,
}
"""What differs from the first one, one thing at a time."""
WITH = {"without": False, "with": True}
NUMBERS = ("accuracy", "best_accuracy", "path_step", "edges_known")


def arms(scale: Scale) -> dict[str, Arm]:
    """Return the runs of every variant, with and without self edges."""
    return {
        f"{name}, {side}": path_pieces(
            changed(started("demo_gpt2"), **variant_settings(variant, self_edges=own)), scale
        )
        for name, variant in VARIANTS.items()
        for side, own in WITH.items()
    }


def variant_settings(variant: Mapping[str, Any], *, self_edges: bool) -> dict[str, Any]:
    """Return the settings of a variant: of equal length in steps, unless it is staged."""
    schedule = {"path_finetuning_eval_interval_epochs": 3, "path_finetuning_warmup_steps": 100}
    if "training_recipe" not in variant:
        schedule |= {"path_finetuning_epochs": epochs(variant, self_edges=self_edges)}
    return {"add_self_edges": self_edges, **schedule, **variant}


def epochs(variant: Mapping[str, Any], *, self_edges: bool) -> int:
    """Return the epochs that come to about STEPS updates of 512 examples."""
    arms, length = variant.get("star_degree", 500), variant.get("path_length", 4)
    edges = arms * (length - 1)
    facts = edges * (2 if variant.get("add_backward_edges", True) else 1)
    examples = facts + self_edges * (edges + 1) + int(0.75 * arms)
    return round(STEPS / -(-examples // 512))


def conclude(found: Found) -> Conclusion:
    """Return accuracy with and without self edges, for every variant."""
    rows = []
    for name in VARIANTS:
        sides = {side: _numbers(found[f"{name}, {side}"]) for side in WITH}
        without, own = (np.array(sides[side]["accuracy"].values) for side in WITH)
        gain = estimate(own - without)
        rows.append({"variant": name, **sides, "gain": gain})
    picture = draw_paired_dots(
        {
            row["variant"]: [(row[side]["accuracy"].mean, row[side]["accuracy"].interval)
                             for side in WITH]
            for row in rows
        },
        sides=("without self edges", "with self edges"),
        label="held-out paths answered at the end (%)",
    )  # fmt: skip
    numbers = [
        {"variant": row["variant"], "gain": row["gain"].plain()}
        | {side: {name: each.plain() for name, each in row[side].items()} for side in WITH}
        for row in rows
    ]
    return Conclusion(
        sentences=_sentences(rows), tables=(_table(rows),), numbers={"variants": numbers},
        picture=picture,
    )  # fmt: skip


def _numbers(answers: Answers) -> dict[str, Estimate]:
    trials = number(answers, "held_out")
    return {
        name: estimate_share(number(answers, name), trials, 100.0)
        if name.endswith("accuracy")
        else estimate(number(answers, name))
        for name in NUMBERS
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    headings = (
        "variant", "held-out paths without (%)", "with self edges (%)", "gain (points)",
        "at best, without / with", "steps to 90 %, without / with",
    )  # fmt: skip
    cells = [
        (
            row["variant"],
            *(row[side]["accuracy"].text for side in WITH),
            row["gain"].text,
            *(
                " / ".join(f"{row[side][name].mean:.0f}" for side in WITH)
                for name in ("best_accuracy", "path_step")
            ),
        )
        for row in rows
    ]
    return Table(caption="Held-out paths answered at the end", headings=headings, rows=cells)


def _sentences(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    helped = [row for row in rows if row["gain"].apart_from_zero and row["gain"].mean > 0]
    hurt = [row for row in rows if row["gain"].apart_from_zero and row["gain"].mean < 0]
    rest = [row for row in rows if row not in helped and row not in hurt]
    staged = next(row for row in rows if row["variant"] == "staged")

    def listed(rows: Sequence[Mapping[str, Any]]) -> str:
        return ", ".join(f"{row['variant']} ({row['gain']})" for row in rows) or "nowhere"

    kept = (
        f"{staged[side]['accuracy'].mean:.0f} of {staged[side]['best_accuracy'].mean:.0f} %"
        for side in WITH
    )
    return (
        f"Self edges raise the held-out accuracy at the end (points): {listed(helped)}.",
        f"They lower it: {listed(hurt)}. No difference that the interval shows: {listed(rest)}.",
        f"Staged training keeps, of its best, {' without self edges, '.join(kept)} with them.",
    )


SELF_EDGE_MAP = Study(
    name="self_edges",
    title="Self edges on the path-star",
    statement="Do self edges (facts u=u) help a sequence model to answer unseen paths, and where: "
    "over degree, length, width, without backward edges, without pauses, in staged training?",
    setting="The path-star of the demo with a two-layer Transformer of width 64 that starts as "
    f"GPT-2 does, rate 3e-3, batch 512, about {STEPS} updates, mixed recipe; one thing changed at "
    "a time, each with and without self edges, the same updates and seeds (graph, split and "
    "weights). `staged` has 300 epochs of edges and 300 of paths, on both sides. "
    "`positions N(0, 1)` is the published start of the `gpt` family. Difference per "
    "seed, then a mean with its 95 % interval.",
    limits="One rate and a short schedule, chosen where the first variant is learned; a variant "
    "that fails here may be learned with another. With self edges an epoch has half as many facts "
    "again, so the number of epochs differs where the number of updates is equal. A mean near 100 "
    "on both sides says that the setting is too easy.",
    arms=arms,
    conclude=conclude,
)
