"""One process per run folder: a lock of the operating system, with a note of who holds it.

The lock dies with its process, so a killed run leaves nothing to clear up. A lock of the system
may not reach across machines that share a disk; there the note decides.
"""

import json
import os
import socket
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from geometric_memory.errors import DiskError, RunLockedError
from geometric_memory.files.whole import naming, open_plain

if sys.platform != "win32":
    import fcntl


class RunLock:
    """Holds the lock file of a run while in its context."""

    def __init__(self, path: Path, *, steal: bool = False) -> None:
        self.path = path
        self._steal = steal
        self._descriptor = -1
        self.stale = ""
        """Who held the lock when it was found abandoned; empty when it was free."""

    def __enter__(self) -> "RunLock":
        """Take the lock.

        Raises:
            RunLockedError: if another process holds it.
            DiskError: if the lock file cannot be written.
        """
        with naming(self.path):
            while not self._take():
                pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with suppress(OSError):  # a failing disk has failed elsewhere first, which is what to say
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _take(self) -> bool:
        """Take the lock, or return False if the file was removed meanwhile."""
        descriptor = open_plain(self.path, os.O_RDWR | os.O_CREAT)
        try:
            taken = _lock(descriptor)
            holder = _read_holder(descriptor)
            if not taken:
                raise RunLockedError(
                    f"{self.path.parent}: another process works in this run folder ({_who(holder)})"
                )
            if not _is_still(self.path, descriptor):
                return False
            if holder and holder.get("host") != socket.gethostname() and not self._steal:
                raise RunLockedError(
                    f"{self.path.parent}: is held from another machine ({_who(holder)}); if that "
                    "process is gone, add --steal_lock"
                )
            self.stale = _who(holder) if holder else ""
            _write_holder(descriptor)
            self._descriptor, descriptor = descriptor, -1
            return True
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether a process of this machine, or one of another, holds the lock file `path`."""
    try:
        with RunLock(path):
            return False
    except (RunLockedError, DiskError):
        return True


def is_running(path: Path) -> bool:
    """Whether the process that the lock file `path` names is there still; it is left alone.

    A process of another machine counts as one that is.
    """
    try:
        descriptor = open_plain(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        holder = _read_holder(descriptor)
    finally:
        os.close(descriptor)
    process = holder.get("pid")
    if not isinstance(process, int) or process < 1 or sys.platform == "win32":
        return False
    if holder.get("host") != socket.gethostname():
        return True
    try:
        os.kill(process, 0)  # asks whether it is there, and does nothing to it
    except OverflowError:
        return False
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether `path` is the open file: its last holder may have removed it since."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_holder(descriptor: int) -> None:
    start = datetime.now().isoformat(timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "start": start}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _read_holder(descriptor: int) -> dict[str, Any]:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0) or b"{}")  # halves of characters too
    except (ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _who(holder: dict[str, Any]) -> str:
    known = {name: str(holder.get(name, "?"))[:80] for name in ("pid", "host", "start")}
    return f"process {known['pid']} on {known['host']} since {known['start']}"
