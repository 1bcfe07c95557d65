"""What self edges do to the path-star: over degree, length, width, directions, pauses, staging."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geometric_memory.analysis.estimate import Estimate, estimate
from geometric_memory.studies.findings.finding import (
    Answers,
    Effort,
    Finding,
    Outcome,
    Table,
)
from geometric_memory.studies.findings.path_runs import path_run, path_star
from geometric_memory.studies.findings.pieces import Piece

STEPS = 600
STAGED = {
    "training_recipe": "staged_full_path",
    "edge_memorization_batch_size": 1024,
    "edge_memorization_epochs": 300,
    "edge_memorization_warmup_steps": 50,
    "edge_memorization_learning_rate": 3e-3,
    "path_finetuning_learning_rate": 1e-3,
    "path_finetuning_warmup_steps": 10,
    "path_finetuning_epochs": 300,
    "path_finetuning_eval_interval_epochs": 2,
}
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


def self_edge_pieces(effort: Effort) -> tuple[Piece, ...]:
    """Return one piece per variant, with and without self edges, and seed."""
    return tuple(
        Piece(
            function=path_run,
            arguments={"settings": _settings(effort, variant, own), "seed": seed},
        )
        for variant in VARIANTS.values()
        for own in WITH.values()
        for seed in effort.path_seeds
    )


def _settings(effort: Effort, variant: Mapping[str, Any], self_edges: bool) -> dict[str, Any]:
    """Return the settings of a variant: of equal length in steps, unless it is staged."""
    schedule = {"path_finetuning_eval_interval_epochs": 3, "path_finetuning_warmup_steps": 100}
    if "training_recipe" not in variant:
        schedule |= {"path_finetuning_epochs": _epochs(variant, self_edges=self_edges)}
    return path_star(effort, add_self_edges=self_edges, **{**schedule, **variant})


def _epochs(variant: Mapping[str, Any], *, self_edges: bool) -> int:
    """Return the epochs that come to about STEPS updates of 512 examples."""
    arms, length = variant.get("star_degree", 500), variant.get("path_length", 4)
    edges = arms * (length - 1)
    facts = edges * (2 if variant.get("add_backward_edges", True) else 1)
    examples = facts + self_edges * (edges + 1) + int(0.75 * arms)
    return round(STEPS / -(-examples // 512))


def conclude_self_edges(pieces: tuple[Piece, ...], answers: Answers) -> Outcome:
    """Return accuracy with and without self edges, for every variant."""
    seeds = len(answers) // (2 * len(VARIANTS))
    numbers = []
    for place, name in enumerate(VARIANTS):
        start = 2 * place * seeds
        groups = [answers[start : start + seeds], answers[start + seeds : start + 2 * seeds]]
        without, own = (_numbers(group) for group in groups)
        difference = estimate(np.subtract(own["accuracy"].values, without["accuracy"].values))
        numbers.append({"variant": name, "without": without, "with": own, "gain": difference})
    return Outcome(
        answer=_sentences(numbers),
        tables=(_table(numbers),),
        numbers={"variants": [_plain(row) for row in numbers]},
        draw=lambda: _figure(numbers),
    )


def _numbers(answers: Answers) -> dict[str, Estimate]:
    def of(name: str) -> Estimate:
        found = [answer["numbers"].get(name) for answer in answers]
        return estimate([np.nan if value is None else value for value in found])

    return {name: of(name) for name in ("accuracy", "best_accuracy", "path_step", "edges_known")}


def _table(numbers: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            row["variant"],
            str(row["without"]["accuracy"]),
            str(row["with"]["accuracy"]),
            str(row["gain"]),
            *(
                " / ".join(f"{row[side][name].mean:.0f}" for side in WITH)
                for name in ("best_accuracy", "path_step")
            ),
        )
        for row in numbers
    ]
    columns = (
        "variant",
        "held-out paths without (%)",
        "with self edges (%)",
        "gain (points)",
        "at best, without / with",
        "steps to 90 %, without / with",
    )
    return Table(caption="Held-out paths answered at the end", columns=columns, rows=rows)


def _sentences(numbers: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    helped = [row for row in numbers if row["gain"].interval[0] > 0]
    hurt = [row for row in numbers if row["gain"].interval[1] < 0]
    rest = [row for row in numbers if row not in helped and row not in hurt]
    staged = next(row for row in numbers if row["variant"] == "staged")

    def told(rows: Sequence[Mapping[str, Any]]) -> str:
        return ", ".join(f"{row['variant']} ({row['gain']})" for row in rows) or "nowhere"

    return (
        f"Self edges raise the held-out accuracy at the end (points): {told(helped)}.",
        f"They lower it: {told(hurt)}. No difference that the interval shows: {told(rest)}.",
        "Staged training keeps, of its best, without self edges "
        f"{staged['without']['accuracy'].mean:.0f} of "
        f"{staged['without']['best_accuracy'].mean:.0f} %, with them "
        f"{staged['with']['accuracy'].mean:.0f} of {staged['with']['best_accuracy'].mean:.0f} %.",
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "variant": row["variant"],
        "gain": row["gain"].plain(),
        **{side: {name: m.plain() for name, m in row[side].items()} for side in WITH},
    }


def _figure(numbers: Sequence[Mapping[str, Any]]) -> Any:
    from geometric_memory.figures.findings import paired_dots

    return paired_dots(
        {
            row["variant"]: [
                (row[side]["accuracy"].mean, row[side]["accuracy"].interval) for side in WITH
            ]
            for row in numbers
        },
        sides=("without self edges", "with self edges"),
        label="held-out paths answered at the end (%)",
    )


SELF_EDGE_MAP = Finding(
    name="self_edges",
    title="Self edges on the path-star",
    question="Do self edges (facts u=u) help a sequence model to answer unseen paths, and where: "
    "over degree, length, width, without backward edges, without pauses, in staged training?",
    method="The path-star of the demo with a two-layer Transformer of width 64 that starts as "
    f"GPT-2 does, rate 3e-3, batch 512, about {STEPS} updates, mixed recipe; one thing changed at "
    "a time, each with and without self edges, the same updates and seeds (graph, split and "
    "weights). `staged` has 300 epochs of edges and 300 of paths, on both sides. "
    "`positions N(0, 1)` is the published start of the `gpt` family. Difference per "
    "seed, then a mean with its 95 % interval.",
    limits="One rate and a short schedule, chosen where the first variant is learned; a variant "
    "that fails here may be learned with another. With self edges an epoch has half as many facts "
    "again, so the number of epochs differs where the number of updates is equal. A mean near 100 "
    "on both sides says that the setting is too easy to tell.",
    pieces=self_edge_pieces,
    conclude=conclude_self_edges,
)
