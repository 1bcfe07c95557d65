"""Files that are either whole or absent: written beside their place, synced, then renamed.

The folder of a run may come from somebody else, so no link in it is followed: what is read and
written lies in the folder itself.
"""

import errno
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from geometric_memory.errors import CheckpointError, DiskError

TEMPORARY, BUILDING = ".tmp-", ".building-"
"""What the names of files, and of folders of data sets, begin with that are being written."""
LARGEST_JSON = 2**20
"""Bytes; the files of settings and state are far smaller, and parsed JSON is far larger."""
ENDLESS = re.compile(rb"(^|[\s:,\[-])[0-9]{301}")
"""The beginning of such a number; msgspec reads it as an int, which nothing can reckon with."""
WAITS = (0.1, 0.5, 2.0)
"""Seconds before the second, third and last attempt to write."""
FULL = (errno.ENOSPC, errno.EDQUOT)
PASSING = (*FULL, errno.EIO, errno.EAGAIN, errno.ESTALE)
"""Failures that another attempt may get over; the others will not go away by themselves."""
BLOCK = 2**24
WITHOUT_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Fail at a link, and do not wait for the other end of a pipe; Windows knows neither."""

POINTS = (
    "before_tmp_write", "mid_write", "before_fsync", "before_manifest", "before_rename",
    "after_rename", "mid_epoch", "mid_eval",
)  # fmt: skip
"""Moments at which a test may make a run fail: of a file or checkpoint that is written, between two
steps, and between the two halves of an evaluation."""

hook: Callable[[str], None] | None = None
"""What a test wants to happen at a moment, whose name it is given; None in normal use."""

Result = TypeVar("Result")


def reach(point: str) -> None:
    """Call the hook of a test at the moment `point`."""
    if hook is not None:
        hook(point)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON.

    Raises:
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """
    write_whole(path, json_bytes(content))


def json_bytes(content: Any, *, indent: int = 2) -> bytes:
    """Return `content` as JSON and a line end, on one line if `indent` is 0.

    NaN and infinity, which JSON does not know, become null; arrays become lists.
    """
    text = msgspec.json.encode(content, enc_hook=_plain)
    return (msgspec.json.format(text, indent=indent) if indent else text) + b"\n"


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def read_json(path: Path, kind: Any = Any) -> Any:
    """Return the content of a JSON file of at most 1 MiB, of a type that msgspec knows.

    Raises:
        CheckpointError: if it cannot be read, is no JSON, or is of another type.
    """
    try:
        with open(path, "rb", opener=open_plain) as file:
            content = file.read(LARGEST_JSON + 1)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > LARGEST_JSON:
        raise CheckpointError(f"{path}: is too large for a file of settings or state")
    try:
        return decode_json(content, kind)
    except (ValueError, RecursionError) as error:
        # Without a type of its own, what does not fit is a number that no JSON reader holds.
        fits = not isinstance(error, msgspec.ValidationError) or kind is Any
        what = "is not JSON" if fits else "is damaged"
        raise CheckpointError(f"{path}: {what}: {error}") from None


def decode_json(content: bytes, kind: Any = Any) -> Any:
    """Return the content of JSON.

    Raises:
        ValueError: if it is none, holds a whole number that is no float, or is of another type.
    """
    if ENDLESS.search(content):
        raise ValueError("a number has more than 300 digits")
    return msgspec.json.decode(content, type=kind)


def open_plain(path: str | Path, flags: int) -> int:
    """Return the descriptor of a plain file, an `opener` of `open`.

    Raises:
        OSError: also if it is a link, a device or a pipe.
    """
    try:
        descriptor = os.open(path, flags | WITHOUT_LINKS, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            error.strerror = "is a symbolic link, which is not followed here"
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "is no plain file", str(path))


