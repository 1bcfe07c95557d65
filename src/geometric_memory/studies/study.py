"""A study: a claim of the paper, or a question that it leaves open, as data.

It says what is done (arms), what would have to be seen (criteria, if any), all before anything is
trained, and what is reported: sentences, tables, numbers and a picture. A new one is one file.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.estimate import (
    Bound,
    Estimate,
    Outcome,
    estimate,
    estimate_ratio,
    estimate_share,
)
from geometric_memory.config import RunConfig
from geometric_memory.errors import CheckpointError
from geometric_memory.figures.page import Table
from geometric_memory.figures.picture import Picture
from geometric_memory.studies.scales import Scale
from geometric_memory.tiny.sections import Section
from geometric_memory.work.piece import Piece

Verdict = Literal["holds", "holds in part", "undecided", "does not hold here"]
Arm = RunConfig | Section | Sequence[Piece]
"""What is done for every seed: a run as `geomem train` makes it, a section of the tiny-graph
laboratory, or any pieces of work."""
Answers = Sequence[Mapping[str, Any]]
Found = Mapping[str, Answers]
"""What the pieces of every arm returned, by the name of the arm."""


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """One number over seeds, and how its interval is made."""

    kind: Literal["mean", "difference", "ratio", "share"]
    left: tuple[str, str] = ("", "")
    """Arm and number."""
    right: tuple[str, str] | None = None
    """What is taken from the left one, or divides it, seed by seed."""
    whole: float | str = 100.0
    """What all is, of a share; `chance` makes units of that."""
    trials: str = "held_out"
    """The number that says how many trials a share is of."""

    def read(self, found: Found) -> Estimate:
        """Return the number over the seeds of its arm."""
        arm, name = self.left
        left = number(found[arm], name)
        right = None if self.right is None else number(found[self.right[0]], self.right[1])
        if self.kind == "share":
            chance = number(found[arm], "chance") if self.whole == "chance" else None
            trials = number(found[arm], self.trials)
            if chance is not None:
                chance = np.where(chance > 0, chance, np.nan)  # of a damaged answer
                return estimate_share(left / chance, trials, 100 / chance)
            return estimate_share(left, trials, float(self.whole))
        if self.kind == "ratio":
            return estimate_ratio(left if right is None else left / right)
        return estimate(left if right is None else left - right)


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One number and the bound that is asked of its mean."""

    text: str
    """The number in words, with its unit."""
    statistic: Statistic
    bound: Bound
    control: bool = False
    """Whether it only guards the others: keeping it alone says nothing for the claim."""


@dataclass(frozen=True)
class Panel:
    """Curves of a picture: one colour per line of the legend, one thin line per seed."""

    label: str
    """What the vertical axis shows."""
    lines: Mapping[str, tuple[str, str]] | str
    """Arm and curve by line of the legend; one curve alone is that of every arm."""
    logarithmic: bool = False
    """Whether steps are shown on a logarithmic axis."""

    def lines_of(self, arms: Iterable[str]) -> Mapping[str, tuple[str, str]]:
        """Return arm and curve by line of the legend, where a study has these arms."""
        if isinstance(self.lines, str):
            return {arm: (arm, self.lines) for arm in arms}
        return self.lines


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What was found: sentences made from the numbers, tables, plain numbers, and a picture."""

    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON values: what the picture was drawn from."""
    picture: Picture | None = None


@dataclass(frozen=True, kw_only=True)
class Study:
    """One claim or question: what is done for it, and what is made of that."""

    name: str
    statement: str
    """What the paper says, or what is asked."""
    setting: str
    """What is trained here, in some sentences."""
    arms: Callable[[Scale], Mapping[str, Arm]]
    source: str = ""
    """Where the paper says it; empty for a question that it leaves open."""
    title: str = ""
    limits: str = ""
    """What the answer does not say."""
    revised: str = ""
    """What was changed after a first whole run, and why."""
    criteria: Callable[[Scale], Sequence[Criterion]] = lambda scale: ()
    panels: tuple[Panel, ...] = ()
    """Of a picture above the criteria."""
    conclude: Callable[[Found], Conclusion] | None = None
    """Without it, criteria and panels are all that is reported."""

    @property
    def kind(self) -> Literal["claim", "finding"]:
        """A claim is of the paper."""
        return "claim" if self.source else "finding"


def number(answers: Answers, name: str) -> Float[np.ndarray, " seeds"]:
    """Return one number of every seed, NaN where there is none.

    Raises:
        CheckpointError: if an answer that was stored lacks it.
    """
    if any(name not in answer["numbers"] for answer in answers):
        raise CheckpointError(f"an answer that is stored lacks {name}; remove it to do it again")
    values = [value for answer in answers for value in answer["numbers"][name]]
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def number_table(
    caption: str, found: Found, columns: Mapping[str, Mapping[str, Statistic]]
) -> Table:
    """Return a row per arm, with one number of it under each heading that has one."""
    rows = [
        (arm, *(own[arm].read(found).text if arm in own else "" for own in columns.values()))
        for arm in found
    ]
    return Table(caption=caption, headings=("", *columns), rows=rows)


def mean(arm: str, name: str) -> Statistic:
    """Return the statistic that reads one number of one arm."""
    return Statistic(kind="mean", left=(arm, name))


def share(
    arm: str, name: str, whole: float | str = 100.0, *, trials: str = "held_out"
) -> Statistic:
    """Return the statistic of a share of trials, of `whole` for all of them."""
    return Statistic(kind="share", left=(arm, name), whole=whole, trials=trials)


def difference(left: tuple[str, str], right: tuple[str, str]) -> Statistic:
    """Return the statistic that takes one number from another, seed by seed."""
    return Statistic(kind="difference", left=left, right=right)


def ratio(left: tuple[str, str], right: tuple[str, str] | None = None) -> Statistic:
    """Return the statistic that divides one number by another, seed by seed; or reads a ratio."""
    return Statistic(kind="ratio", left=left, right=right)


def at_least(bound: int | float, text: str, statistic: Statistic) -> Criterion:
    """Return a criterion with a lower bound."""
    return Criterion(text=text, statistic=statistic, bound=Bound(lowest=float(bound)))


def at_most(bound: int | float, text: str, statistic: Statistic) -> Criterion:
    """Return a criterion with an upper bound."""
    return Criterion(text=text, statistic=statistic, bound=Bound(highest=float(bound)))


def control(criterion: Criterion) -> Criterion:
    """Return `criterion` as one that only guards the others."""
    return replace(criterion, control=True)


def judge(outcomes: Sequence[Outcome], controls: Sequence[bool]) -> Verdict:
    """Return the verdict on a claim; `controls` marks criteria that only guard the others.

    It holds when every criterion is met, does not hold here when none is, controls set aside, and
    holds in part otherwise; undecided where that depends on criteria that are.
    """
    best: Verdict = _decide_all(["met" if o == "undecided" else o for o in outcomes], controls)
    worst = _decide_all(["not met" if o == "undecided" else o for o in outcomes], controls)
    return best if best == worst else "undecided"


def _decide_all(outcomes: Sequence[str], controls: Sequence[bool]) -> Verdict:
    if all(each == "met" for each in outcomes):
        return "holds"
    own = [each for each, control in zip(outcomes, controls, strict=True) if not control]
    if "met" in own:
        return "holds in part"
    return "does not hold here"
