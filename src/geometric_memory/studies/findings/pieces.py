"""Independent pieces of work on all cores, each stored under a key made of what it is.

A piece is a function of this package and its arguments, plain JSON values; what it returns is
plain too, and is stored whole or not at all. So a killed study does again only what was not done.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from geometric_memory.files.whole import read_json, write_json
from geometric_memory.work.processes import completed


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A function and its arguments."""

    function: Callable[..., Mapping[str, Any]]
    """Takes the arguments by name, and `folder`, which it may fill."""
    arguments: Mapping[str, Any]

    @property
    def key(self) -> str:
        """A name that is the same exactly when the work is."""
        name = f"{self.function.__module__}.{self.function.__qualname__}"
        text = json.dumps([name, dict(self.arguments)], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

    def file(self, results: Path) -> Path:
        """Where the answer is stored."""
        return results / "work" / self.key / "answer.json"


@dataclass(frozen=True)
class _Stored:
    """The content of answer.json."""

    answer: dict[str, Any]
    core_seconds: float


def answered(
    pieces: Sequence[Piece], results: Path, *, workers: int, tell: Callable[[str], None]
) -> list[Mapping[str, Any]]:
    """Return the answers of `pieces`, doing those that are not stored, `workers` at a time.

    Raises:
        GeometricMemoryError: whatever a piece raised first; finished pieces stay stored.
    """
    missing = {p.key: p for p in pieces if not p.file(results).is_file()}
    done = len({p.key for p in pieces}) - len(missing)
    done_now = completed(partial(perform, results=results), list(missing.values()), workers)
    for place, _ in enumerate(done_now, start=1):
        tell(f"{done + place} of {done + len(missing)} pieces")
    return [read_json(piece.file(results), _Stored).answer for piece in pieces]


def core_minutes(pieces: Sequence[Piece], results: Path) -> float:
    """Return the time of one core that stored pieces took, in minutes."""
    return sum(read_json(piece.file(results), _Stored).core_seconds for piece in pieces) / 60


def perform(piece: Piece, results: Path) -> None:
    """Do one piece and store what it returns, and the time of one core that it took."""
    file = piece.file(results)
    file.parent.mkdir(parents=True, exist_ok=True)
    begin = time.process_time()
    answer = piece.function(**piece.arguments, folder=file.parent)
    seconds = round(time.process_time() - begin, 2)
    write_json(file, {"answer": answer, "core_seconds": seconds})
