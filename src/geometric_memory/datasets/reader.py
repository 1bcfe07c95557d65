"""From the files of a data set to arrays, with every rule of the format checked."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from geometric_memory.config import DatasetConfig, DatasetSettings
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.datasets.files import DatasetFiles, find_dataset
from geometric_memory.datasets.manifest import Manifest, published_names
from geometric_memory.errors import DataError
from geometric_memory.graphs.graph import Graph, distinct, select_facts, unique_edges

SHOWN_PROBLEMS = 20
LONGEST_ID = 18
DIGITS = b"0123456789"
TO_SPACES = bytes.maketrans(b"=,\n", b"   ")
NODE_FIELD = re.compile(rb"[^=,]*")


@dataclass(kw_only=True)
class Problems:
    """The problems found so far, of which the first 20 are shown."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, place: Callable[[], str], rule: str) -> None:
        """Add one problem; `place` is asked for file:line:column only if it is shown."""
        self.count += 1
        if self.count <= SHOWN_PROBLEMS:
            self.lines.append(f"{place()}: {rule}")

    def stop_if_any(self) -> None:
        """Raise `DataError` listing the problems."""
        if not self.count:
            return
        more = self.count - len(self.lines)
        rest = [f"and {more} more problems"] if more else []
        raise DataError("\n".join(self.lines + rest))


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """The rows of one file: `values[i]` are the ids on line i + 1."""

    path: Path
    values: Int64[np.ndarray, "rows fields"]

    def place(self, row: int, column: int) -> str:
        """Return file:line:column of one id."""
        before = self.values[row, :column].tolist()
        return f"{self.path}:{row + 1}:{1 + sum(len(str(value)) + 1 for value in before)}"


