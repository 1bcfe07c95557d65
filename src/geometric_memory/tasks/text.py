"""Edge facts and paths in the text tokens of a pretrained family: a node becomes several tokens.

With a tokenizer that writes 37 as "3" "7", and `:` for the boundary between prompt and target:

    edge 3=37       [EDGE] 3 : 3 7 ,
    path 9=0,37,9   [PATH] 9 [PAUSE] : 0 , 3 7 , 9 ,

The nine special tokens follow the tokenizer's own. Every target node ends with a comma, so that the
model itself marks the node as complete. Rows of equal prompt and target length form a group;
each group is a rectangle, so nothing is padded here either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from geometric_memory.config import TaskSettings
from geometric_memory.errors import CheckpointError, ConfigurationError
from geometric_memory.extras import load
from geometric_memory.tasks.examples import Examples
from geometric_memory.tasks.vocabulary import SPECIAL_TOKENS, Vocabulary

SEPARATOR = ","
NO_TOKEN = -1
"""Fills the end of short rows where rows of several groups stand in one array."""


class TextVocabulary(Vocabulary):
    """The tokens of a text tokenizer, then the nine special tokens."""

    def __init__(self, node_count: int, tokenizer: Any, row_count: int) -> None:
        super().__init__(node_count)
        self._tokenizer = tokenizer
        self.row_count = row_count

    @property
    def size(self) -> int:
        """Number of tokens: those of the tokenizer, unused rows included, and nine."""
        return self.row_count + len(SPECIAL_TOKENS)

    def special(self, text: str) -> int:
        """Return the id of a special token."""
        return self.row_count + SPECIAL_TOKENS.index(text)

    @cached_property
    def separator(self) -> tuple[int, ...]:
        """Tokens of the comma."""
        return self._pieces(SEPARATOR)

    @cached_property
    def nodes(self) -> tuple[tuple[int, ...], ...]:
        """Tokens of every node."""
        return tuple(self._pieces(str(node)) for node in range(self.node_count))

    def encode(self, text: str) -> Int[np.ndarray, " tokens"]:
        """Return the tokens of plain text."""
        return np.array(self._pieces(text), dtype=np.int64)

    def decode(self, tokens: Int[np.ndarray, " tokens"]) -> str:
        """Return the text of `tokens`."""
        texts = []
        for token in tokens.tolist():
            if token >= self.row_count:
                texts.append(SPECIAL_TOKENS[token - self.row_count])
            elif token != NO_TOKEN:
                texts.append(self._tokenizer.decode([token], skip_special_tokens=False))
        return "".join(texts)

    def _pieces(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


@dataclass(frozen=True, kw_only=True, eq=False)
class TextExamples:
    """Examples of one kind, in groups of equal lengths; rows stand in the order of the groups."""

    kind: str
    groups: tuple[Examples, ...]
    owners: tuple[Int[np.ndarray, "_ _"], ...]
    """Which target node, from 0, each target token belongs to; by group."""
    nodes: Int[np.ndarray, "examples node"]
    """Target nodes."""
    candidates: tuple[tuple[int, ...], ...]
    """Target tokens of every node, the separator included."""

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def prompts(self) -> Int[np.ndarray, "examples prompt"]:
        """Tokens that are given, `NO_TOKEN` after short ones."""
        return pad_rows([group.prompts for group in self.groups])


def text_vocabulary(node_count: int, file: Path, row_count: int = 0) -> TextVocabulary:
    """Return the vocabulary of a tokenizer.json, or of the one in folder `file`.

    Raises:
        CheckpointError: if it is missing or damaged.
        ConfigurationError: if the extra is not installed, or the tokenizer cannot write numbers.
    """
    file = file / "tokenizer.json" if file.is_dir() else file
    if not file.is_file():
        raise CheckpointError(f"{file}: is missing; --tokenizer text needs this file")
    tokenizers = load("tokenizers", "--tokenizer text")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # plain Exception, or a panic of its Rust, which is none
        raise CheckpointError(f"{file}: is no tokenizer: {error}") from None
    known = 1 + max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    vocabulary = TextVocabulary(node_count, tokenizer, max(row_count, known))
    wanted = "".join(sorted({*"0123456789", SEPARATOR}))
    if vocabulary.decode(vocabulary.encode(wanted)).replace(" ", "") != wanted:
        raise ConfigurationError([f"{file}: cannot write digits and commas"])
    return vocabulary


def text_examples(
    kind: str,
    queried: Int[np.ndarray, "examples queried"],
    answers: Int[np.ndarray, "examples answer"],
    vocabulary: TextVocabulary,
    settings: TaskSettings,
) -> TextExamples:
    """Return the examples that ask for `queried` nodes and want `answers`."""
    task, pauses = vocabulary.path_task, settings.path_prefix_pause_token_count
    if kind == "edge":
        task = vocabulary.edge_task
        pauses = int(settings.edge_memorization_include_pause_token)
    opening = [task] * settings.include_task_token_in_prefix
    names, separator = vocabulary.nodes, vocabulary.separator
    candidates = tuple((*name, *separator) for name in names)
    by_shape: dict[tuple[int, int], list[int]] = {}
    prompts, targets = [], []
    for row, (asked, wanted) in enumerate(zip(queried.tolist(), answers.tolist(), strict=True)):
        given = _join([names[node] for node in asked], separator)
        prompts.append([*opening, *given, *[vocabulary.pause] * pauses])
        targets.append([token for node in wanted for token in candidates[node]])
        by_shape.setdefault((len(prompts[-1]), len(targets[-1])), []).append(row)
    groups, owners = [], []
    for shape in sorted(by_shape):
        rows = by_shape[shape]
        prompt = np.array([prompts[row] for row in rows], dtype=np.int64)
        target = np.array([targets[row] for row in rows], dtype=np.int64)
        seen = target[:, :-1]
        if settings.use_teacherless_inputs:
            seen = np.full_like(seen, vocabulary.teacherless)
        inputs = np.concatenate([prompt, seen], axis=1)
        groups.append(Examples(kind=kind, prompts=prompt, targets=target, inputs=inputs))
        owners.append(np.array([_owners(answers[row], candidates) for row in rows]))
    order = [row for shape in sorted(by_shape) for row in by_shape[shape]]
    return TextExamples(
        kind=kind, groups=tuple(groups), owners=tuple(owners), nodes=answers[order],
        candidates=candidates,
    )  # fmt: skip


def pad_rows(arrays: Sequence[Int[np.ndarray, "_ _"]]) -> Int[np.ndarray, "rows longest"]:
    """Return rows of several lengths as one array, `NO_TOKEN` after short ones."""
    longest = max((array.shape[1] for array in arrays), default=0)
    padded = [
        np.pad(array, ((0, 0), (0, longest - array.shape[1])), constant_values=NO_TOKEN)
        for array in arrays
    ]
    return np.concatenate(padded) if padded else np.zeros((0, 0), dtype=np.int64)


def _join(names: Sequence[tuple[int, ...]], separator: tuple[int, ...]) -> list[int]:
    tokens = list(names[0])
    for name in names[1:]:
        tokens += [*separator, *name]
    return tokens


def _owners(
    answer: Int[np.ndarray, " answer"], candidates: Sequence[tuple[int, ...]]
) -> Int[np.ndarray, " target"]:
    lengths = [len(candidates[node]) for node in answer.tolist()]
    return np.repeat(np.arange(len(lengths)), lengths)
