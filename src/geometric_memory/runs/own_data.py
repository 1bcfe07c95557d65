"""The data set of a run: its own copy of the files that it was trained on.

RUN/dataset/  pretrain.txt  train.txt  test.txt  manifest.json

Whatever becomes of the folder of data sets, and of the file of a custom graph, a run can be
measured, verified and gone on with, here or on another machine. The files are small beside one
checkpoint.
"""

import hashlib
from dataclasses import replace

from geometric_memory.config import DatasetSettings, RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.datasets.files import SPLITS, DatasetFiles, find_dataset, verified_files
from geometric_memory.datasets.manifest import (
    FileRecord,
    Manifest,
    encode_manifest,
    graph_file_sha256,
    read_manifest,
)
from geometric_memory.datasets.reader import read_dataset, read_files
from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.files.whole import refuse_links, write_whole
from geometric_memory.runs.folder import RunFolder

MANIFEST = "manifest.json"


def keep_dataset(folder: RunFolder, config: RunConfig, sha256: dict[str, str]) -> None:
    """Copy the data set of `config` into the run, which trains on the files with these sums.

    Raises:
        DataError: if the files have changed since they were read.
        DiskError: if they cannot be written.
    """
    files = find_dataset(config)
    if files is None or files.sha256 != sha256:
        raise DataError("the files of the data set changed while the run was prepared; start again")
    folder.dataset.mkdir(exist_ok=True)
    refuse_links(folder.dataset)
    manifest = folder.dataset / MANIFEST
    manifest.unlink(missing_ok=True)
    records = []
    for split in SPLITS:
        content = getattr(files, split).read_bytes()
        write_whole(folder.dataset / f"{split}.txt", content)
        records.append(
            FileRecord(
                name=f"{split}.txt",
                split=split,
                self_edges=config.dataset.add_self_edges,
                lines=content.count(b"\n"),
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
    described = replace(_described(files, config), files=tuple(records))
    write_whole(manifest, encode_manifest(described))


def read_run_dataset(folder: RunFolder, config: RunConfig) -> Dataset:
    """Return the data set of a run: its own copy or, without one, that of its settings.

    Raises:
        CheckpointError: if its own copy is a symbolic link.
        DataError: if there is none, or its files are damaged.
    """
    own = own_files(folder, config)
    return read_dataset(config) if own is None else read_files(own, config)


def own_files(folder: RunFolder, config: RunConfig) -> DatasetFiles | None:
    """Return the run's own copy of its data set; None in runs of older versions.

    Raises:
        CheckpointError: if it is a symbolic link.
        DataError: if it is damaged.
    """
    manifest = folder.dataset / MANIFEST
    if not manifest.exists():
        return None
    refuse_links(folder.dataset)
    links = [path for path in folder.dataset.iterdir() if path.is_symlink()]
    if links:
        raise CheckpointError(f"{links[0]}: is a symbolic link, which is not followed here")
    self_edges = config.dataset.add_self_edges
    return verified_files(folder.dataset, read_manifest(manifest), self_edges=self_edges)


def graph_has_changed(folder: RunFolder, config: RunConfig) -> bool:
    """Whether the graph file of `config` holds another graph than the run was trained on."""
    manifest = folder.dataset / MANIFEST
    if config.graph.graph_type != "custom" or not manifest.exists():
        return False
    return read_manifest(manifest).graph_file_sha256 != graph_file_sha256(config.graph)


def _described(files: DatasetFiles, config: RunConfig) -> Manifest:
    """Return the manifest of `files`, or one made for files of the release, which had none."""
    return files.manifest or Manifest(
        graph=config.graph,
        dataset=replace(config.dataset, dataset_root=DatasetSettings().dataset_root),
        node_count=files.node_count,
        root=files.root,
        directed=False,
        names=files.names,
        graph_file_sha256=None,
        files=(),
        notes=files.notes,
    )
