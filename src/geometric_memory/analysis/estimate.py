"""Estimates over seeds: a number with its 95 % interval, and whether it keeps a bound.

A mean has Student's interval, a ratio the same on a log scale. A share of trials has the interval
of Clopper and Pearson, for as many trials as the scatter over seeds leaves (Korn and Graubard 1998,
https://doi.org/10.2307/3315762): five seeds of 100 % are not 100 to 100. A seed without a number is
counted as missing, and leaves every decision open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Num

Interval = tuple[float, float]
Outcome = Literal["met", "not met", "undecided"]
Values = Sequence[float | int] | Num[np.ndarray, " seeds"]
LEVEL = 0.95
NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number over seeds; NaN where no seed has it."""

    mean: float
    interval: Interval
    """95 % interval of the mean; both ends are the mean where one seed has the number."""
    values: tuple[float, ...]
    """The number of every seed, NaN where there is none."""

    @property
    def count(self) -> int:
        """Seeds that have the number."""
        return int(np.isfinite(self.values).sum())

    @property
    def missing(self) -> int:
        """Seeds that do not."""
        return len(self.values) - self.count

    @property
    def run_interval(self) -> Interval:
        """95 % interval of one more run, by Student's t: as wide as a new seed scatters."""
        reach = student(self.count) * spread(self.values) * np.sqrt(1 + 1 / max(self.count, 1))
        return self.mean - float(reach), self.mean + float(reach)

    @property
    def apart_from_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.count > 1 and (self.interval[0] > 0 or self.interval[1] < 0)

    @property
    def text(self) -> str:
        """Mean and half the interval, or both ends where they are not equally far."""
        if self.count == 0:
            return "-"
        low, high = self.interval
        shown = number(self.mean)
        if self.count > 1 and np.isclose(high - self.mean, self.mean - low, rtol=1e-6, atol=1e-12):
            shown += f" ± {number((high - low) / 2, 2)}"
        elif self.count > 1:
            shown += f" [{number(low)}, {number(high)}]"
        return shown + f" ({self.count} of {len(self.values)} seeds)" * bool(self.missing)

    def __str__(self) -> str:
        return self.text

    def plain(self) -> dict[str, Any]:
        """Return mean, interval and values as JSON values: six decimals, None for NaN."""
        return {
            "mean": plain(self.mean),
            "interval": list(map(plain, self.interval)),
            "values": list(map(plain, self.values)),
        }


def estimate(values: Values) -> Estimate:
    """Return the mean of the finite `values` with Student's interval."""
    finite = np.asarray(values, dtype=np.float64)
    every = tuple(finite.tolist())
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return Estimate(mean=NAN, interval=(NAN, NAN), values=every)
    mean = float(finite.mean())
    reach = student(len(finite)) * spread(finite) / float(np.sqrt(len(finite)))
    return Estimate(mean=mean, interval=(mean - reach, mean + reach), values=every)


def estimate_ratio(values: Values) -> Estimate:
    """Return the geometric mean of ratios, all above zero, with Student's interval of their logs.

    A ratio of zero or less has no logarithm, and is missing.
    """
    ratios = np.asarray(values, dtype=np.float64)
    known = np.where(ratios > 0, ratios, np.nan)
    found = estimate(np.log(known))
    low, high = np.exp(found.interval)
    return Estimate(
        mean=float(np.exp(found.mean)), interval=(float(low), float(high)),
        values=tuple(known.tolist()),
    )  # fmt: skip


def estimate_power(sizes: Sequence[int], rows: Sequence[Values], *, least: int) -> Estimate:
    """Return the power of `sizes` with which a number goes: the slope of its logarithms, per seed.

    `rows` are sizes by seeds. Sizes at which a seed has no number above zero are left out; a seed
    with fewer than `least` is missing.
    """
    slopes = []
    for own in np.asarray(rows, dtype=np.float64).T:
        known = own > 0
        enough = known.sum() >= least
        logarithms = np.log(np.asarray(sizes)[known]), np.log(own[known])
        slopes.append(float(np.polyfit(*logarithms, 1)[0]) if enough else NAN)
    return estimate(slopes)


