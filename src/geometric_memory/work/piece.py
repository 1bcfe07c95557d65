"""A piece of work: a function and plain arguments, a key, and what becomes of it."""

import hashlib
import json
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from geometric_memory.errors import (
    GeometricMemoryError,
    Interrupted,
    OutOfMemoryError,
    RunLockedError,
    is_out_of_memory,
)
from geometric_memory.files.whole import read_json, write_json

PROCESS_BYTES = 600_000_000
"""Of a worker before any piece: Python and PyTorch."""


def key_of(content: Any, size: int = 10) -> str:
    """Return a name of 2 `size` characters that is the same exactly when the JSON `content` is."""
    text = json.dumps(msgspec.to_builtins(content), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """A function and its arguments; pieces of equal key are equal, and are done once."""

    function: Callable[..., Any]
    """Of a module; takes the arguments by name, and a `folder` of its own, which it may fill."""
    arguments: Mapping[str, Any]
    """Plain values, such as JSON holds."""
    name: str = ""
    """What messages call it; empty is its key."""
    parts: tuple["Piece", ...] = ()
    """What a batch is made of: if it fails, each is tried by itself, to tell which one it was."""
    shape: str = ""
    """What pieces that need equal memory have in common."""
    need: Callable[..., Mapping[str, int]] | None = None
    """Returns, of the arguments, the bytes that the piece takes by device ("cpu", "cuda"); asked
    once for every shape. Without it a piece takes a process and nothing that counts."""

    @cached_property
    def key(self) -> str:
        """A name that is the same exactly when the work is."""
        name = f"{self.function.__module__}.{self.function.__qualname__}"
        return key_of([name, self.arguments])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Piece) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


Kind = Literal["failed", "late", "busy", "interrupted"]


class Failure(GeometricMemoryError):  # noqa: N818 - it is what became of a piece
    """Why a piece has no answer; to be looked at, or raised."""

    def __init__(
        self,
        message: str,
        *,
        kind: Kind = "failed",
        exit_code: int = 1,
        trace: str = "",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        """late: it took too long; busy: another process is at it; interrupted: by a signal."""
        self.exit_code = exit_code
        self.trace = trace
        """Of an error that no user can mend."""
        self.host = machine()

    def __reduce__(self) -> tuple[Any, ...]:
        return Failure, (str(self),), vars(self)


class Store:
    """Where answers lie, and how one gets there; it is sent to the process that does a piece.

    This one keeps nothing.
    """

    def answer(self, piece: Piece) -> Any:
        """Return the answer of a piece; None if it has none yet."""
        return None

    def complete(self, piece: Piece) -> Any:
        """Do a piece in this process; store and return its answer."""
        return piece.function(**piece.arguments)

    def fail(self, piece: Piece, failure: Failure) -> None:
        """Take down that a piece failed, or took too long."""


Pieces = Sequence[Piece]
Found = Iterator[tuple[Piece, Any]]
"""Pieces with the answer or the failure of each."""
Report = Callable[[str], None]
"""Takes sentences that a person should see."""
Stopped = Callable[[], bool]
"""Whether a signal came."""


class Place:
    """What does pieces: this process, processes of this machine, or a cluster."""

    def run(self, pieces: Pieces, store: Store, report: Report, stopped: Stopped) -> Found:
        """Yield every piece with its answer or failure, as they come; here one after the other.

        Once `stopped`, what runs saves its state, and nothing else is begun or yielded.

        Raises:
            Interrupted: if a signal came to this process.
            ConfigurationError: if there is no such place.
        """
        for piece in pieces:
            found = attempt(store, piece)
            if isinstance(found, Failure) and found.kind == "interrupted":
                raise Interrupted(str(found), found.exit_code)
            yield piece, found


@dataclass(frozen=True)
class _Stored:
    """The content of answer.json."""

    answer: dict[str, Any]
    core_seconds: float


@dataclass(frozen=True)
class Answers(Store):
    """The store of JSON answers: FOLDER/work/KEY/answer.json, beside what the function left there.

    Of a failure nothing is kept: the piece is tried again when it is next asked for.
    """

    folder: Path

    def place(self, piece: Piece) -> Path:
        """Return the folder of a piece."""
        return self.folder / "work" / piece.key

    def answer(self, piece: Piece) -> dict[str, Any] | None:
        found = self._read(piece)
        return found and found.answer

    def core_seconds(self, piece: Piece) -> float:
        """Return the time of one core that the answer took; 0 if there is none yet.

        Raises:
            CheckpointError: if its file is damaged.
        """
        found = self._read(piece)
        return found.core_seconds if found else 0.0

    def _read(self, piece: Piece) -> _Stored | None:
        file = self.place(piece) / "answer.json"
        return read_json(file, _Stored) if file.is_file() else None

    def complete(self, piece: Piece) -> dict[str, Any]:
        folder, begin = self.place(piece), time.process_time()
        folder.mkdir(parents=True, exist_ok=True)
        answer = piece.function(**piece.arguments, folder=folder)
        seconds = round(time.process_time() - begin, 2)
        write_json(folder / "answer.json", {"answer": answer, "core_seconds": seconds})
        return answer


def machine() -> str:
    """Return the name of this machine; Ray may have several nodes on one."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return platform.node()
    return f"{platform.node()}/{ray.get_runtime_context().get_node_id()[:8]}"


def measure(piece: Piece) -> Mapping[str, int]:
    """Return the bytes that a piece needs, by device; what it asks for is tried out."""
    if piece.need is None:
        return {"cpu": PROCESS_BYTES}
    try:
        return piece.need(**piece.arguments)
    except Exception:  # doing the piece shows what is wrong, and who it is reported to
        return {}


def attempt(store: Store, piece: Piece) -> Any:
    """Return the answer of a piece, done now, or the failure that an error was."""
    try:
        return store.complete(piece)
    except Exception as error:  # whatever happens to one piece, the others go on
        return failure_of(error)


def failure_of(error: Exception) -> Failure:
    """Return an error as what becomes of a piece."""
    if not isinstance(error, GeometricMemoryError):
        text = f"{type(error).__name__}: {error}"
        if is_out_of_memory(error):
            return Failure(text, exit_code=OutOfMemoryError.exit_code)
        return Failure(text, trace="".join(traceback.format_exception(error)))
    kind: Kind = "failed"
    if isinstance(error, Interrupted | RunLockedError):
        kind = "busy" if isinstance(error, RunLockedError) else "interrupted"
    return Failure(str(error), kind=kind, exit_code=error.exit_code)
