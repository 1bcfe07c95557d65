"""Rows of node ids from text: one fast pass over well-formed files, and errors with their place."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from geometric_memory.errors import DataError

SHOWN_PROBLEMS = 20
LONGEST_ID = 18
DIGITS = b"0123456789"
TO_SPACES = bytes.maketrans(b"=,\n", b"   ")
NODE_FIELD = re.compile(rb"[^=,]*")


@dataclass(kw_only=True)
class Problems:
    """The problems found so far, of which the first 20 are shown."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: Callable[[], str], rule: str) -> None:
        """Add one problem; `place` is asked for file:line:column only if it is shown."""
        self.count += 1
        if self.count <= SHOWN_PROBLEMS:
            self.lines.append(f"{place()}: {rule}")

    def stop_if_any(self) -> None:
        """Raise `DataError` listing the problems."""
        if not self.count:
            return
        more = self.count - len(self.lines)
        rest = [f"and {more} more problems"] if more else []
        raise DataError("\n".join(self.lines + rest))


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """The rows of one file: `values[i]` are the ids on line i + 1."""

    path: Path
    values: Int64[np.ndarray, "rows fields"]

    def place(self, row: int, column: int) -> str:
        """Return file:line:column of one id."""
        before = self.values[row, :column].tolist()
        return f"{self.path}:{row + 1}:{1 + sum(len(str(value)) + 1 for value in before)}"


def read_table(path: Path, separators: bytes) -> tuple[Table, list[str]]:
    """Read a file whose rows have one id before each of the separators; also return notes.

    Windows line ends and a missing last line end are accepted with a note. Raises `DataError`
    with file:line:column and the rule for the first 20 lines that break the format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    content, notes = _unix_lines(path, content)
    if not _well_formed(content, separators):
        problems = Problems()
        for number, column, rule in _line_problems(content, separators):
            problems.add(lambda n=number, c=column: f"{path}:{n}:{c}", rule)
        problems.stop_if_any()
    flat = np.fromstring(content.translate(TO_SPACES), dtype=np.int64, sep=" ")
    return Table(path=path, values=flat.reshape(-1, len(separators))), notes


def _unix_lines(path: Path, content: bytes) -> tuple[bytes, list[str]]:
    notes = []
    if not content.strip():
        raise DataError(f"{path}:1:1: the file is empty")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}:1:1: byte order mark: save the file as plain ASCII text")
    if b"\r\n" in content:
        content = content.replace(b"\r\n", b"\n")
        notes.append(f"{path.name}: Windows line ends")
    if not content.endswith(b"\n"):
        content += b"\n"
        notes.append(f"{path.name}: no line end after the last line: the file may be cut off")
    return content, notes


def _well_formed(content: bytes, separators: bytes) -> bool:
    """Whether only ids without leading zeros stand between exactly these separators."""
    rows = content.count(b"\n")
    if content.translate(None, DIGITS) != separators * rows:
        return False
    letters = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero((letters < ord("0")) | (letters > ord("9")))
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    leading_zero = (letters[starts] == ord("0")) & (lengths > 1)
    return bool(lengths.min() >= 1 and lengths.max() <= LONGEST_ID and not leading_zero.any())


def _line_problems(content: bytes, separators: bytes) -> Iterator[tuple[int, int, str]]:
    for number, line in enumerate(content[:-1].split(b"\n"), start=1):
        problem = _line_problem(line, separators)
        if problem:
            yield number, *problem


def _line_problem(line: bytes, separators: bytes) -> tuple[int, str] | None:
    """Return the column and rule of the first problem of a line."""
    if not line:
        return 1, "empty line"
    position = 0
    for place, separator in enumerate(separators, start=1):
        match = NODE_FIELD.match(line, position)
        word = match.group() if match else b""
        rule = _id_problem(word)
        if rule:
            return position + 1, rule
        position += len(word)
        found = line[position : position + 1]
        expected = chr(separator).encode()
        if found != (b"" if expected == b"\n" else expected):
            ids = f"{place} of {len(separators)} ids" if len(separators) > place else "the last id"
            return position + 1, f"{_shown(found)} where {_shown(expected)} must follow {ids}"
        position += 1
    return None


def _id_problem(word: bytes) -> str | None:
    if not word:
        return "a node id is missing"
    if not word.isdigit():
        return f"{_shown(word)} is not a node id (a whole number from 0)"
    if word[:1] == b"0" and len(word) > 1:
        return f"{_shown(word)} has leading zeros"
    if len(word) > LONGEST_ID:
        return f"{_shown(word)} is too large for a node id"
    return None


def _shown(word: bytes) -> str:
    if word in (b"", b"\n"):
        return "the end of the line"
    return repr(word[:30])[1:] + ("..." if len(word) > 30 else "")
