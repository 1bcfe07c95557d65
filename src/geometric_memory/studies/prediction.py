"""Does the geometry of the embeddings at one step foretell the accuracy on paths later?"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

from geometric_memory.analysis.estimate import Estimate, Interval, estimate_ratio, plain
from geometric_memory.figures.findings import signs_and_curves
from geometric_memory.figures.page import Table
from geometric_memory.studies.path_runs import Curve, path_pieces
from geometric_memory.studies.scales import Scale, started
from geometric_memory.studies.study import Arm, Conclusion, Found, Study

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


def arms(scale: Scale) -> dict[str, Arm]:
    """Return the runs of every rate, weight decay, and with self edges or not."""
    return {
        f"rate {rate:g}, decay {decay:g}" + ", self edges" * self_edges: path_pieces(
            started(
                "demo_gpt2",
                star_degree=250,
                path_finetuning_learning_rate=rate,
                optimizer_weight_decay=decay,
                add_self_edges=self_edges,
                path_finetuning_epochs=130,
                path_finetuning_eval_interval_epochs=2,
            ),
            scale,
            watch=True,
        )
        for rate, decay, self_edges in product(RATES, DECAYS, (False, True))
    }


def conclude(found: Found) -> Conclusion:
    """Return how well each sign orders the runs by when they answer, and how far ahead it rises."""
    runs = [answer["curves"] for answers in found.values() for answer in answers]
    curves = [
        {name: np.array(own[name][0], dtype=float).tolist() for name in ("accuracy", *SIGNS)}
        for own in runs
    ]
    half = np.array([crossing(c["accuracy"], HALF) for c in curves])
    step = last_early_step(curves)
    ranks = {
        name: bootstrapped(np.array([value_at(c[name], step) for c in curves]), half)
        for name in SIGNS
    }
    lead = leads(curves)
    best = max(ranks, key=lambda name: abs(ranks[name][0]))
    reached = int(np.isfinite(half).sum())
    rows = [(SIGNS[name], _show(found)) for name, found in ranks.items()]
    return Conclusion(
        sentences=(
            f"{reached} of {len(curves)} runs come to answer half of the held-out paths. "
            f"At step {step:.0f}, when none answers {EARLY:.0f} % yet, the sign that orders "
            f"them best by how soon is {SIGNS[best]}: rank correlation {_show(ranks[best])}.",
            f"Half of the paths are answered at {lead} times the step at which alignment passes "
            "0.75 (above 1: the map comes first).",
        ),
        tables=(
            Table(
                caption=f"Signs at step {step:.0f}, and how soon paths are answered",
                headings=("sign", "rank correlation with being early"), rows=rows,
            ),
        ),
        numbers={
            "runs": len(curves),
            "reached": reached,
            "step": step,
            "rank_correlations": {
                name: {"value": round(value, 4), "interval": [round(end, 4) for end in ends]}
                for name, (value, ends) in ranks.items()
            },
            "lead": lead.plain(),
            "half_steps": list(map(plain, half)),
        },
        picture=signs_and_curves(
            curves, {SIGNS[name]: found for name, found in ranks.items()}, step=step
        ),
    )  # fmt: skip


def crossing(curve: Curve, level: float) -> float:
    """Return the first step at which a curve is at `level` or above; infinity if it never is."""
    for step, value in zip(*curve, strict=True):
        if value >= level:
            return float(step)
    return float("inf")


def value_at(curve: Curve, step: float) -> float:
    """Return the last value of a curve up to `step`; NaN before its first."""
    steps, values = curve
    place = int(np.searchsorted(steps, step, side="right"))
    return float(values[place - 1]) if place else float("nan")


def last_early_step(curves: Sequence[Mapping[str, Curve]]) -> float:
    """Return the last step with an evaluation at which no run has begun to answer."""
    begun = min(crossing(c["accuracy"], EARLY) for c in curves)
    steps = [step for step in curves[0]["accuracy"][0] if step < begun]
    return float(steps[-1]) if steps else 0.0


def bootstrapped(
    sign: Float[np.ndarray, " runs"], half: Float[np.ndarray, " runs"]
) -> tuple[float, Interval]:
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


def leads(curves: Sequence[Mapping[str, Curve]]) -> Estimate:
    """Return by what factor of steps alignment of 0.75 comes before half accuracy, over runs.

    A run that never came to both, or started aligned, has none.
    """
    steps = [(crossing(c["accuracy"], HALF), crossing(c["alignment"], 0.75)) for c in curves]
    return estimate_ratio(
        [half / aligned if np.isfinite(half) and 0 < aligned < np.inf else np.nan
         for half, aligned in steps]
    )  # fmt: skip


def _show(found: tuple[float, Interval]) -> str:
    value, (low, high) = found
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


PREDICTION = Study(
    name="prediction",
    title="Geometry now, paths later",
    statement="Does a geometric embedding at one step foretell that paths will be answered later, "
    "better than the loss or the number of known edges does?",
    setting="Path-stars of 250 arms and 4 nodes, the two-layer Transformer of the demo that starts "
    f"as GPT-2 does, at rates {', '.join(f'{r:g}' for r in RATES)}, weight decay "
    f"{' and '.join(f'{d:g}' for d in DECAYS)}, with and without self edges. Embeddings are read "
    "at steps spaced by factors. At the last evaluation at which no run answers "
    f"{EARLY:.0f} % of the held-out paths, each sign is held against how soon a run comes to "
    "answer half of them (Spearman over runs; 95 % bootstrap interval over runs).",
    limits="Runs differ in rate, decay and self edges, and a sign may stand for these. Foretelling "
    "is not causing. One graph, one architecture.",
    arms=arms,
    conclude=conclude,
)
