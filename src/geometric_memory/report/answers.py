"""Answers to held-out paths: asked of the last checkpoint, else those logged while training."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from geometric_memory.analysis.path_answers import answer_kinds
from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import CheckpointError, DataError, GeometricMemoryError
from geometric_memory.graphs.graph import Graph
from geometric_memory.limits import whole_number
from geometric_memory.runs.checkpoints import step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.run import Run
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.tasks.text import TextExamples
from geometric_memory.training.evaluation import evaluate_paths
from geometric_memory.training.precision import EXACT, Arithmetic

MOST_PATHS = 512
"""Held-out paths that are asked."""
NO_NODE = -1


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


def read_answers(run: Run, arithmetic: Arithmetic = EXACT) -> Answers | None:
    """Return the answers to at most MOST_PATHS held-out paths, the first of the data set.

    With EXACT arithmetic the same files give the same answers. Where the model cannot be loaded,
    the last table of predictions.jsonl stands in.

    Raises:
        GeometricMemoryError: if neither can be read.
    """
    dataset = run.dataset
    if dataset is None or not len(dataset.test_paths):
        return None
    if run.checkpoints:
        try:
            return _asked(run, dataset, arithmetic)
        except GeometricMemoryError as error:
            run.notes.append(f"The checkpoint could not be asked: {error}")
    return _logged(run.folder, run.config, dataset)


def _asked(run: Run, dataset: Dataset, arithmetic: Arithmetic) -> Answers:
    config = run.config
    task, rows = _task(config, dataset)
    step = step_of(run.checkpoints[-1])
    model = run.network(str(step)).to(arithmetic.device)
    found = evaluate_paths(model, task.test_paths, arithmetic)
    if isinstance(task.test_paths, TextExamples):
        decode = task.vocabulary.decode
        texts = [decode(row) for row in found.generated]
        length = task.test_paths.nodes.shape[1]
        given = np.array([_nodes_of(text, length) for text in texts])
        # Rows of text examples stand in the order of their groups.
        targets = task.test_paths.nodes
        queried = [decode(row) for row in task.test_paths.prompts]
    else:
        given, targets = found.generated, found.targets
        queried = [task.vocabulary.decode(row) for row in task.test_paths.prompts]
    origin = f"asked of the checkpoint of step {step}, {rows} held-out paths"
    return _answers(config, dataset, _Rows(step, origin, queried, given, targets))


def _task(config: RunConfig, dataset: Dataset) -> tuple[Task, int]:
    """Return the task with the held-out paths that are asked, and their number."""
    test = dataset.test_paths[:MOST_PATHS]
    asked = replace(dataset, train_paths=dataset.train_paths[:1], test_paths=test)
    return build_task(asked, config), len(test)


def _logged(folder: RunFolder, config: RunConfig, dataset: Dataset) -> Answers | None:
    """Return the last table of predictions.jsonl."""
    tables = list(read_rows(folder.predictions)) if folder.predictions.exists() else []
    if not tables:
        return None
    table = tables[-1]
    try:
        step, rows = int(table["step"]), table["rows"]
        columns = {key: [str(row[key]) for row in rows] for key in rows[0]}
        targets = [_nodes_of(text, None) for text in columns["target"]]
        given = [_nodes_of(text, len(targets[0])) for text in columns["prediction"]]
        origin = f"logged at step {step}, {len(rows)} held-out paths"
        found = _Rows(step, origin, columns["prefix"], np.array(given), np.array(targets))
        return _answers(config, dataset, found)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.predictions}: its last table is damaged: {error!r}"
        ) from None


@dataclass(frozen=True)
class _Rows:
    """Answers as node ids, in the order in which they are predicted."""

    step: int
    origin: str
    prompts: Sequence[str]
    given: Int[np.ndarray, "rows length"]
    targets: Int[np.ndarray, "rows length"]


def _answers(config: RunConfig, dataset: Dataset, rows: _Rows) -> Answers:
    backwards = config.training.full_path and config.task.reverse_path_targets
    turn = slice(None, None, -1 if backwards else 1)
    paths, answers = rows.targets[:, turn], rows.given[:, turn]
    if not config.training.full_path:
        if dataset.graph.root is None and config.model.tokenizer == "text":
            raise DataError("answers of one node without a root cannot be told apart by kind")
        starts = _starts(dataset, paths)
        paths = np.concatenate([starts, paths], axis=1)
        answers = np.concatenate([starts, answers], axis=1)
    kinds = answer_kinds(
        answers, paths, dataset.facts, dataset.node_count, rooted=dataset.graph.root is not None
    )
    return Answers(
        step=rows.step,
        prompts=list(rows.prompts),
        targets=[_shown(row, dataset.graph) for row in rows.targets],
        given=[_shown(row, dataset.graph) for row in rows.given],
        kinds=kinds,
        asked=len(kinds),
        held_out=len(dataset.test_paths),
        origin=rows.origin,
    )


def _starts(dataset: Dataset, paths: Int[np.ndarray, "rows 1"]) -> Int[np.ndarray, "rows 1"]:
    """Return the start of the held-out paths, in their order, before a single answer."""
    if dataset.graph.root is not None:
        return np.full_like(paths, dataset.graph.root)
    return dataset.test_paths[: len(paths), :1].astype(paths.dtype)


def _nodes_of(text: str, length: int | None) -> list[int]:
    """Return the nodes that a text names; with a length, cut or filled with NO_NODE."""
    pieces = [piece.strip() for piece in re.split(r"[,\s]+", text.strip().strip(",")) if piece]
    nodes = [NO_NODE if (node := whole_number(piece)) is None else node for piece in pieces]
    if length is None:
        return nodes
    if len(nodes) > length:
        return [*nodes[: length - 1], NO_NODE]
    return nodes + [NO_NODE] * (length - len(nodes))


def _shown(nodes: Int[np.ndarray, " length"], graph: Graph) -> str:
    return ", ".join(
        graph.labels[node] if 0 <= node < graph.node_count else "?" for node in nodes.tolist()
    )