def read_table(path: Path, separators: bytes) -> tuple[Table, list[str]]:
    """Read a file whose rows have one id before each of the separators; also return notes.

    Windows line ends and a missing last line end are accepted with a note. Raises `DataError`
    with file:line:column and the rule for the first 20 lines that break the format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    content, notes = _unix_lines(path, content)
    if not _well_formed(content, separators):
        _refuse_other_length(path, content, separators)
        problems = Problems()
        for number, line in enumerate(content[:-1].split(b"\n"), start=1):
            if problem := _line_problem(line, separators):
                column, rule = problem
                problems.add(lambda n=number, c=column: f"{path}:{n}:{c}", rule)
        problems.stop_if_any()
    flat = np.fromstring(content.translate(TO_SPACES), dtype=np.int64, sep=" ")
    return Table(path=path, values=flat.reshape(-1, len(separators))), notes


def _unix_lines(path: Path, content: bytes) -> tuple[bytes, list[str]]:
    notes = []
    if not content.strip():
        raise DataError(f"{path}:1:1: the file is empty")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}:1:1: byte order mark: save the file as plain ASCII text")
    if b"\r\n" in content:
        content = content.replace(b"\r\n", b"\n")
        notes.append(f"{path.name}: Windows line ends")
    if not content.endswith(b"\n"):
        content += b"\n"
        notes.append(f"{path.name}: no line end after the last line: the file may be cut off")
    return content, notes


def _well_formed(content: bytes, separators: bytes) -> bool:
    """Whether only ids without leading zeros stand between exactly these separators."""
    rows = content.count(b"\n")
    if content.translate(None, DIGITS) != separators * rows:
        return False
    letters = np.frombuffer(content, dtype=np.uint8)
    ends = np.flatnonzero((letters < ord("0")) | (letters > ord("9")))
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts
    leading_zero = (letters[starts] == ord("0")) & (lengths > 1)
    return bool(lengths.min() >= 1 and lengths.max() <= LONGEST_ID and not leading_zero.any())


def _refuse_other_length(path: Path, content: bytes, separators: bytes) -> None:
    """Raise `DataError` if all lines hold paths of one length, which is another one."""
    prompt = separators[: separators.index(b"=") + 1]
    found = content.partition(b"\n")[0].count(b",") - prompt.count(b",") + 1
    asked = len(separators) - len(prompt)
    if min(found, asked) > 1 and _well_formed(content, prompt + b"," * (found - 1) + b"\n"):
        raise DataError(
            f"{path}:1: its paths have {found} nodes, and --path_length {asked} is asked for; give "
            f"--path_length {found}, or another --dataset_root to build such paths in"
        )


def _line_problem(line: bytes, separators: bytes) -> tuple[int, str] | None:
    """Return the column and rule of the first problem of a line."""
    if not line:
        return 1, "empty line"
    position = 0
    for place, separator in enumerate(separators, start=1):
        match = NODE_FIELD.match(line, position)
        word = match.group() if match else b""
        rule = _id_problem(word)
        if rule:
            return position + 1, rule
        position += len(word)
        found = line[position : position + 1]
        expected = chr(separator).encode()
        if found != (b"" if expected == b"\n" else expected):
            ids = f"{place} of {len(separators)} ids" if len(separators) > place else "the last id"
            return position + 1, f"{_show(found)} where {_show(expected)} must follow {ids}"
        position += 1
    return None


def _id_problem(word: bytes) -> str | None:
    if not word:
        return "a node id is missing"
    if not word.isdigit():
        return f"{_show(word)} is not a node id (a whole number from 0)"
    if word[:1] == b"0" and len(word) > 1:
        return f"{_show(word)} has leading zeros"
    if len(word) > LONGEST_ID:
        return f"{_show(word)} is too large for a node id"
    return None


def _show(word: bytes) -> str:
    if word in (b"", b"\n"):
        return "the end of the line"
    return repr(word[:30])[1:] + ("..." if len(word) > 30 else "")


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
    problems, manifest = Problems(), files.manifest
    for table in (facts, train, test):
        _check_vocabulary(table, manifest.node_count, problems)
    problems.stop_if_any()
    if not config.dataset.has_self_edges:
        _check_self_edges(facts, problems)
    for table in (train, test):
        _check_prompt(table, len(prompt), problems)
        _check_edges(table, len(prompt), facts.values, manifest.node_count, problems)
    train_paths, test_paths = train.values[:, len(prompt) :], test.values[:, len(prompt) :]
    _check_held_out(train_paths, test, test_paths, problems)
    problems.stop_if_any()
    notes = [*files.notes, *notes, *train_notes, *test_notes, *_count_repeated(facts)]
    for table, split in ((train, "train"), (test, "test")):
        lines = len(table.values)
        if files.promised.get(split, lines) != lines:
            raise DataError(
                f"{table.path}:{lines}: the last line, though the name promises "
                f"{files.promised[split]}: cut off, or another file; put the right one in its place"
            )
    star = config.graph.graph_type == "star"
    if star and config.graph.star_subtree_degree > 1 and files.promised:
        notes += _check_subtrees(train_paths, test_paths, config.dataset)
    graph = Graph(
        node_count=manifest.node_count,
        edges=_edges(facts.values, config.dataset, manifest),
        paths=np.concatenate([train_paths, test_paths]),
        family=config.graph.graph_type,
        given_names=manifest.names or (),
        given_labels=manifest.labels or (),
        root=int(train_paths[0, 0]) if star else manifest.root,
        directed=manifest.directed,
    )
    return Dataset(
        settings=manifest.graph,
        graph=graph,
        facts=select_facts(facts.values, graph.paths, config.dataset.self_edges),
        train_paths=train_paths,
        test_paths=test_paths,
        origin="read from the files of the data set",
        sha256=files.sha256,
        notes=tuple(notes),
    )


def _edges(
    facts: Int64[np.ndarray, "facts 2"], settings: DatasetSettings, manifest: Manifest
) -> Int64[np.ndarray, "edges 2"]:
    """Return the forward edges that `facts` were made from."""
    apart = facts[facts[:, 0] != facts[:, 1]]
    if not settings.forward_edges:
        apart = apart[:, ::-1]
    if manifest.edge_count is not None:
        return apart[: manifest.edge_count]
    if settings.forward_edges and settings.backward_edges:
        # Forward edges come first: of each pair of nodes, the first fact is one.
        low, high = apart.min(axis=1), apart.max(axis=1)
        _, first = np.unique(low * manifest.node_count + high, return_index=True)
        apart = apart[np.sort(first)]
    return unique_edges(apart, manifest.node_count)


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


def _check_subtrees(
    train_paths: Int64[np.ndarray, "train length"],
    test_paths: Int64[np.ndarray, "test length"],
    settings: DatasetSettings,
) -> list[str]:
    """Return a note if paths are held out in another way than `settings` have it."""
    whole = not np.isin(test_paths[:, 1], train_paths[:, 1]).any()
    if whole == settings.split_subtree_holdout:
        return []
    if whole:
        return ["whole subtrees are held out in these files, without --split_subtree_holdout"]
    return ["no whole subtrees are held out in these files, in spite of --split_subtree_holdout"]


def _count_repeated(facts: Table) -> list[str]:
    width = int(facts.values.max()) + 1
    codes = facts.values[:, 0] * width + facts.values[:, 1]
    repeated = len(codes) - len(distinct(codes))
    return [f"{facts.path.name}: {repeated} repeated edge lines"] if repeated else []
