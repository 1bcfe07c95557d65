"""Finding the files of a data set and making sure that they are what was asked for."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from geometric_memory.config import DatasetConfig
from geometric_memory.datasets.manifest import (
    REBUILD,
    FileRecord,
    Manifest,
    file_sha256,
    read_manifest,
    request_differences,
)
from geometric_memory.datasets.names import DatasetNames, dataset_places
from geometric_memory.datasets.storage import recover
from geometric_memory.errors import DataError, DiskError

SPLITS = ("pretrain", "train", "test")


@dataclass(frozen=True, kw_only=True)
class DatasetFiles:
    """The three files of one self-edge variant."""

    pretrain: Path
    train: Path
    test: Path
    sha256: dict[str, str]
    """SHA-256 of each file by split: `pretrain`, `train`, `test`."""
    node_count: int
    root: int | None
    names: tuple[str, ...] | None
    manifest: Manifest | None
    notes: tuple[str, ...] = ()
    """What a reader should know, as sentences: an absent manifest, dropped self-loops."""


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
                self_edges = config.dataset.add_self_edges
                return verified_files(names.folder, manifest, self_edges=self_edges)
        elif names == published:
            found = _find_without_manifest(config, names)
            if found is not None:
                return found
        elif names.existing():
            raise DataError(f"{path}: missing; {REBUILD}")
    return None


def holds_another(names: DatasetNames, config: DatasetConfig) -> bool:
    """Whether a data set that is not the one of `config` lies at `names`."""
    path = names.folder / names.manifest
    return path.exists() and bool(request_differences(read_manifest(path), config))


def verified_files(folder: Path, manifest: Manifest, *, self_edges: bool) -> DatasetFiles:
    """Return the files of one self-edge variant in `folder`.

    Raises `DataError` when a file is missing, or its size or SHA-256 is not the one of `manifest`.
    """
    records = manifest.records(self_edges=self_edges)
    if set(records) != set(SPLITS):
        raise DataError(f"{folder}: its manifest does not list the three files; {REBUILD}")
    for record in records.values():
        _verify(folder / record.name, record)
    return chosen_files(folder, manifest, self_edges=self_edges)


def chosen_files(folder: Path, manifest: Manifest, *, self_edges: bool) -> DatasetFiles:
    """Return the files of one self-edge variant as the manifest lists them."""
    records = manifest.records(self_edges=self_edges)
    return DatasetFiles(
        pretrain=folder / records["pretrain"].name,
        train=folder / records["train"].name,
        test=folder / records["test"].name,
        sha256={split: records[split].sha256 for split in SPLITS},
        node_count=manifest.node_count,
        root=manifest.root,
        names=manifest.names,
        manifest=manifest,
        notes=manifest.notes,
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
    counts = _expected_counts(config)
    if counts is None:
        if names.existing():
            raise DataError(f"{names.folder / names.manifest}: missing; {REBUILD}")
        return None
    self_edges = config.dataset.add_self_edges
    notes = [f"no manifest beside {names.prefix}: seed and ratio of the files are not checked"]
    files = {s: names.folder / names.file(s, counts[s], self_edges=self_edges) for s in SPLITS}
    older = {s: names.folder / names.older_file(s, counts[s]) for s in SPLITS}
    if not files["pretrain"].exists() and not self_edges and older["pretrain"].exists():
        files = older
        notes.append("file names of an older release: read as self edges off")
    missing = [path.name for path in files.values() if not path.is_file()]
    if len(missing) == len(SPLITS):
        return None
    if missing:
        raise DataError(
            f"{names.folder}: incomplete data set (or another split ratio); missing: "
            f"{', '.join(missing)}; {REBUILD}"
        )
    return DatasetFiles(
        **files,
        sha256={split: file_sha256(path) for split, path in files.items()},
        node_count=config.graph.family.node_count or 0,
        root=None,
        names=None,
        manifest=None,
        notes=tuple(notes),
    )


def _expected_counts(config: DatasetConfig) -> dict[str, int] | None:
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
