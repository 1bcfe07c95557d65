"""One answer of a model to one path query, in the names of nodes, with probabilities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int
from torch import Tensor

from geometric_memory.graphs.graph import Graph
from geometric_memory.limits import whole_number
from geometric_memory.models.plain import PlainModel
from geometric_memory.tasks.text import TextVocabulary
from geometric_memory.tasks.vocabulary import Vocabulary

if TYPE_CHECKING:
    from geometric_memory.runs.run import Run

MOST_PIECES = 24
"""Text tokens after which a node that is not finished is given up."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The path that a model gives when it is asked for one."""

    asked: str
    """The node asked for."""
    path: tuple[str | int, ...]
    """Names of the nodes from start to end; a token that is no node stands as it is written."""
    probabilities: tuple[float, ...]
    """Of each node of `path`, given those that the model has written before it."""
    known: tuple[tuple[str | int, ...], ...]
    """The paths of the data set that the query stands for; none where it has none."""
    held_out: bool
    """Whether they were held out in training."""

    @property
    def probability(self) -> float:
        """Of the whole path."""
        return math.prod(self.probabilities)

    @property
    def right(self) -> bool | None:
        """Whether the path is one of those known; None where none is."""
        return self.path in self.known if self.known else None

    def __str__(self) -> str:
        steps = " ".join(
            f"{node} ({chance:.2f})"
            for node, chance in zip(self.path, self.probabilities, strict=True)
        )
        judged = {True: "right", False: "wrong", None: "no such path in the data set"}[self.right]
        text = f"{self.asked}: {steps}: {judged}"
        if not self.known:
            return text
        text += ", held out" if self.held_out else ", trained on"
        return text if self.right else f"{text}; expected {' '.join(map(str, self.known[0]))}"

    __repr__ = __str__


def ask(run: "Run", node: str | int, start: str | int | None) -> Answer:
    """Return what the model of a run answers when asked for the path from `start` to `node`.

    Raises:
        DataError, CheckpointError: as the model and the tokens of the run do.
    """
    prompt, config = run.tokens(node, start=start), run.config
    dataset, whole = run.known_dataset, config.training.full_path
    graph = dataset.graph
    found = _greedy_answer(
        run.model, prompt, run.vocabulary, length=config.graph.path_length if whole else 1,
        teacherless=config.task.use_teacherless_inputs,
    )  # fmt: skip
    if whole and config.task.reverse_path_targets:
        found.reverse()
    ends = graph.paths[:, -1] == graph.node(node)
    if start is not None:
        ends &= graph.paths[:, 0] == graph.node(start)
    known = graph.paths[ends] if whole else graph.paths[ends, 1:2]
    return Answer(
        asked=str(node),
        path=tuple(_name_nodes(text, graph) for text, _ in found),
        probabilities=tuple(chance for _, chance in found),
        known=tuple(tuple(graph.keys[each] for each in path) for path in known.tolist()),
        held_out=not ends[: len(dataset.train_paths)].any(),
    )


def _name_nodes(text: str, graph: Graph) -> str | int:
    """Return the name of the node that is written as `text`; a special token as it is."""
    node = whole_number(text)
    return text if node is None or node >= graph.node_count else graph.keys[node]


@torch.no_grad()
def _greedy_answer(
    model: PlainModel,
    prompt: Int[Tensor, "1 prompt"],
    vocabulary: Vocabulary,
    *,
    length: int,
    teacherless: bool,
) -> list[tuple[str, float]]:
    """Return `length` nodes as the vocabulary writes them, in the order of writing, with chances.

    Every token is the likeliest one after the prompt and those before it, or after the prompt alone
    if `teacherless`.
    """
    separator = vocabulary.separator if isinstance(vocabulary, TextVocabulary) else ()
    given = prompt.tolist()[0]
    found: list[tuple[str, float]] = []
    piece: list[int] = []
    chance = 1.0
    written: list[int] = []
    while len(found) < length:
        seen = [vocabulary.teacherless] * len(written) if teacherless else written
        shares = model([[*given, *seen]])[0, -1].softmax(dim=-1)
        token = int(shares.argmax())
        written.append(token)
        piece.append(token)
        chance *= float(shares[token])
        if _is_whole(piece, separator):
            found.append((_text(piece, separator, vocabulary), chance))
            piece, chance = [], 1.0
    return found


def _is_whole(piece: Sequence[int], separator: Sequence[int]) -> bool:
    ended = tuple(piece[len(piece) - len(separator) :]) == tuple(separator)
    return ended or len(piece) >= MOST_PIECES


def _text(piece: Sequence[int], separator: Sequence[int], vocabulary: Vocabulary) -> str:
    kept = torch.tensor(piece[: len(piece) - len(separator)]).numpy()
    return vocabulary.decode(kept).strip()
