"""Answers to held-out paths: asked of the last checkpoint, else those logged, and their kinds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int

from geometric_memory.analysis.path_answers import KINDS, answer_kinds
from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import CheckpointError, DataError, GeometricMemoryError
from geometric_memory.figures.page import Section, Table, number, percent
from geometric_memory.limits import whole_number
from geometric_memory.runs.checkpoints import step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.run import Run
from geometric_memory.tasks.task import build_task
from geometric_memory.tasks.text import TextExamples
from geometric_memory.training.evaluation import evaluate_paths
from geometric_memory.training.precision import EXACT, Arithmetic

MOST_PATHS = 512
"""Held-out paths that are asked."""
NO_NODE = -1
MOST_ROWS = 24
"""Answers that are listed, those of every kind among them."""
MEANING = {
    "right": "the expected path",
    "another route": "along edges from the start to the node asked for, another way",
    "wrong arm": "along edges, but the first step from the root goes into another arm",
    "another target": "along edges, but to another node",
    "broken edge": "two neighbours in the answer share no edge",
    "not a node": "a token that is no node",
}


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
    the last rows of predictions.jsonl stand in.

    Raises:
        GeometricMemoryError: if neither can be read.
    """
    dataset = run.dataset
    if dataset is None or not len(dataset.test_paths):
        return None
    if run.checkpoints:
        try:
            return _choose_asked(run, dataset, arithmetic)
        except GeometricMemoryError as error:
            run.notes.append(f"The checkpoint could not be asked: {error}")
    return _read_logged(run.folder, run.config, dataset)


def answers_section(answers: Answers) -> Section:
    """Return the counts of every kind of answer, and examples of each."""
    counts = np.bincount(answers.kinds, minlength=len(KINDS))
    kinds = [
        [kind, number(count), percent(100 * count / answers.asked), MEANING[kind]]
        for kind, count in zip(KINDS, counts.tolist(), strict=True)
    ]
    # Every kind in turn, then in the order of the data set.
    rank = np.zeros(answers.asked, dtype=np.int64)
    for kind, count in enumerate(counts):
        rank[answers.kinds == kind] = np.arange(count)
    chosen = np.argsort(rank, kind="stable")[:MOST_ROWS].tolist()
    rows = [
        [answers.prompts[row], answers.targets[row], answers.given[row], KINDS[answers.kinds[row]]]
        for row in sorted(chosen, key=lambda row: (answers.kinds[row], row))
    ]
    return Section("answers", "What it answers", [
        f"{answers.origin[0].upper()}{answers.origin[1:]} of {answers.held_out:,}.",
        Table(name="kinds", headings=("answer", "count", "share", "meaning"), rows=kinds),
        Table(name="predictions", headings=("prompt", "expected", "answered", "kind"), rows=rows,
              caption="Examples of every kind"),
    ])  # fmt: skip


def _choose_asked(run: Run, dataset: Dataset, arithmetic: Arithmetic) -> Answers:
    config = run.config
    test = dataset.test_paths[:MOST_PATHS]
    task = build_task(
        replace(dataset, train_paths=dataset.train_paths[:1], test_paths=test), config
    )
    step = step_of(run.checkpoints[-1])
    model = run.network(str(step)).to(arithmetic.device)
    found = evaluate_paths(model, task.test_paths, arithmetic)
    decode = task.vocabulary.decode
    given, targets = found.generated, found.targets
    if isinstance(task.test_paths, TextExamples):
        targets = task.test_paths.nodes  # in the order of their groups
        given = np.array([_nodes_of(decode(row), targets.shape[1]) for row in found.generated])
    prompts = [decode(row) for row in task.test_paths.prompts]
    origin = f"asked of the checkpoint of step {step}, {len(test)} held-out paths"
    return _answers(config, dataset, (step, origin, prompts), given, targets)


def _read_logged(folder: RunFolder, config: RunConfig, dataset: Dataset) -> Answers | None:
    """Return the rows of the last moment in predictions.jsonl."""
    rows = list(read_rows(folder.predictions)) if folder.predictions.exists() else []
    if not rows:
        return None
    try:
        if "rows" in rows[-1]:  # of an older version, which kept a table in a row
            return None
        step = int(rows[-1]["step"])
        rows = [row for row in rows if row["step"] == step]
        columns = {key: [str(row[key]) for row in rows] for key in rows[0]}
        targets = [_nodes_of(text, None) for text in columns["target"]]
        given = [_nodes_of(text, len(targets[0])) for text in columns["answer"]]
        origin = f"logged at step {step}, {len(rows)} held-out paths"
        about = (step, origin, columns["prompt"])
        return _answers(config, dataset, about, np.array(given), np.array(targets))
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder.predictions}: its last rows are damaged: {error!r}"
        ) from None


def _answers(
    config: RunConfig, dataset: Dataset, about: tuple[int, str, Sequence[str]],
    given: Int[np.ndarray, "rows length"], targets: Int[np.ndarray, "rows length"],
) -> Answers:  # fmt: skip
    """Return answers that are given in the order in which they are predicted, with their kinds."""
    step, origin, prompts = about
    graph = dataset.graph
    backwards = config.training.full_path and config.task.reverse_path_targets
    turn = slice(None, None, -1 if backwards else 1)
    paths, answers = targets[:, turn], given[:, turn]
    if not config.training.full_path:
        if graph.root is None and config.model.tokenizer == "text":
            raise DataError("answers of one node without a root cannot be told apart by kind")
        # The start of the held-out paths stands before a single answer.
        starts = dataset.test_paths[: len(paths), :1].astype(paths.dtype)
        if graph.root is not None:
            starts = np.full_like(paths, graph.root)
        paths = np.concatenate([starts, paths], axis=1)
        answers = np.concatenate([starts, answers], axis=1)
    kinds = answer_kinds(
        answers, paths, dataset.facts, dataset.node_count, rooted=graph.root is not None
    )

    def named(nodes: Int[np.ndarray, " length"]) -> str:
        known = range(graph.node_count)
        return ", ".join(graph.labels[node] if node in known else "?" for node in nodes.tolist())

    return Answers(
        step=step,
        prompts=prompts,
        targets=list(map(named, targets)),
        given=list(map(named, given)),
        kinds=kinds,
        asked=len(kinds),
        held_out=len(dataset.test_paths),
        origin=origin,
    )


def _nodes_of(text: str, length: int | None) -> list[int]:
    """Return the nodes that a text names; with a length, cut or filled with NO_NODE."""
    pieces = [piece.strip() for piece in re.split(r"[,\s]+", text.strip().strip(",")) if piece]
    nodes = [NO_NODE if (node := whole_number(piece)) is None else node for piece in pieces]
    if length is None:
        return nodes
    if len(nodes) > length:
        return [*nodes[: length - 1], NO_NODE]
    return nodes + [NO_NODE] * (length - len(nodes))
