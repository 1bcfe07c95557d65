"""Files that appear complete or not at all."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from geometric_memory.datasets.names import DatasetNames
from geometric_memory.errors import DataError, DiskError

if sys.platform != "win32":
    import fcntl


def refuse_existing(names: DatasetNames) -> None:
    """Raise `DataError` listing the files of this data set that exist."""
    existing = names.existing()
    if existing:
        listed = "\n".join(f"  {path.name}" for path in existing)
        raise DataError(
            f"{names.folder}: these files exist; use --overwrite to replace them:\n{listed}"
        )


def store_files(names: DatasetNames, contents: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write the files of a data set into its folder, in the order given (manifest last).

    Everything is written and synced beside its place first. Old files are removed before the new
    ones take their places, so a writer that is killed leaves a set that is whole, or visibly
    incomplete, never a mixture. Raises `DataError` when files exist and `overwrite` is off, and
    `DiskError` when the disk refuses.
    """
    folder = names.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".building-", dir=folder) as temporary:
            for name, content in contents.items():
                _write_synced(Path(temporary) / name, content)
            with _locked(folder):
                if not overwrite:
                    refuse_existing(names)
                for path in names.existing():
                    path.unlink()
                for name in contents:
                    (Path(temporary) / name).replace(folder / name)
    except OSError as error:
        raise _disk_error(folder, error, sum(map(len, contents.values()))) from error


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one writer at a time rename in `folder`; the lock dies with its process."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(folder: Path, error: OSError, needed: int) -> DiskError:
    existing = next((p for p in (folder, *folder.parents) if p.exists()), Path())
    free = shutil.disk_usage(existing).free
    reason = error.strerror or str(error)
    return DiskError(
        f"{folder}: cannot write the data set: {reason} ({needed} bytes needed, {free} free)"
    )
