"""Measures of an embedding that every run logs at each evaluation, as `geometry/NAME`.

A new one is a module beside this one that holds a `Measure`, and a line of `_MEASURES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pkgutil import resolve_name

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number of an embedding on a graph."""

    name: str
    label: str
    """What curves of it are called."""
    function: Callable[[Float[np.ndarray, "nodes dim"], Int[np.ndarray, "facts 2"]], float]
    """Of the embeddings and the edge facts; quick, since it is called at every evaluation."""

    @property
    def metric(self) -> str:
        """Its name among the metrics of a run."""
        return f"geometry/{self.name}"


_MEASURES = ("cosines:LEVEL", "cosines:NON_EDGES")


COSINES = ("geometry/level", "geometry/non_edges")
"""Metrics of the measures that pictures draw together; any other has a chart of its own."""


@cache
def measures() -> tuple[Measure, ...]:
    """Return every measure, in the order in which they are shown."""
    return tuple(resolve_name(f"geometric_memory.analysis.{place}") for place in _MEASURES)


def list_further() -> list[Measure]:
    """Return the measures that have a chart of their own."""
    return [each for each in measures() if each.metric not in COSINES]


def measure_all(
    embeddings: Float[np.ndarray, "nodes dim"], facts: Int[np.ndarray, "facts 2"]
) -> dict[str, float]:
    """Return every measure of `embeddings` by its name among the metrics of a run."""
    return {each.metric: each.function(embeddings, facts) for each in measures()}
