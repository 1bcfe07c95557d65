"""The files of a data set: all of them or none, whatever happens to the process that writes them.

They are written into a folder of their own, `.building-*`, the manifest last. Once it is there the
set exists, and its files only have to be moved into their places; where a kill or a full disk stops
that, whoever comes next moves the rest.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from geometric_memory.datasets.manifest import read_manifest
from geometric_memory.datasets.names import DatasetNames
from geometric_memory.errors import DataError
from geometric_memory.files.whole import BUILDING, naming, persistently, sync, write_synced

if sys.platform != "win32":
    import fcntl

MANIFEST = "_manifest.json"


def refuse_existing(names: DatasetNames) -> None:
    """Raise `DataError` listing the files of this data set that exist."""
    existing = names.existing()
    if existing:
        listed = "\n".join(f"  {path.name}" for path in existing)
        raise DataError(
            f"{names.folder}: these files exist; use --overwrite of `geomem dataset` to replace "
            f"them:\n{listed}"
        )


def store_files(names: DatasetNames, contents: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write the files of a data set into its folder, in the order given (manifest last).

    Raises `DataError` when files exist and `overwrite` is off, and `DiskError` when the disk
    refuses.
    """
    folder = names.folder
    needed = sum(map(len, contents.values()))
    with naming(folder, needed):
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            _recover(folder)
            if not overwrite:
                refuse_existing(names)
            written = persistently(lambda: _write_beside(folder, contents), folder, needed)
            _move_in(written, names)


def recover(folder: Path) -> list[str]:
    """End what killed writers left in `folder`; return the prefixes of the sets that are now there.

    Waits for a writer that is at work. Raises `DiskError` when the disk refuses.
    """
    if not any(folder.glob(BUILDING + "*")):
        return []
    with naming(folder), _locked(folder):
        return _recover(folder)


def _recover(folder: Path) -> list[str]:
    """Move sets that are whole into their places, and remove what is not whole."""
    moved = []
    for temporary in sorted(folder.glob(BUILDING + "*")):
        manifests = list(temporary.glob("*" + MANIFEST))
        if len(manifests) == 1 and _is_whole(manifests[0], folder):
            prefix = manifests[0].name.removesuffix(MANIFEST)
            _move_in(temporary, DatasetNames(folder=folder, prefix=prefix))
            moved.append(prefix)
        else:
            shutil.rmtree(temporary, ignore_errors=True)
    return moved


def _is_whole(manifest: Path, folder: Path) -> bool:
    """Whether every file of the manifest lies beside it, or in its place already."""
    try:
        files = read_manifest(manifest).files
    except DataError:  # the writer was killed at the manifest
        return False
    beside = {path.name: path.stat().st_size for path in manifest.parent.iterdir()}
    return all(
        beside.get(file.name) == file.bytes
        or (file.name not in beside and (folder / file.name).is_file())
        for file in files
    )


def _write_beside(folder: Path, contents: Mapping[str, bytes]) -> Path:
    """Return a new folder in `folder` with the files, safely on the disk."""
    temporary = Path(mkdtemp(prefix=BUILDING, dir=folder))
    try:
        for name, content in contents.items():
            write_synced(temporary / name, content)
        sync(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return temporary


def _move_in(temporary: Path, names: DatasetNames) -> None:
    """Move what `temporary` holds over the old files, the manifest last; done twice, it is done.

    The old manifest goes first and the new one comes last, so that no reader trusts a mixture.
    """
    listed = [file.name for file in read_manifest(temporary / names.manifest).files]
    waiting = {path.name for path in temporary.iterdir()}
    for old in reversed(names.existing()):
        if old.name in waiting or old.name not in listed:
            old.unlink()
    for name in (*listed, names.manifest):
        if name in waiting:
            (temporary / name).replace(names.folder / name)
    sync(names.folder)
    shutil.rmtree(temporary)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one writer at a time work in `folder`; the lock dies with its process."""
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
