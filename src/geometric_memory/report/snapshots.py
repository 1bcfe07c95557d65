"""A bounded number of embeddings along a run, from its history or its checkpoints."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from safetensors import safe_open

from geometric_memory.errors import CheckpointError
from geometric_memory.report.record import Snapshots
from geometric_memory.runs.checkpoints import MODEL_FILE, CheckpointStore, is_valid, step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import history_steps, read_history

EMBEDDING = "token_embedding.weight"
HISTORY = "embedding_evolution"
MOST_BYTES = 256 * 2**20
"""Of all embeddings held at once."""


def read_snapshots(
    folder: RunFolder, node_count: int, frames: int, notes: list[str]
) -> Snapshots | None:
    """Return at most `frames` embeddings along a run, its last state among them; None without any.

    Raises:
        CheckpointError: if a file is damaged.
    """
    whole = [path for path in CheckpointStore(folder.checkpoints).all() if is_valid(path)]
    stored = history_steps(folder.artifacts / HISTORY)
    if len(stored):
        return _tracked(folder, stored, whole[-1:], node_count, frames)
    if not whole:
        return None
    notes.append(
        "The run did not track its embeddings (--track_embedding_evolution): the steps shown are "
        "those of the checkpoints it kept."
    )
    steps = np.array([step_of(path) for path in whole])
    chosen = whole[-frames:]
    return Snapshots(
        steps=steps[-frames:],
        embeddings=np.stack([checkpoint_embedding(path, node_count) for path in chosen]),
        stored=len(whole),
        tracked=False,
    )


def _tracked(
    folder: RunFolder,
    stored: Int[np.ndarray, " steps"],
    last: Sequence[Path],
    node_count: int,
    frames: int,
) -> Snapshots:
    wanted = chosen_steps(stored, frames)
    found = dict(read_history(folder.artifacts / HISTORY, frozenset(wanted.tolist())))
    for path in last:
        if step_of(path) > stored[-1]:
            found[step_of(path)] = checkpoint_embedding(path, node_count)
    steps = [step for step in sorted(found) if np.isfinite(found[step]).all()]
    if not steps:
        raise CheckpointError(f"{HISTORY}: holds no finite embedding")
    values = [found[step] for step in steps]
    if any(value.shape != (node_count, values[0].shape[1]) for value in values):
        raise CheckpointError(f"{HISTORY}: does not fit the {node_count} nodes of the graph")
    return Snapshots(
        steps=np.array(steps), embeddings=np.stack(values), stored=len(stored), tracked=True
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
    if len(values) != node_count or not np.isfinite(values).all():
        raise CheckpointError(f"{path / MODEL_FILE}: holds no finite embedding for every node")
    return values


def frame_budget(node_count: int, width: int, most: int) -> int:
    """Return how many embeddings fit into the memory meant for them: at least 2."""
    return max(2, min(most, MOST_BYTES // max(4 * node_count * width, 1)))
