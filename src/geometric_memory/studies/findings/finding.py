"""What a finding is: a question, how it is asked, and what came out, as numbers and one figure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geometric_memory.studies.findings.pieces import Piece

if TYPE_CHECKING:
    from geometric_memory.figures.picture import Picture

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
    draw: Callable[[], "Picture"]


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
