"""What a claim is: data, decided before anything is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from geometric_memory.config import RunConfig
from geometric_memory.studies.claims.evidence import Evidence
from geometric_memory.studies.claims.scales import Scale
from geometric_memory.studies.claims.verdicts import Bound
from geometric_memory.tiny.sections import Section

Work = RunConfig | Section
"""What is trained: a run as `geomem train` makes it, or a section of the tiny-graph laboratory."""
Found = Mapping[str, Evidence]
"""What every arm of a claim left, by the name of the arm."""


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One number and the bound that the claim asks of its mean."""

    text: str
    """The number in words, with its unit."""
    value: Callable[[Found], Float[np.ndarray, " seeds"]]
    bound: Bound
    control: bool = False
    """Whether it only guards the others: keeping it alone says nothing for the claim."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves of a figure: one colour per line of the legend, one thin line per seed."""

    label: str
    """What the vertical axis shows."""
    lines: Mapping[str, tuple[str, str]]
    """Arm and curve by line of the legend."""
    logarithmic: bool = False
    """Whether steps are shown on a logarithmic axis."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An observation of the paper, how it is tried, and what would have to be seen."""

    name: str
    source: str
    """Where the paper says it."""
    statement: str
    setting: str
    """What is trained here, in a sentence or two."""
    arms: Callable[[Scale], Mapping[str, Work]]
    criteria: Callable[[Scale], tuple[Criterion, ...]]
    panels: tuple[Panel, ...] = ()


def number(arm: str, name: str) -> Callable[[Found], Float[np.ndarray, " seeds"]]:
    """Return the measure that reads one number of one arm."""
    return lambda found: found[arm].number(name)


def difference(
    left: tuple[str, str], right: tuple[str, str]
) -> Callable[[Found], Float[np.ndarray, " seeds"]]:
    """Return the measure that takes one number from another, seed by seed."""
    return lambda found: number(*left)(found) - number(*right)(found)


def ratio(
    left: tuple[str, str], right: tuple[str, str]
) -> Callable[[Found], Float[np.ndarray, " seeds"]]:
    """Return the measure that divides one number by another, seed by seed."""
    return lambda found: number(*left)(found) / number(*right)(found)


def at_least(
    bound: int | float, text: str, value: Callable[[Found], Float[np.ndarray, " seeds"]]
) -> Criterion:
    """Return a criterion with a lower bound."""
    return Criterion(text=text, value=value, bound=Bound(lowest=float(bound)))


def at_most(
    bound: int | float, text: str, value: Callable[[Found], Float[np.ndarray, " seeds"]]
) -> Criterion:
    """Return a criterion with an upper bound."""
    return Criterion(text=text, value=value, bound=Bound(highest=float(bound)))


def control(criterion: Criterion) -> Criterion:
    """Return `criterion` as one that only guards the others."""
    return replace(criterion, control=True)