def refuse_links(folder: Path, *, deep: bool = True) -> None:
    """Check that `folder`, and if `deep` every folder in it, lies where it seems to lie.

    Raises:
        CheckpointError: naming the first symbolic link.
    """
    walk = os.walk(folder) if deep else ()
    folders = (Path(place, name) for place, names, _ in walk for name in names)
    for path in (folder, *folders):
        if path.is_symlink():
            raise CheckpointError(
                f"{path}: is a symbolic link, and nothing is written through one; "
                "put the folder that it points to in its place"
            )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside `path`, sync it and rename it into place.

    Raises:
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """

    def attempt() -> None:
        temporary = temporary_beside(path)
        try:
            reach("before_tmp_write")
            write_synced(temporary, content)
            reach("before_rename")
            temporary.replace(path)
            sync(path.parent)
            reach("after_rename")
        except BaseException:
            with suppress(OSError):  # a disk that refuses this too has refused more before
                temporary.unlink()
            raise

    persistently(attempt, path, len(content))


def write_folder(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write a folder of files, in their order, in the place of what is called so; whole or not.

    Raises:
        DiskError: if the disk is full, read-only or gone; nothing is left behind.
    """

    def attempt() -> None:
        temporary = temporary_beside(path)
        try:
            reach("before_tmp_write")
            temporary.mkdir()
            for place, (name, content) in enumerate(contents.items(), start=1):
                if place == len(contents):
                    reach("before_manifest")
                write_synced(temporary / name, content)
            sync(temporary)
            reach("before_rename")
            remove_folder(path)
            temporary.rename(path)
            sync(path.parent)
            reach("after_rename")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    persistently(attempt, path, sum(map(len, contents.values())))


def remove_folder(path: Path) -> None:
    """Remove a folder, all of it at once for every reader."""
    temporary = temporary_beside(path)
    with suppress(OSError):
        path.rename(temporary)
        shutil.rmtree(temporary)


def temporary_beside(path: Path) -> Path:
    """Return a new name in the folder of `path` that no reader takes for anything finished."""
    return path.parent / (TEMPORARY + uuid.uuid4().hex)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk; raises OSError."""
    view = memoryview(content)
    try:
        with path.open("wb", buffering=0) as file:
            for start in range(0, len(view), BLOCK):
                block = view[start : start + BLOCK]
                half = len(block) // 2
                _write_all(file.fileno(), block[:half])
                reach("mid_write")
                _write_all(file.fileno(), block[half:])
            reach("before_fsync")
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = str(path)  # which a write does not know
        raise


def _write_all(descriptor: int, view: memoryview) -> None:
    while view:
        view = view[os.write(descriptor, view) :]


def sync(path: Path) -> None:
    """Make a file, or the entries of a folder, durable; raises OSError."""
    if os.name == "nt":  # where a folder cannot be opened
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def persistently(attempt: Callable[[], Result], path: Path, needed: int) -> Result:
    """Return what `attempt` returns, tried up to four times where the failure may pass.

    Raises:
        DiskError: naming `path` or the file in it that failed first, the bytes `needed` and those
            free.
    """
    failures: list[OSError] = []
    for wait in (*WAITS, 0.0):
        try:
            return attempt()
        except OSError as error:
            failures.append(error)
            if error.errno not in PASSING:
                break
            time.sleep(wait)
    raise disk_error(path, failures[0], needed) from failures[-1]


def disk_error(path: Path, error: OSError, needed: int = 0) -> DiskError:
    """Return the error of what happened to `path`, or to which file in it."""
    advice = "check the path and its permissions"
    if error.errno in FULL:
        advice = f"{needed} bytes are needed, {free_bytes(path)} are free; free some and try again"
    failed = Path(os.fsdecode(error.filename or ""))
    place = failed if failed.absolute().is_relative_to(path.absolute()) else path
    if failed.parent.name.startswith((TEMPORARY, BUILDING)):
        place = path / failed.name
    return DiskError(f"{place}: cannot be written: {error.strerror or error}; {advice}")


@contextmanager
def naming(path: Path, needed: int = 0) -> Iterator[None]:
    """Turn an error of the disk into one that names `path`, or the file in it that failed.

    Raises:
        DiskError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(path, error, needed) from error


def free_bytes(path: Path) -> int:
    """Return the free bytes of the disk that `path` lies on, or would lie on."""
    existing = next((p for p in (path, *path.parents) if p.exists()), Path())
    return shutil.disk_usage(existing).free


def remove_unfinished(folder: Path) -> int:
    """Remove what a killed writer left in `folder`, and return how many things that were."""
    left = list(folder.glob(TEMPORARY + "*"))
    for path in left:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(left)
