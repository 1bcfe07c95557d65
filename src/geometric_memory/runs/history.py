"""Histories: arrays along the steps of training, streamed to disk in shards, and read by the piece.

    artifacts/NAME/shard-00000000.safetensors    steps [K], values [K, ...]

The name of a shard is its first step. Step s means "after s updates"; the first and the last step
are always there. At most one shard is held in memory when they are written. Read back, node
embeddings along a run are frames, from its history or its checkpoints. They are never held all
together: of a graph with 50,000 nodes and width 384, sixty would take 4.6 GB.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from torch import Tensor

from geometric_memory.config import LoggingSettings
from geometric_memory.errors import CheckpointError, ConfigurationError
from geometric_memory.files.tensors import write_tensors
from geometric_memory.files.whole import naming
from geometric_memory.runs.checkpoints import MODEL_FILE, step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.task import Task
from geometric_memory.training.evaluation import top_predictions
from geometric_memory.training.trainer import Callback, Trainer

SHARD_BYTES = 64 * 2**20
STEPS_PER_FACTOR_OF_TEN = 20
NUMBERS = ("F32", "F64", "I64")
"""Types of values, as safetensors names them."""


class HistoryWriter:
    """Writes values step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with naming(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self._steps: list[int] = []
        self._values: list[Tensor] = []

    def append(self, step: int, value: Tensor) -> None:
        """Add the value after `step` updates."""
        self._steps.append(step)
        self._values.append(value.clone())
        if value.nbytes * len(self._values) >= SHARD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is held as one shard."""
        if self._steps:
            shard = {"steps": torch.tensor(self._steps), "values": torch.stack(self._values)}
            write_tensors(self.folder / f"shard-{self._steps[0]:08d}.safetensors", shard)
            self._steps, self._values = [], []

    def cut(self, last: int) -> None:
        """Drop every shard that begins after step `last`."""
        for file in shards(self.folder):
            if int(file.stem.partition("-")[2]) > last:
                with naming(file):
                    file.unlink()


def shards(folder: Path) -> list[Path]:
    """Return the shards of a history, in order of their steps."""
    return sorted(folder.glob("shard-*.safetensors"))


def history_places(folder: Path) -> dict[int, tuple[Path, int]]:
    """Return shard and place of every stored step, ascending.

    Raises:
        CheckpointError: if a shard is damaged.
    """
    found = {}
    for file in shards(folder):
        steps, _ = _open(file)
        found |= {step: (file, place) for place, step in enumerate(steps)}
    return found


def history_steps(folder: Path) -> Int[np.ndarray, " steps"]:
    """Return the steps stored in a history, ascending."""
    return np.array(list(history_places(folder)), dtype=np.int64)


def read_value(file: Path, place: int) -> np.ndarray:
    """Return one value of a shard; no other is read.

    Raises:
        CheckpointError: if the shard is damaged.
    """
    return _open(file)[1][place]


def read_history(folder: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every stored step and its value, one at a time.

    Raises:
        CheckpointError: if a shard is damaged.
    """
    for file in shards(folder):
        steps, values = _open(file)
        for place, step in enumerate(steps):
            yield step, values[place]


def _open(file: Path) -> tuple[list[int], Any]:
    """Return the steps of a shard, and its values, each of which is read when it is asked for."""
    try:
        shard = safe_open(file, "np")
        steps, values = shard.get_tensor("steps"), shard.get_slice("values")
        kinds, rows = (steps.dtype, values.get_dtype()), values.get_shape()[:1]
    except Exception as error:  # safetensors raises its own type for every kind of damage
        raise CheckpointError(f"{file}: is not a shard of a history: {error}") from None
    if kinds[0] != np.int64 or kinds[1] not in NUMBERS or [*steps.shape] != rows:
        raise CheckpointError(f"{file}: is not a shard of a history: its steps are not its values'")
    if steps.size and (steps[0] < 0 or (np.diff(steps) <= 0).any()):
        raise CheckpointError(f"{file}: is not a shard of a history: its steps do not ascend")
    return steps.tolist(), values


class Tracker(Callback):
    """Stores a value of the model along the steps of stages that memorize edges."""

    def __init__(self, folder: Path, value: Callable[[Trainer], Tensor], *, schedule: str) -> None:
        self._writer = HistoryWriter(folder)
        self._value = value
        self._due = log_spaced if schedule == "log" else lambda step: True
        self._last = -1

    def stage_begins(self, trainer: Trainer) -> None:
        if trainer.stage.memorizes_edges and trainer.position.stage_step == 0:
            self._store(trainer)

    def step_ends(self, trainer: Trainer) -> None:
        if trainer.stage.memorizes_edges and self._due(trainer.position.stage_step):
            self._store(trainer)

    def stage_ends(self, trainer: Trainer) -> None:
        if trainer.stage.memorizes_edges:
            self._store(trainer)
        self._writer.flush()

    def state(self) -> dict[str, Any]:
        self._writer.flush()
        return {"last": self._last}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._last = int(state["last"])

    def drop_later(self) -> None:
        self._writer.cut(self._last)

    def _store(self, trainer: Trainer) -> None:
        step = trainer.position.stage_step
        if step != self._last:
            self._writer.append(step, self._value(trainer))
            self._last = step


def log_spaced(step: int) -> bool:
    """Whether `step` is one of about 20 per factor of ten (all of the first ten)."""
    if step < STEPS_PER_FACTOR_OF_TEN:
        return True
    index = STEPS_PER_FACTOR_OF_TEN * np.log10(step)
    nearby = (int(np.floor(index)), int(np.ceil(index)))
    return any(round(10 ** (i / STEPS_PER_FACTOR_OF_TEN)) == step for i in nearby)


TRACKED_PREDICTIONS = 5


def build_trackers(settings: LoggingSettings, task: Task, folder: RunFolder) -> dict[str, Tracker]:
    """Return the trackers by the name of their history."""
    node_count = task.vocabulary.node_count

    def embeddings(trainer: Trainer) -> torch.Tensor:
        return trainer.model.node_embeddings(node_count)

    def predictions(trainer: Trainer) -> torch.Tensor:
        if not isinstance(task.edge_facts, Examples):
            raise ConfigurationError(["--track_top_k_predictions needs --tokenizer node"])
        sources, best = top_predictions(
            trainer.model, task.edge_facts, TRACKED_PREDICTIONS, trainer.arithmetic
        )
        by_node = np.full((node_count, TRACKED_PREDICTIONS), -1)
        by_node[sources] = best
        return torch.from_numpy(by_node)

    wanted = {
        "embedding_evolution": embeddings if settings.track_embedding_evolution else None,
        "top_k_predictions": predictions if settings.track_top_k_predictions else None,
    }
    return {
        name: Tracker(folder.artifacts / name, value, schedule=settings.tracking_schedule)
        for name, value in wanted.items()
        if value is not None
    }


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
        wanted = choose_steps(self.steps, most) if self.tracked else self.steps[-most:]
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
            return _checkpoint_embedding(kept[step], node_count)
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


def choose_steps(stored: Int[np.ndarray, " steps"], most: int) -> Int[np.ndarray, " chosen"]:
    """Return at most `most` of the stored steps, evenly spaced in log(step + 1), ends included."""
    if len(stored) <= most:
        return stored
    grid = np.linspace(np.log1p(stored[0]), np.log1p(stored[-1]), most)
    places = np.searchsorted(stored, np.expm1(grid).round()).clip(max=len(stored) - 1)
    return stored[np.unique(places)]


def _checkpoint_embedding(path: Path, node_count: int) -> Float[np.ndarray, "nodes dim"]:
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
