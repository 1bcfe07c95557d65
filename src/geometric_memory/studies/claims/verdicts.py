"""From numbers over seeds to a verdict, by rules that know nothing of the claim.

A criterion bounds the mean of one number over seeds. It is *met* when the whole 95 % interval of
the mean (Student's t) keeps the bound, *not met* when the whole interval breaks it, and *open* when
the interval crosses it. A claim *holds* when every criterion is met, *does not hold here* when none
is, controls set aside, and *holds in part* otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.estimate import Estimate, estimate

Outcome = Literal["met", "open", "not met"]
Verdict = Literal["holds", "holds in part", "does not hold here"]


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What a mean has to keep: at least `lowest` or at most `highest`."""

    lowest: float = -np.inf
    highest: float = np.inf

    def __str__(self) -> str:
        if np.isfinite(self.lowest):
            return f"at least {self.lowest:g}"
        return f"at most {self.highest:g}"


def summarized(values: Float[np.ndarray, " seeds"]) -> Estimate:
    """Return mean and 95 % intervals over seeds; a missing value makes all of them missing."""
    if not len(values) or not np.isfinite(values).all():
        values = np.full(1, np.nan)
    return estimate(values)


def outcome(found: Estimate, bound: Bound) -> Outcome:
    """Return whether the interval of the mean keeps `bound`; a missing number does not."""
    low, high = found.interval
    if low >= bound.lowest and high <= bound.highest:
        return "met"
    crosses = high >= bound.lowest and low <= bound.highest
    return "open" if crosses else "not met"


def verdict(outcomes: Sequence[Outcome], controls: Sequence[bool]) -> Verdict:
    """Return the verdict of a claim; `controls` marks criteria that only guard the others."""
    if all(each == "met" for each in outcomes):
        return "holds"
    own = [each for each, control in zip(outcomes, controls, strict=True) if not control]
    return "holds in part" if "met" in own or "open" in own else "does not hold here"
