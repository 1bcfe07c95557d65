"""Answers to held-out paths: asked of the last checkpoint, else those logged while training."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int

from geometric_memory.analysis.path_answers import answer_kinds
from geometric_memory.config import RunConfig
from geometric_memory.datasets.reader import Dataset
from geometric_memory.errors import CheckpointError, DataError, GeometricMemoryError
from geometric_memory.models.build import build_model
from geometric_memory.report.record import Answers, GraphFacts
from geometric_memory.runs.checkpoints import step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.weights import load_model
from geometric_memory.tasks.task import Task, build_task
from geometric_memory.tasks.text import TextExamples
from geometric_memory.training.evaluation import evaluate_paths
from geometric_memory.training.precision import choose_arithmetic

MOST_PATHS = 512
"""Held-out paths that are asked."""
NO_NODE = -1


def read_answers(
    folder: RunFolder,
    config: RunConfig,
    graph: GraphFacts,
    checkpoint: Path | None,
    notes: list[str],
) -> Answers | None:
    """Return the answers to at most MOST_PATHS held-out paths, the first of the data set.

    They are computed on the CPU in float32, so that the same files give the same answers. Where
    the model cannot be loaded, the last table of predictions.jsonl stands in.

    Raises:
        GeometricMemoryError: if neither can be read.
    """
    if not len(graph.test_paths):
        return None
    if checkpoint is not None:
        try:
            return _asked(config, graph, checkpoint)
        except GeometricMemoryError as error:
            notes.append(f"The checkpoint could not be asked: {error}")
    return _logged(folder, config, graph)


def chance_of(graph: GraphFacts) -> float:
    """Return the percent of held-out paths that a guess among the known branches gets right."""
    paths = np.concatenate([graph.train_paths, graph.test_paths])
    return 100 / max((len(np.unique(column)) for column in paths.T), default=100)


def _asked(config: RunConfig, graph: GraphFacts, checkpoint: Path) -> Answers:
    task, rows = _task(config, graph)
    model = build_model(config, vocabulary_size=task.vocabulary.size)
    load_model(model, checkpoint)
    arithmetic = choose_arithmetic(replace(config.training, device="cpu", precision="fp32"))
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
    step = step_of(checkpoint)
    origin = f"asked of the checkpoint of step {step}, {rows} held-out paths"
    return _answers(config, graph, _Rows(step, origin, queried, given, targets))


def _task(config: RunConfig, graph: GraphFacts) -> tuple[Task, int]:
    """Return the task with the held-out paths that are asked, and their number."""
    test = graph.test_paths[:MOST_PATHS]
    dataset = Dataset(
        node_count=graph.node_count,
        edges=graph.edges.astype(np.int64),
        train_paths=graph.train_paths[:1].astype(np.int64),
        test_paths=test.astype(np.int64),
        names=None,
        root=graph.root,
        directed=False,
        graph=config.graph,
        sha256={},
        notes=(),
    )
    return build_task(dataset, config), len(test)


def _logged(folder: RunFolder, config: RunConfig, graph: GraphFacts) -> Answers | None:
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
        return _answers(config, graph, found)
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


def _answers(config: RunConfig, graph: GraphFacts, rows: _Rows) -> Answers:
    backwards = config.training.full_path and config.task.reverse_path_targets
    turn = slice(None, None, -1 if backwards else 1)
    paths, answers = rows.targets[:, turn], rows.given[:, turn]
    if not config.training.full_path:
        if graph.root is None and config.model.tokenizer == "text":
            raise DataError("answers of one node without a root cannot be told apart by kind")
        starts = _starts(graph, paths)
        paths = np.concatenate([starts, paths], axis=1)
        answers = np.concatenate([starts, answers], axis=1)
    kinds = answer_kinds(
        answers, paths, graph.edges, graph.node_count, rooted=graph.root is not None
    )
    return Answers(
        step=rows.step,
        prompts=list(rows.prompts),
        targets=[_shown(row, graph) for row in rows.targets],
        given=[_shown(row, graph) for row in rows.given],
        kinds=kinds,
        asked=len(kinds),
        held_out=len(graph.test_paths),
        origin=rows.origin,
    )


def _starts(graph: GraphFacts, paths: Int[np.ndarray, "rows 1"]) -> Int[np.ndarray, "rows 1"]:
    """Return the start of the held-out paths, in their order, before a single answer."""
    if graph.root is not None:
        return np.full_like(paths, graph.root)
    return graph.test_paths[: len(paths), :1].astype(paths.dtype)


def _nodes_of(text: str, length: int | None) -> list[int]:
    """Return the nodes that a text names; with a length, cut or filled with NO_NODE."""
    pieces = [piece.strip() for piece in re.split(r"[,\s]+", text.strip().strip(",")) if piece]
    nodes = [int(piece) if piece.isdecimal() and len(piece) < 18 else NO_NODE for piece in pieces]
    if length is None:
        return nodes
    if len(nodes) > length:
        return [*nodes[: length - 1], NO_NODE]
    return nodes + [NO_NODE] * (length - len(nodes))


def _shown(nodes: Int[np.ndarray, " length"], graph: GraphFacts) -> str:
    return ", ".join(
        graph.names[node] if 0 <= node < graph.node_count else "?" for node in nodes.tolist()
    )
