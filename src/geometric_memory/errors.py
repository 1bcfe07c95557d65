"""The errors a user can mend, each with the exit code that the command line returns for it.

0 success, 2 configuration, 3 data, 4 checkpoint, 5 non-finite numbers, 6 disk, 7 memory,
130 interrupted (SIGINT), 143 terminated (SIGTERM).
"""

import re
from collections.abc import Sequence

UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Commands to a terminal, halves of characters, and what turns the direction of writing."""


def printable(text: str) -> str:
    """Return `text` with everything escaped that is no plain text; lines and tabs stay."""
    return UNPRINTABLE.sub(lambda found: repr(found.group())[1:-1], text)


class GeometricMemoryError(Exception):
    """Anything that stops a command with a message and no traceback.

    Messages quote files, which anybody may have written: they are plain text.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class ConfigurationError(GeometricMemoryError):
    """Settings that cannot be used; carries every problem found, not only the first."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(map(printable, problems))
        super().__init__("\n".join(self.problems))


class DataError(GeometricMemoryError):
    """A data set or graph file that breaks the format, or differs from what was asked."""

    exit_code = 3


class CheckpointError(GeometricMemoryError):
    """A checkpoint that is missing, damaged, or made for another model."""

    exit_code = 4


class NonFiniteError(GeometricMemoryError):
    """A loss or gradient that became NaN or infinite."""

    exit_code = 5


class DiskError(GeometricMemoryError):
    """The disk is full, read-only or gone."""

    exit_code = 6


class OutOfMemoryError(GeometricMemoryError):
    """The memory of the machine or the accelerator does not suffice."""

    exit_code = 7


class Interrupted(GeometricMemoryError):  # noqa: N818 - it is what happened, not a fault
    """A run stopped by a signal, its state saved."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class RunLockedError(GeometricMemoryError):
    """A run folder in which another process works."""

    exit_code = 2


class LostProcessError(GeometricMemoryError):
    """Another of the processes that train one model together has ended."""


SHORTAGES = ("can't allocate memory", "out of memory", "could not create a primitive")
"""What PyTorch says of it in errors without a type of their own; the last is oneDNN's, in bf16."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error`, of Python or PyTorch, says that memory ran out."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in SHORTAGES)
