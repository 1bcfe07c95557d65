"""From the files of a data set to arrays, with every rule of the format checked."""

import numpy as np
from jaxtyping import Int64

from geometric_memory.config import DatasetConfig, DatasetSettings
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.datasets.files import DatasetFiles, find_dataset
from geometric_memory.datasets.names import published_names
from geometric_memory.datasets.parsing import Problems, Table, read_table
from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph, distinct, unique_edges


def read_dataset(config: DatasetConfig) -> Dataset:
    """Find and read the data set of `config`.

    Raises `DataError` when it is absent or differs from the request, and with file:line:column
    and the rule, for the first 20 problems, when a file breaks the format.
    """
    files = find_dataset(config)
    if files is None:
        names = published_names(config)
        raise DataError(
            f"no data set {names.prefix} in {names.folder}; "
            "build it first: `geomem dataset` with the same options"
        )
    return read_files(files, config)


def read_files(files: DatasetFiles, config: DatasetConfig) -> Dataset:
    """Read the data set of `config` from `files`; raises `DataError` as `read_dataset` does."""
    with_start = config.dataset.include_start_node_in_path_finetuning
    prompt = b",=" if with_start else b"="
    path_row = prompt + b"," * (config.graph.path_length - 1) + b"\n"
    facts, notes = read_table(files.pretrain, b"=\n")
    train, train_notes = read_table(files.train, path_row)
    test, test_notes = read_table(files.test, path_row)
    problems = Problems()
    for table in (facts, train, test):
        _check_vocabulary(table, files.node_count, problems)
    problems.stop_if_any()
    if not config.dataset.add_self_edges:
        _check_self_edges(facts, problems)
    for table in (train, test):
        _check_prompt(table, len(prompt), problems)
        _check_edges(table, len(prompt), facts.values, files.node_count, problems)
    train_paths, test_paths = train.values[:, len(prompt) :], test.values[:, len(prompt) :]
    _check_held_out(train_paths, test, test_paths, problems)
    problems.stop_if_any()
    star = config.graph.graph_type == "star"
    graph = Graph(
        node_count=files.node_count,
        edges=_edges(facts.values, config.dataset, files),
        paths=np.concatenate([train_paths, test_paths]),
        family=config.graph.graph_type,
        given_names=files.names or (),
        given_labels=(files.manifest.labels if files.manifest else None) or (),
        root=int(train_paths[0, 0]) if star else files.root,
        directed=files.manifest.directed if files.manifest else False,
    )
    return Dataset(
        settings=files.manifest.graph if files.manifest else config.graph,
        graph=graph,
        facts=facts.values,
        train_paths=train_paths,
        test_paths=test_paths,
        origin="read from the files of the data set",
        sha256=files.sha256,
        notes=(*files.notes, *notes, *train_notes, *test_notes, *_repeated(facts)),
    )


def _edges(
    facts: Int64[np.ndarray, "facts 2"], settings: DatasetSettings, files: DatasetFiles
) -> Int64[np.ndarray, "edges 2"]:
    """Return the forward edges that `facts` were made from."""
    apart = facts[facts[:, 0] != facts[:, 1]]
    if not settings.forward_edges:
        apart = apart[:, ::-1]
    if files.manifest and files.manifest.edge_count is not None:
        return apart[: files.manifest.edge_count]
    if settings.forward_edges and settings.backward_edges:
        # Forward edges come first: of each pair of nodes, the first fact is one.
        low, high = apart.min(axis=1), apart.max(axis=1)
        _, first = np.unique(low * files.node_count + high, return_index=True)
        apart = apart[np.sort(first)]
    return unique_edges(apart, files.node_count)


def _check_vocabulary(table: Table, node_count: int, problems: Problems) -> None:
    for row, column in np.argwhere(table.values >= node_count).tolist():
        node = table.values[row, column]
        rule = f"node {node} is out of vocabulary: the graph has nodes 0 to {node_count - 1}"
        problems.add(lambda r=row, c=column: table.place(r, c), rule)


def _check_self_edges(facts: Table, problems: Problems) -> None:
    for row in np.flatnonzero(facts.values[:, 0] == facts.values[:, 1]).tolist():
        rule = "a self edge in a file without self edges"
        problems.add(lambda r=row: facts.place(r, 0), rule)


def _check_prompt(table: Table, prompt_length: int, problems: Problems) -> None:
    """The prompt is `leaf` or `start,leaf`: the ends of the path."""
    values = table.values
    ends = [(prompt_length - 1, values.shape[1] - 1, "end")]
    if prompt_length == 2:
        ends.insert(0, (0, prompt_length, "start"))
    for asked, actual, word in ends:
        for row in np.flatnonzero(values[:, asked] != values[:, actual]).tolist():
            rule = f"the path does not {word} at node {values[row, asked]} of its prompt"
            problems.add(lambda r=row, c=actual: table.place(r, c), rule)


def _check_edges(
    table: Table,
    prompt_length: int,
    edges: Int64[np.ndarray, "edges 2"],
    node_count: int,
    problems: Problems,
) -> None:
    """Each step of a path is an edge, in one direction or the other."""
    paths = table.values[:, prompt_length:]
    low, high = np.minimum(paths[:, :-1], paths[:, 1:]), np.maximum(paths[:, :-1], paths[:, 1:])
    known = distinct(edges.min(axis=1) * node_count + edges.max(axis=1))
    steps = low * node_count + high
    nearest = known[np.searchsorted(known, steps).clip(max=len(known) - 1)]
    wrong = (nearest != steps) | (low == high)
    for row, step in np.argwhere(wrong).tolist():
        rule = f"the path steps from {paths[row, step]} to {paths[row, step + 1]}: no such edge"
        problems.add(lambda r=row, c=prompt_length + step + 1: table.place(r, c), rule)


def _check_held_out(
    train_paths: Int64[np.ndarray, "train length"],
    test: Table,
    test_paths: Int64[np.ndarray, "test length"],
    problems: Problems,
) -> None:
    known = set(map(bytes, np.ascontiguousarray(train_paths)))
    for row, path in enumerate(map(bytes, np.ascontiguousarray(test_paths))):
        if path in known:
            problems.add(lambda r=row: test.place(r, 0), "this path is a train path too")


def _repeated(facts: Table) -> list[str]:
    width = int(facts.values.max()) + 1
    codes = facts.values[:, 0] * width + facts.values[:, 1]
    repeated = len(codes) - len(distinct(codes))
    return [f"{facts.path.name}: {repeated} repeated edge lines"] if repeated else []
