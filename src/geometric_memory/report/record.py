"""What a report knows of a run, wherever it was stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.datasets.dataset import Dataset


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """One metric along training."""

    steps: Float[np.ndarray, " points"]
    values: Float[np.ndarray, " points"]
    """NaN where the run logged a number that was not finite."""

    @property
    def last(self) -> float:
        """The last value."""
        return float(self.values[-1])

    def at(self, step: float) -> float:
        """Return the last value at or before `step`; NaN before the first."""
        place = int(np.searchsorted(self.steps, step, side="right"))
        return float(self.values[place - 1]) if place else float("nan")


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshots:
    """Node embeddings after some numbers of steps, the last state at the end."""

    steps: Int[np.ndarray, " frames"]
    embeddings: Float[np.ndarray, "frames nodes dim"]
    stored: int
    """Snapshots that the run has stored; those here are chosen from them."""
    tracked: bool
    """Whether they come from a tracked history rather than from the checkpoints that were kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Answers to held-out paths, from the start to the node asked for."""

    step: int
    prompts: Sequence[str]
    targets: Sequence[str]
    given: Sequence[str]
    kinds: Int[np.ndarray, " rows"]
    """Places in `analysis.path_answers.KINDS`."""
    asked: int
    """Held-out paths that were asked."""
    held_out: int
    origin: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """One run, or one seed of a stored section of the tiny graphs."""

    name: str
    command: str
    """The command that made it."""
    status: str
    remark: str
    """What to say about the status; empty when the run has finished."""
    seed: int
    settings: Mapping[str, Any]
    """Every setting by name."""
    defaults: Mapping[str, Any]
    settings_help: Mapping[str, str]
    series: Mapping[str, Series]
    numbers: Mapping[str, Any]
    """What the run has said about itself at its end, by name."""
    dataset: Dataset | None
    snapshots: Snapshots | None
    answers: Answers | None
    provenance: Mapping[str, Mapping[str, str]]
    """Rows by heading."""
    notes: Sequence[str]
    """What is missing and why, as sentences."""
    chance: float = float("nan")
    """Percent of held-out paths that a guess among the first hops gets right."""

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Settings that differ from their default: value and default."""
        return {
            name: (value, self.defaults.get(name))
            for name, value in self.settings.items()
            if name not in self.defaults or value != self.defaults[name]
        }

    @property
    def last_step(self) -> int:
        """The last step that anything is known of."""
        ends = [series.steps[-1] for series in self.series.values() if len(series.steps)]
        return int(max(ends, default=0))

    def held_out(self) -> Bool[np.ndarray, " paths"]:
        """Return which of the graph's paths, train before test, were held out."""
        if self.dataset is None:
            return np.zeros(0, dtype=bool)
        counts = (len(self.dataset.train_paths), len(self.dataset.test_paths))
        return np.repeat([False, True], counts)
