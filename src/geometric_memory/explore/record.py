"""What the page shows of a training or of a run folder: frames of the embedding, and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.figures.colors import NodeColors
from geometric_memory.runs.metrics import Series

FRAMES = 120


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """A training up to now, or a run that lies on the disk."""

    key: str
    """Changes when frames that were there before do."""
    title: str
    settings: Mapping[str, object]
    """What was asked, by label."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """The values of the form that ask for it again, by name; a run folder has none."""
    names: Sequence[str]
    edges: Int[np.ndarray, "edges 2"]
    root: int | None
    colors: NodeColors
    steps: Int[np.ndarray, " frames"]
    """Updates before each frame."""
    coordinates: Float[np.ndarray, "frames nodes 3"]
    """Principal coordinates, each frame turned onto its neighbour."""
    curves: Mapping[str, Series]
    status: str
    last_step: int
    """Updates done."""
    wanted_steps: int
    floor: float | None = None
    """Least loss that any model can have: the entropy of the facts, in nats."""
    running: bool = False
    verdict: str = ""
    notes: Sequence[str] = field(default=())

    def frame(self, step: int) -> int:
        """Return the place of the last frame at or before `step`, or of the first."""
        return max(int(np.searchsorted(self.steps, step, side="right")) - 1, 0)


def frame_steps(steps: int) -> frozenset[int]:
    """Return the steps that are kept of a training: half evenly, half by factors."""
    half = FRAMES // 2
    factors = np.geomspace(1, max(steps, 2), half).round().astype(int)
    evenly = np.linspace(0, steps, half).round().astype(int)
    return frozenset({0, *evenly.tolist(), *(step for step in factors.tolist() if step <= steps)})