def estimate_share(
    values: Values, trials: float | int | Values, whole: float | int | Values = 1.0
) -> Estimate:
    """Return the mean of shares of trials, `whole` being all: 1, 100 %, or 100 % over chance.

    `trials` are those of every seed. Trials of one seed may stand or fall together: the interval is
    of n shares that scatter as these do over seeds, n at most all trials, and fewer as Student's t
    of so few seeds is wider than that of so many trials.
    """
    given = np.asarray(values, dtype=np.float64)
    known = np.isfinite(given)
    every = tuple(given.tolist())
    if not known.any():
        return Estimate(mean=NAN, interval=(NAN, NAN), values=every)
    wholes = np.broadcast_to(np.asarray(whole, dtype=np.float64), given.shape)[known]
    shares = given[known] / wholes
    every_trial = np.broadcast_to(np.asarray(trials, dtype=np.float64), given.shape)[known].sum()
    mean, variance = float(shares.mean()), spread(shares) ** 2 / len(shares)
    effective = float(every_trial)
    if variance > 0:
        effective = min(effective, mean * (1 - mean) / variance)
    if len(shares) > 1:
        effective *= (student(int(every_trial)) / student(len(shares))) ** 2
    low, high = exact_interval(mean * effective, effective)
    size = float(wholes.mean())
    return Estimate(
        mean=float(given[known].mean()), interval=(low * size, high * size), values=every
    )


def exact_interval(hits: float | int, trials: float | int) -> Interval:
    """Return the interval of Clopper and Pearson of a share; hits and trials may be broken."""
    from scipy.stats import beta  # takes longer to import than all the rest

    tail = (1 - LEVEL) / 2
    misses = trials - hits
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, misses + 1))
    high = 1.0 if misses <= 0 else float(beta.ppf(1 - tail, hits + 1, misses))
    return low, high


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What a mean has to keep: at least `lowest` or at most `highest`."""

    lowest: float = -np.inf
    highest: float = np.inf

    def __str__(self) -> str:
        if np.isfinite(self.lowest):
            return f"at least {self.lowest:g}"
        return f"at most {self.highest:g}"


def decide(found: Estimate, bound: Bound) -> Outcome:
    """Return whether the whole interval keeps `bound`, or breaks it.

    Undecided where the interval spans the bound, a seed has no number, or there is but one.
    """
    low, high = found.interval
    if found.missing or found.count < 2:
        return "undecided"
    if low >= bound.lowest and high <= bound.highest:
        return "met"
    return "undecided" if high >= bound.lowest and low <= bound.highest else "not met"


def mean_known(values: Float[np.ndarray, "rows ..."]) -> Float[np.ndarray, "..."]:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is."""
    counted = np.isfinite(values).sum(axis=0)
    return np.where(counted > 0, np.nansum(values, axis=0) / np.maximum(counted, 1), np.nan)


@cache
def student(count: int) -> float:
    """Return the quantile of Student's t for an interval of `count` values; 0 for a single one."""
    from scipy.stats import t  # takes longer to import than all the rest

    return float(t.ppf((1 + LEVEL) / 2, count - 1)) if count > 1 else 0.0


def spread(values: Values) -> float:
    """Return the standard deviation of the finite `values` over seeds; 0 for fewer than two."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    return float(finite.std(ddof=1)) if len(finite) > 1 else 0.0


def number(value: float | int, digits: int = 3) -> str:
    """Return few digits, and a dash for what is not a number."""
    if not np.isfinite(value):
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def one_digit_percent(value: float) -> str:
    """Return a percentage with one digit, and 100.0 only for all."""
    return f"{value if value == 100 else min(value, 99.9):.1f} %"


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: six decimals, None for what is not finite."""
    return round(float(value), 6) if np.isfinite(value) else None
