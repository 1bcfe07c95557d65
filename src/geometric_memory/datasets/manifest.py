"""The manifest of a data set, every parameter and a SHA-256 per file, and the names of its files.

Names are labels, and many data sets have the same published name. What a data set is stands in its
manifest, never in a name.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from geometric_memory.config import DatasetConfig, DatasetSettings, GraphSettings
from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.files.whole import json_bytes
from geometric_memory.limits import PLAIN_NAME

SCHEMA = 1
LONGEST_NAME = 255
"""Letters of a file's name on most systems."""
MAXIMUM_BYTES = 2**28
DAMAGE = (msgspec.DecodeError, ConfigurationError, RecursionError, UnicodeDecodeError)
DERIVED = ("total_nodes", "path_count")
GRAPH_CONTENT = "graph_file content (SHA-256)"
REBUILD = "rebuild the data set: `geomem dataset --overwrite` with the same settings"


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One file of a data set; names are relative to the folder of the manifest."""

    name: str
    split: str
    self_edges: bool
    lines: int
    bytes: int
    sha256: str


def record_file(name: str, split: str, content: bytes, *, self_edges: bool) -> FileRecord:
    """Return the record of a file with this content."""
    return FileRecord(
        name=name, split=split, self_edges=self_edges, lines=content.count(b"\n"),
        bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a data set is."""

    schema: int = SCHEMA
    package_version: str = ""
    graph: GraphSettings
    dataset: DatasetSettings
    node_count: int
    root: int | None
    directed: bool
    names: tuple[str, ...] | None
    labels: tuple[str, ...] | None = None
    """What nodes are shown as, in the order of `names`, where that differs."""
    graph_file_sha256: str | None
    edge_count: int | None = None
    """Forward edges, which the facts begin with; None in manifests of older versions."""
    files: tuple[FileRecord, ...]
    notes: tuple[str, ...] = ()

    def records(self, *, self_edges: bool) -> dict[str, FileRecord]:
        """Return the three files of one self-edge variant by split."""
        return {file.split: file for file in self.files if file.self_edges == self_edges}


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON, without the folder that happens to hold it."""
    data = msgspec.to_builtins(manifest)
    data["dataset"].pop("dataset_root", None)
    return json_bytes(data, indent=1)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; raise `DataError` when it is damaged or of a newer version."""
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise DataError(f"{path}: larger than any manifest; {REBUILD}")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        schema = msgspec.json.decode(content, type=_SchemaOnly).schema
        if schema > SCHEMA:
            raise DataError(
                f"{path}: written by a newer version (schema {schema}, this one reads {SCHEMA}); "
                "update geometric_memory"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except DAMAGE as error:
        raise DataError(f"{path}: damaged manifest: {error}; {REBUILD}") from error
    for file in manifest.files:
        plain = re.match(PLAIN_NAME, file.name) and len(file.name) <= LONGEST_NAME
        if not (plain and file.name.endswith(".txt")):
            raise DataError(f"{path}: {file.name[:80]!r} is no name of a data set file")
    return manifest


@dataclass(frozen=True)
class _SchemaOnly:
    schema: int


def request_differences(manifest: Manifest, config: DatasetConfig) -> list[str]:
    """Return one line per parameter in which the files differ from the request."""
    stored = _parameters(manifest.graph, manifest.dataset)
    stored |= {GRAPH_CONTENT: manifest.graph_file_sha256}
    asked = identity(config)
    for found in (stored, asked):  # what only the graph of a file knows
        found |= {n: manifest.node_count for n in DERIVED if found.get(n, "") is None}
    return [
        f"--{name}: {stored.get(name)} in the files, {asked.get(name)} asked"
        for name in dict.fromkeys([*stored, *asked])
        if stored.get(name) != asked.get(name)
    ]


def identity(config: DatasetConfig) -> dict[str, Any]:
    """Return what decides the files of `config`, derived values in their final form.

    Raises `DataError` when the file of a custom graph cannot be read.
    """
    return _parameters(config.graph, config.dataset) | {
        GRAPH_CONTENT: graph_file_sha256(config.graph)
    }


def _parameters(graph: GraphSettings, dataset: DatasetSettings) -> dict[str, Any]:
    known = graph.family.identity()
    known.pop("graph_file", None)  # which may lie anywhere; its content counts
    return {
        "graph_type": graph.graph_type,
        **known,
        "train_split_ratio": dataset.train_split_ratio,
        "split_subtree_holdout": dataset.split_subtree_holdout,
        "add_forward_edges": dataset.forward_edges,
        "add_backward_edges": dataset.backward_edges,
        "include_start_node_in_path_finetuning": dataset.include_start_node_in_path_finetuning,
    }


def graph_file_sha256(settings: GraphSettings) -> str | None:
    """Return the SHA-256 of the file of a custom graph; None for the other families."""
    return file_sha256(Path(settings.graph_file)) if settings.graph_type == "custom" else None


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file; raise `DataError` when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


HASH_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class DatasetNames:
    """Where the files of one data set lie."""

    folder: Path
    prefix: str
    """What all its files begin with: graph stem, prompt bits and direction bits."""

    @property
    def manifest(self) -> str:
        """Name of the manifest."""
        return f"{self.prefix}_manifest.json"

    def file(self, split: str, count: int, *, self_edges: bool) -> str:
        """Name of a `pretrain`, `train` or `test` file; only paths carry their count."""
        part = split if split == "pretrain" else f"{split}_{count}"
        return f"{self.prefix}_selfedge_{int(self_edges)}_{part}.txt"

    def existing(self) -> list[Path]:
        """Return every file of this data set that lies in its folder, the manifest last."""
        part = re.compile(r"_selfedge_[01]_(pretrain|(train|test)_[0-9]+)\.txt")
        if not self.folder.is_dir():
            return []
        found = [
            path
            for path in sorted(self.folder.iterdir())
            if path.name.startswith(self.prefix) and part.fullmatch(path.name[len(self.prefix) :])
        ]
        manifest = self.folder / self.manifest
        return [*found, manifest] if manifest.exists() else found

    def older_file(self, split: str, count: int) -> str:
        """Name in older releases, which knew no self edges."""
        return self.file(split, count, self_edges=False).replace("_selfedge_0", "")


def dataset_places(config: DatasetConfig) -> tuple[DatasetNames, DatasetNames]:
    """Return where the files of `config` may lie.

    First the published place, which is theirs unless another data set lies there, then one that no
    other data set can have, since its name ends in a hash of everything that decides the files.
    Raises `DataError` when the file of a custom graph cannot be read.
    """
    published = published_names(config)
    content = msgspec.json.encode(identity(config), order="deterministic")
    digest = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
    return published, replace(published, prefix=f"{published.prefix}_{digest}")


def published_names(config: DatasetConfig, stem: str = "") -> DatasetNames:
    """Return the names of the files of `config`; those of a custom graph need its graph file.

    `stem` replaces that of the family.
    """
    family, dataset = config.graph.family, config.dataset
    bits = (
        f"_sd_{int(dataset.include_start_node_in_path_finetuning)}"
        f"{int(dataset.use_directional_edge_pretraining)}"
        f"_fb_{int(dataset.forward_edges)}{int(dataset.backward_edges)}"
    )
    return DatasetNames(
        folder=Path(dataset.dataset_root) / family.text(family.folder),
        prefix=family.text(stem or family.stem) + bits,
    )
