"""What training leaves for the claims: numbers and curves per seed, as one JSON file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import read_json, write_json

Curves = Mapping[str, Sequence[Any]]
"""Steps and values, one pair of sequences per seed, by name."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Numbers and curves of one arm, seed by seed."""

    seeds: tuple[int, ...]
    numbers: Mapping[str, Sequence[float | None]]
    """One per seed; None where there is none."""
    curves: Curves
    seconds: float
    """Time of one core, measuring included."""

    def number(self, name: str) -> Float[np.ndarray, " seeds"]:
        """Return one number of every seed, NaN where there is none."""
        return np.array([np.nan if x is None else x for x in self.numbers[name]], dtype=np.float64)


def joined(parts: Sequence[Evidence]) -> Evidence:
    """Join evidence of one arm over its seeds."""
    first = parts[0]
    return Evidence(
        seeds=tuple(seed for part in parts for seed in part.seeds),
        numbers={name: [x for part in parts for x in part.numbers[name]] for name in first.numbers},
        curves={name: [c for part in parts for c in part.curves[name]] for name in first.curves},
        seconds=math.fsum(part.seconds for part in parts),
    )


def save_evidence(evidence: Evidence, path: Path) -> None:
    """Write `evidence`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, evidence)


def load_evidence(path: Path) -> Evidence:
    """Read what `save_evidence` wrote.

    Raises:
        CheckpointError: if it cannot be read, or holds something else.
    """
    found: Evidence = read_json(path, Evidence)
    columns = (*found.numbers.values(), *found.curves.values())
    if any(len(column) != len(found.seeds) for column in columns):
        raise CheckpointError(f"{path}: is damaged: not one number per seed")
    return found
