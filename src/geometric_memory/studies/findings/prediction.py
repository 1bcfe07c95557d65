"""Does the geometry of the embeddings at one step foretell the accuracy on paths later?"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from geometric_memory.analysis.estimate import estimate
from geometric_memory.studies.findings.finding import (
    Answers,
    Effort,
    Finding,
    Outcome,
    Table,
)
from geometric_memory.studies.findings.path_runs import path_star, watched_run
from geometric_memory.studies.findings.pieces import Piece

SIGNS = {
    "alignment": "alignment of leaves and first hops (AUC)",
    "score": "order of far nodes (geometry score)",
    "rho": "rank correlation of distance with hops, from three hops on",
    "edges_known": "edges known",
    "loss": "training loss",
}
"""What is read at a step; the last two say nothing of geometry."""
RATES = (1e-3, 2e-3, 3e-3)
DECAYS = (0.01, 0.3)
HALF = 50.0
EARLY = 5.0
"""Percent of held-out paths up to which a run has not begun to answer."""
DRAWS = 2000
Series = Sequence[Sequence[float | int]]
"""Steps and values."""


def prediction_pieces(effort: Effort) -> tuple[Piece, ...]:
    """Return one piece per rate, weight decay, self edges or not, and seed."""
    return tuple(
        Piece(
            function=watched_run,
            arguments={
                "settings": path_star(
                    effort,
                    star_degree=250,
                    path_finetuning_learning_rate=rate,
                    optimizer_weight_decay=decay,
                    add_self_edges=self_edges,
                    path_finetuning_epochs=130,
                    path_finetuning_eval_interval_epochs=2,
                ),
                "seed": seed,
            },
        )
        for rate, decay, self_edges in product(RATES, DECAYS, (False, True))
        for seed in effort.path_seeds
    )


def conclude_prediction(pieces: tuple[Piece, ...], answers: Answers) -> Outcome:
    """Return how well each sign orders the runs by when they answer, and how far ahead it rises."""
    curves = [answer["curves"] for answer in answers]
    half = np.array([crossing(c["accuracy"], HALF) for c in curves])
    step = last_early_step(curves)
    ranks = {
        name: bootstrapped(np.array([value_at(c[name], step) for c in curves]), half)
        for name in SIGNS
    }
    lead = leads(curves)
    numbers = {
        "runs": len(curves),
        "reached": int(np.isfinite(half).sum()),
        "step": step,
        "rank_correlations": {name: _plain(*found) for name, found in ranks.items()},
        "lead": lead.plain(),
        "half_steps": [None if not np.isfinite(x) else float(x) for x in half],
    }
    return Outcome(
        answer=_sentences(numbers, ranks, str(lead)),
        tables=(_table(ranks, step),),
        numbers=numbers,
        draw=lambda: _figure(curves, ranks, step),
    )


def crossing(curve: Series, level: float) -> float:
    """Return the first step at which a curve is at `level` or above; infinity if it never is."""
    for step, value in zip(*curve, strict=True):
        if value >= level:
            return float(step)
    return float("inf")


def value_at(curve: Series, step: float) -> float:
    """Return the last value of a curve up to `step`; NaN before its first."""
    steps, values = curve
    place = int(np.searchsorted(steps, step, side="right"))
    return float(values[place - 1]) if place else float("nan")


def last_early_step(curves: Sequence[Mapping[str, Any]]) -> float:
    """Return the last step with an evaluation at which no run has begun to answer."""
    begun = min(crossing(c["accuracy"], EARLY) for c in curves)
    steps = [step for step in curves[0]["accuracy"][0] if step < begun]
    return float(steps[-1]) if steps else 0.0


def bootstrapped(
    sign: Float[np.ndarray, " runs"], half: Float[np.ndarray, " runs"]
) -> tuple[float, tuple[float, float]]:
    """Return Spearman's correlation of a sign with being early, and its 95 % bootstrap interval.

    Being early is the negative of the step of half accuracy; runs that never got there come last.
    """
    early = -np.where(np.isfinite(half), half, 1e12)

    def correlation(chosen: Any) -> float:
        one, two = sign[chosen], early[chosen]
        if len(np.unique(one)) < 2 or len(np.unique(two)) < 2:
            return 0.0
        return float(np.corrcoef(rankdata(one), rankdata(two))[0, 1])

    rng = np.random.default_rng(0)
    draws = [correlation(rng.integers(len(sign), size=len(sign))) for _ in range(DRAWS)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return correlation(slice(None)), (float(low), float(high))


def leads(curves: Sequence[Mapping[str, Any]]) -> Any:
    """Return by what factor of steps alignment of 0.75 comes before half accuracy, per run."""
    found = []
    for own in curves:
        aligned, answered = crossing(own["alignment"], 0.75), crossing(own["accuracy"], HALF)
        if np.isfinite(aligned) and np.isfinite(answered) and aligned > 0:
            found.append(answered / aligned)
    return estimate(found or [float("nan")])


def _sentences(
    numbers: Mapping[str, Any], ranks: Mapping[str, tuple[float, tuple[float, float]]], lead: str
) -> tuple[str, ...]:
    best = max(ranks, key=lambda name: abs(ranks[name][0]))
    return (
        f"{numbers['reached']} of {numbers['runs']} runs come to answer half of the held-out "
        "paths. "
        f"At step {numbers['step']:.0f}, when none answers {EARLY:.0f} % yet, the sign that orders "
        f"them best by how soon is {SIGNS[best]}: rank correlation {_shown(ranks[best])}.",
        f"Half of the paths are answered at {lead} times the step at which alignment passes 0.75 "
        "(above 1: the map comes first).",
    )


def _table(ranks: Mapping[str, tuple[float, tuple[float, float]]], step: float) -> Table:
    return Table(
        caption=f"Signs at step {step:.0f}, and how soon paths are answered",
        columns=("sign", "rank correlation with being early"),
        rows=[(SIGNS[name], _shown(found)) for name, found in ranks.items()],
    )


def _shown(found: tuple[float, tuple[float, float]]) -> str:
    value, (low, high) = found
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _plain(value: float, interval: tuple[float, float]) -> dict[str, Any]:
    return {"value": round(value, 4), "interval": [round(end, 4) for end in interval]}


def _figure(
    curves: Sequence[Mapping[str, Any]],
    ranks: Mapping[str, tuple[float, tuple[float, float]]],
    step: float,
) -> Any:
    from geometric_memory.figures.findings import signs_and_curves

    return signs_and_curves(
        curves, {SIGNS[name]: found for name, found in ranks.items()}, step=step
    )


PREDICTION = Finding(
    name="prediction",
    title="Geometry now, paths later",
    question="Does a geometric embedding at one step foretell that paths will be answered later, "
    "better than the loss or the number of known edges does?",
    method="Path-stars of 250 arms and 4 nodes, the two-layer Transformer of the demo that starts "
    f"as GPT-2 does, at rates {', '.join(f'{r:g}' for r in RATES)}, weight decay "
    f"{' and '.join(f'{d:g}' for d in DECAYS)}, with and without self edges. Embeddings are read "
    "at steps spaced by factors. At the last evaluation at which no run answers "
    f"{EARLY:.0f} % of the held-out paths, each sign is held against how soon a run comes to "
    "answer half of them (Spearman over runs; 95 % bootstrap interval over runs).",
    limits="Runs differ in rate, decay and self edges, and a sign may stand for these. Foretelling "
    "is not causing. One graph, one architecture.",
    pieces=prediction_pieces,
    conclude=conclude_prediction,
)
