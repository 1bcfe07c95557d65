"""The files of a data set: all of them or none, whatever happens to the process that writes them.

They are written into a folder of their own, `.building-*`, the manifest last. Once it is there the
set exists, and its files only have to be moved into their places; where a kill or a full disk stops
that, whoever comes next moves the rest. Files that are found are made sure to be what was asked
for.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import mkdtemp

from geometric_memory.config import DatasetConfig, DatasetSettings
from geometric_memory.datasets.manifest import (
    REBUILD,
    DatasetNames,
    FileRecord,
    Manifest,
    dataset_places,
    file_sha256,
    published_names,
    read_manifest,
    request_differences,
)
from geometric_memory.errors import DataError, DiskError
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
        with _lock(folder):
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
    with naming(folder), _lock(folder):
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
def _lock(folder: Path) -> Iterator[None]:
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


SPLITS = ("pretrain", "train", "test")


@dataclass(frozen=True, kw_only=True)
class DatasetFiles:
    """The three files of one self-edge variant."""

    pretrain: Path
    train: Path
    test: Path
    sha256: dict[str, str]
    """SHA-256 of each file by split: `pretrain`, `train`, `test`."""
    manifest: Manifest
    """What the files are; without a manifest, as in the published release, what was asked for."""

    promised: Mapping[str, int] = field(default_factory=dict)
    """Paths by split as the names of files without a manifest promise them; else empty."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know, as sentences: an absent manifest, dropped self-loops."""
        return self.manifest.notes


def find_dataset(config: DatasetConfig) -> DatasetFiles | None:
    """Return the files of `config` that exist, or None when there are none.

    A set whose writer was killed while it moved the files into their places is there.

    Raises `DataError` when a file is missing, or its size or SHA-256 is not the one of the
    manifest. Files without a manifest, of the published release too, are accepted with a note.
    """
    published, own = dataset_places(config)
    with suppress(DiskError):  # a reader of a disk that is read-only takes what is there
        recover(published.folder)
    for names in (published, own):
        path = names.folder / names.manifest
        if path.exists():
            manifest = read_manifest(path)
            if not request_differences(manifest, config):
                self_edges = config.dataset.has_self_edges
                return verify_files(names.folder, manifest, self_edges=self_edges)
        elif names == published:
            older = published_names(config, config.graph.family.older_stem)
            found = _find_without_manifest(config, names) or _find_without_manifest(config, older)
            if found is not None:
                return found
        elif names.existing():
            raise DataError(f"{path}: missing; {REBUILD}")
    return None


def holds_another(names: DatasetNames, config: DatasetConfig) -> bool:
    """Whether a data set that is not the one of `config` lies at `names`."""
    path = names.folder / names.manifest
    return path.exists() and bool(request_differences(read_manifest(path), config))


def verify_files(folder: Path, manifest: Manifest, *, self_edges: bool) -> DatasetFiles:
    """Return the files of one self-edge variant in `folder`.

    Raises `DataError` when a file is missing, or its size or SHA-256 is not the one of `manifest`.
    """
    records = manifest.records(self_edges=self_edges)
    if set(records) != set(SPLITS):
        raise DataError(f"{folder}: its manifest does not list the three files; {REBUILD}")
    for record in records.values():
        _verify(folder / record.name, record)
    return list_files(folder, manifest, self_edges=self_edges)


def list_files(folder: Path, manifest: Manifest, *, self_edges: bool) -> DatasetFiles:
    """Return the files of one self-edge variant as the manifest lists them."""
    records = manifest.records(self_edges=self_edges)
    return DatasetFiles(
        **{split: folder / records[split].name for split in SPLITS},
        sha256={split: records[split].sha256 for split in SPLITS},
        manifest=manifest,
        promised={},
    )


def _verify(path: Path, record: FileRecord) -> None:
    if not path.is_file():
        raise DataError(f"{path}: missing, though the manifest lists it; {REBUILD}")
    size = path.stat().st_size
    if size != record.bytes:
        raise DataError(f"{path}: {record.bytes} bytes expected, {size} found")
    actual = file_sha256(path)
    if actual != record.sha256:
        raise DataError(f"{path}: changed: SHA-256 {record.sha256} expected, {actual} found")


def _find_without_manifest(config: DatasetConfig, names: DatasetNames) -> DatasetFiles | None:
    counts = _expect_counts(config)
    if counts is None:
        if names.existing():
            raise DataError(f"{names.folder / names.manifest}: missing; {REBUILD}")
        return None
    files, notes = _name_files(config, names, counts)
    missing = [path.name for path in files.values() if not path.is_file()]
    if len(missing) == len(SPLITS):
        return None
    if missing:
        raise DataError(
            f"{names.folder}: incomplete data set (or another split ratio); missing: "
            f"{', '.join(missing)}; {_other_split(config, names) or REBUILD}"
        )
    return DatasetFiles(
        **files,
        sha256={split: file_sha256(path) for split, path in files.items()},
        promised=counts,
        manifest=Manifest(
            graph=config.graph,
            dataset=replace(config.dataset, dataset_root=DatasetSettings().dataset_root),
            node_count=config.graph.family.node_count or 0,
            root=None, directed=False, names=None, graph_file_sha256=None, files=(),
            notes=tuple(notes),
        ),
    )  # fmt: skip


def _name_files(
    config: DatasetConfig, names: DatasetNames, counts: Mapping[str, int]
) -> tuple[dict[str, Path], list[str]]:
    """Return where files without a manifest lie, by split, and what is to be known of them."""
    self_edges = config.dataset.has_self_edges
    notes = [f"no manifest beside {names.prefix}: seed and ratio of the files are not checked"]
    files = {s: names.folder / names.file(s, counts[s], self_edges=self_edges) for s in SPLITS}
    older = {s: names.folder / names.older_file(s, counts[s]) for s in SPLITS}
    if not files["pretrain"].exists() and not self_edges and older["pretrain"].exists():
        files = older
        notes.append("file names of an older release: read as self edges off")
    return files, notes


def _other_split(config: DatasetConfig, names: DatasetNames) -> str:
    """Return what to do where the files are there in the other way to hold out paths."""
    if config.graph.graph_type != "star" or config.graph.star_subtree_degree == 1:
        return ""
    given = config.dataset.split_subtree_holdout
    dataset = replace(config.dataset, split_subtree_holdout=not given)
    counts = _expect_counts(replace(config, dataset=dataset))
    if not counts or not all(p.is_file() for p in _name_files(config, names, counts)[0].values()):
        return ""
    return (
        "the files that are there were split path by path: leave out --split_subtree_holdout"
        if given
        else "the files that are there hold out whole subtrees: give --split_subtree_holdout"
    )


def _expect_counts(config: DatasetConfig) -> dict[str, int] | None:
    """Return the path counts that the names of a published family carry."""
    paths = config.graph.family.path_total
    if paths is None:
        return None
    share = config.dataset.train_split_ratio
    if config.dataset.split_subtree_holdout:
        degree = config.graph.star_degree
        train = int(degree * share) * (paths // degree)
    else:
        train = int(paths * share)
    return {"pretrain": 0, "train": train, "test": paths - train}
