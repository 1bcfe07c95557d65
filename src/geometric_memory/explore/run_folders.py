"""Run folders that the page may open: those below the roots that the command was given."""

from collections.abc import Sequence
from pathlib import Path

from geometric_memory.errors import DataError
from geometric_memory.explore.sessions import Finished

MOST_RUNS = 200
DEEPEST = 3


class RunFolders:
    """The run folders at or below some roots, by a key that tells nothing of the disk."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def listed(self) -> list[tuple[str, str]]:
        """Return key and name of every run, the newest first, at most MOST_RUNS."""
        return []

    def open(self, key: str) -> Finished:
        """Return what a run shows.

        Raises:
            DataError: if there is no such run below the roots.
        """
        raise DataError(f"{key}: no such run")
