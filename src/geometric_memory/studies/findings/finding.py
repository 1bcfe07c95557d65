"""What a finding is: a question, how it is asked, and what came out, as numbers and one figure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from geometric_memory.studies.findings.pieces import Piece
from geometric_memory.tiny.comparison import estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Answers = Sequence[Mapping[str, Any]]
"""What every piece of work returned, in the order of the pieces."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is trained."""

    path_seeds: tuple[int, ...] = tuple(range(4))
    """Seeds of path-stars trained one by one."""
    tiny_seeds: tuple[int, ...] = tuple(range(8))
    """Seeds of small models trained as one batch."""
    steps: int | None = None
    """Most updates of any training, for tests and first looks."""

    def limited(self, steps: int) -> int:
        """Return `steps`, or fewer if so limited."""
        return steps if self.steps is None else min(steps, self.steps)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a page."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was found: sentences made from the numbers, tables, the numbers, and the figure."""

    answer: tuple[str, ...]
    tables: tuple[Table, ...]
    numbers: Mapping[str, Any]
    """Plain JSON values: what the figure was drawn from."""
    draw: Callable[[], "Figure"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A question that the paper leaves open."""

    name: str
    title: str
    question: str
    method: str
    limits: str
    pieces: Callable[[Effort], tuple[Piece, ...]]
    """The independent pieces of work."""
    conclude: Callable[[tuple[Piece, ...], Answers], Outcome]


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over seeds with the 95 % interval of that mean (Student's t)."""

    value: float
    interval: tuple[float, float]
    values: tuple[float, ...] = field(repr=False)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.3g} [{low:.3g}, {high:.3g}]"

    @property
    def apart_from_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.interval[0] > 0 or self.interval[1] < 0

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values; NaN becomes None."""
        low, high = self.interval
        return {
            "mean": plain(self.value),
            "interval": [plain(low), plain(high)],
            "values": [plain(value) for value in self.values],
        }


def mean_over_seeds(values: Sequence[float] | Float[np.ndarray, " seeds"]) -> Mean:
    """Return the mean of the finite `values` and its interval; one value has no width."""
    array = np.asarray(values, dtype=np.float64)
    found = estimate(array)
    return Mean(value=found.mean, interval=found.mean_interval, values=tuple(array.tolist()))


def mean_known(values: Float[np.ndarray, "rows ..."]) -> Float[np.ndarray, "..."]:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is."""
    counted = np.isfinite(values).sum(axis=0)
    return np.where(counted > 0, np.nansum(values, axis=0) / np.maximum(counted, 1), np.nan)


def plain(value: float) -> float | None:
    """Return a number that JSON can hold: six decimals, None for what is not finite."""
    return round(float(value), 6) if np.isfinite(value) else None
