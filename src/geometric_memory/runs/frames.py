"""Frames: node embeddings along a run, from its history or its checkpoints, read by the piece.

Whole frames are never held together: of a graph with 50,000 nodes and width 384, sixty would take
4.6 GB. One frame is in memory at a time, and of several at most MOST_BYTES of chosen rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from safetensors import safe_open

from geometric_memory.errors import CheckpointError
from geometric_memory.runs.checkpoints import MODEL_FILE, step_of
from geometric_memory.runs.history import history_places, read_value

EMBEDDING = "token_embedding.weight"
HISTORY = "embedding_evolution"
MOST_BYTES = 256 * 2**20
"""Of rows of several frames that are held together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """Node embeddings after some numbers of steps, the last state at the end."""

    steps: Int[np.ndarray, " frames"]
    read: Callable[[int], Float[np.ndarray, "nodes dim"]]
    """Returns the embeddings after a step, from the disk."""
    stored: int
    """Frames that the run has stored; those here are chosen from them."""
    tracked: bool
    """Whether they come from a tracked history rather than from the checkpoints that were kept."""

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Float[np.ndarray, "nodes dim"]]:
        return (self.read(step) for step in self.steps.tolist())

    def nearest(self, step: int) -> int:
        """Return the stored step nearest to `step`; -1 stands for the last."""
        if step == -1:
            return int(self.steps[-1])
        return int(self.steps[np.abs(self.steps - step).argmin()])

    def spread(self, most: int, *, rows: int = 0) -> "Frames":
        """Return at most `most` frames, evenly spaced in log(step + 1), ends included.

        With `rows`, so many rows of all of them fit into MOST_BYTES. Frames of checkpoints are the
        last ones. A frame that is not finite is left out.

        Raises:
            CheckpointError: if none is left, or one does not fit the graph.
        """
        if rows:
            width = self.read(int(self.steps[-1])).shape[1]
            most = max(2, min(most, MOST_BYTES // (4 * rows * width)))
        wanted = chosen_steps(self.steps, most) if self.tracked else self.steps[-most:]
        finite = [step for step in wanted.tolist() if np.isfinite(self.read(step)).all()]
        if not finite:
            raise CheckpointError(f"{HISTORY}: holds no finite embedding")
        return replace(self, steps=np.array(finite))


def read_frames(history: Path, checkpoints: list[Path], node_count: int) -> Frames | None:
    """Return the frames of a run; None where it has stored no embedding.

    Args:
        history: folder of the tracked history, if there is one.
        checkpoints: whole checkpoint folders, earliest first.
        node_count: nodes of the graph.

    Raises:
        CheckpointError: if a file is damaged.
    """
    places = history_places(history)
    tracked = bool(places)
    later = checkpoints[-1:] if tracked else checkpoints
    kept = {step_of(path): path for path in later if not tracked or step_of(path) > max(places)}

    def read(step: int) -> Float[np.ndarray, "nodes dim"]:
        if step in kept:
            return checkpoint_embedding(kept[step], node_count)
        rows = read_value(*places[step])
        if rows.ndim != 2 or len(rows) != node_count or rows.dtype.kind != "f":
            raise CheckpointError(f"{HISTORY}: does not fit the {node_count} nodes of the graph")
        return rows

    steps = np.array(sorted({*places, *kept}), dtype=np.int64)
    if not len(steps):
        return None
    return Frames(
        steps=steps, read=read, stored=len(places) if tracked else len(kept), tracked=tracked
    )


def chosen_steps(stored: Int[np.ndarray, " steps"], most: int) -> Int[np.ndarray, " chosen"]:
    """Return at most `most` of the stored steps, evenly spaced in log(step + 1), ends included."""
    if len(stored) <= most:
        return stored
    grid = np.linspace(np.log1p(stored[0]), np.log1p(stored[-1]), most)
    places = np.searchsorted(stored, np.expm1(grid).round()).clip(max=len(stored) - 1)
    return stored[np.unique(places)]


def checkpoint_embedding(path: Path, node_count: int) -> Float[np.ndarray, "nodes dim"]:
    """Return the embeddings of the nodes in a checkpoint folder.

    Raises:
        CheckpointError: if they are not there.
    """
    try:
        with safe_open(path / MODEL_FILE, "np") as file:
            values = file.get_slice(EMBEDDING)[:node_count].astype(np.float32)
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise CheckpointError(f"{path / MODEL_FILE}: {error}") from None
    if values.ndim != 2 or len(values) != node_count or not np.isfinite(values).all():
        raise CheckpointError(f"{path / MODEL_FILE}: holds no finite embedding for every node")
    return values
