"""From settings to the six published text files and their manifest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from geometric_memory import __version__
from geometric_memory.config import DatasetConfig, DatasetSettings
from geometric_memory.datasets.dataset import Dataset, draw_dataset
from geometric_memory.datasets.files import (
    DatasetFiles,
    find_dataset,
    holds_another,
    list_files,
    recover,
    refuse_existing,
    store_files,
)
from geometric_memory.datasets.manifest import (
    DatasetNames,
    FileRecord,
    Manifest,
    dataset_places,
    encode_manifest,
    graph_file_sha256,
    record_file,
)
from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph


def build_dataset(config: DatasetConfig, *, overwrite: bool = False) -> DatasetFiles:
    """Build graph and split from one generator and write the data set, all of it or nothing.

    It takes the published names, unless a data set of other settings has them. With `overwrite` it
    takes them from any other, and replaces its own files.

    Raises `DataError` when files exist (without `overwrite`) or the graph cannot be made,
    `DiskError` when they cannot be written.
    """
    published, own = dataset_places(config)
    recovered = recover(published.folder)
    if not overwrite and {published.prefix, own.prefix} & set(recovered):
        found = find_dataset(config)
        if found is not None:  # what a killed command had written is what is asked for
            return found
    if overwrite:
        names = own if own.existing() else published
    else:
        names = own if holds_another(published, config) else published
        refuse_existing(names)
    dataset = draw_dataset(config)
    try:
        return _store(config, dataset, names, overwrite=overwrite)
    except DataError:
        if overwrite or names == own or not holds_another(published, config):
            raise
        return _store(config, dataset, own)  # another writer came first


def _store(
    config: DatasetConfig, dataset: Dataset, names: DatasetNames, *, overwrite: bool = False
) -> DatasetFiles:
    contents, records = _texts(config, dataset, names)
    manifest = _manifest(config, dataset.graph, records)
    contents[names.manifest] = encode_manifest(manifest)
    store_files(names, contents, overwrite=overwrite)
    return list_files(names.folder, manifest, self_edges=config.dataset.has_self_edges)


def _texts(
    config: DatasetConfig, dataset: Dataset, names: DatasetNames
) -> tuple[dict[str, bytes], list[FileRecord]]:
    """Return the six files by name, and their records."""
    graph, train, test = dataset.graph, dataset.train_paths, dataset.test_paths
    words = [str(node) for node in range(graph.node_count)]
    edges = graph.facts(
        forward=config.dataset.forward_edges, backward=config.dataset.backward_edges
    )
    edge_text = _edge_lines(edges, words)
    self_text = "".join([f"{word}={word}\n" for word in words])
    with_start = config.dataset.include_start_node_in_path_finetuning
    parts = {
        "train": _path_lines(train, words, with_start=with_start),
        "test": _path_lines(test, words, with_start=with_start),
    }
    contents: dict[str, bytes] = {}
    records: list[FileRecord] = []
    for self_edges in (False, True):
        facts = edge_text + self_text if self_edges else edge_text
        for split, text in {"pretrain": facts, **parts}.items():
            content = text.encode()
            name = names.file(split, content.count(b"\n"), self_edges=self_edges)
            contents[name] = content
            records.append(record_file(name, split, content, self_edges=self_edges))
    return contents, records


def _edge_lines(edges: Int64[np.ndarray, "facts 2"], words: list[str]) -> str:
    """Return one `u=v` line per edge."""
    return "".join([f"{words[u]}={words[v]}\n" for u, v in zip(*edges.T.tolist(), strict=True)])


def _path_lines(
    paths: Int64[np.ndarray, "paths length"], words: list[str], *, with_start: bool
) -> str:
    """Return one `leaf=path` line per path, or `start,leaf=path`."""
    lines = []
    for path in zip(*paths.T.tolist(), strict=True):
        nodes = [words[node] for node in path]
        prompt = f"{nodes[0]},{nodes[-1]}" if with_start else nodes[-1]
        lines.append(f"{prompt}={','.join(nodes)}\n")
    return "".join(lines)


def _manifest(config: DatasetConfig, graph: Graph, records: list[FileRecord]) -> Manifest:
    """Describe the data set, without the places where it and its graph file happen to lie."""
    graph_file = Path(config.graph.graph_file).name
    return Manifest(
        package_version=__version__,
        graph=replace(config.graph, graph_file=graph_file),
        dataset=replace(config.dataset, dataset_root=DatasetSettings().dataset_root),
        node_count=graph.node_count,
        root=graph.root,
        directed=graph.directed,
        names=graph.given_names or None,
        labels=graph.given_labels or None,
        graph_file_sha256=graph_file_sha256(config.graph),
        edge_count=len(graph.edges),
        files=tuple(records),
        notes=graph.notes,
    )
