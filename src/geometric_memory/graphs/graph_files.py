"""Graph files as lists of node names and pairs of names; every error names file and line."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from geometric_memory.errors import DataError
from geometric_memory.extras import load

Pairs = list[tuple[str, str]]
Read = tuple[list[str], Pairs, list[str]]

HEADER_NAMES = frozenset(
    {"source", "target", "from", "to", "src", "dst", "u", "v", "node1", "node2", "head", "tail"}
)


def read_pairs(path: Path, *, directed: bool) -> Read:
    """Return (nodes, pairs of names, notes) of a graph file; its suffix tells the format.

    Nodes that stand on an edge only need not be among the nodes. Raises `DataError`.
    """
    readers: dict[str, Callable[[], Read]] = {
        ".txt": lambda: _edge_list(path, _split_rows(_text(path))),
        ".edges": lambda: _edge_list(path, _split_rows(_text(path))),
        ".csv": lambda: _edge_list(path, _delimited_rows(path, _text(path), ",")),
        ".tsv": lambda: _edge_list(path, _delimited_rows(path, _text(path), "\t")),
        ".graphml": lambda: _graphml(path, directed),
        ".json": lambda: _node_link(path, directed),
    }
    suffix = path.suffix.lower()
    if suffix not in readers:
        known = ", ".join(readers)
        raise DataError(f"{path}: unknown graph format {suffix!r}; expected one of {known}")
    return readers[suffix]()


def pairs_in_text(text: str, source: Path) -> Read:
    """Return the same of an edge list that is no file; commas in its first row make it CSV.

    Errors name `source` and the line. Raises `DataError`.
    """
    first = next(_split_rows(text), (0, [""]))[1]
    if any("," in word for word in first):
        return _edge_list(source, _delimited_rows(source, text, ","))
    return _edge_list(source, _split_rows(text))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is no UTF-8 text") from error


def _split_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if words and words[0][0] not in "#%":
            yield number, words


def _delimited_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    rows = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#"):
                yield rows.line_num, cells
    except csv.Error as error:
        raise DataError(f"{path}:{rows.line_num}: {error}") from error


def _edge_list(path: Path, rows: Iterable[tuple[int, list[str]]]) -> Read:
    pairs: Pairs = []
    wider = 0
    for place, (number, cells) in enumerate(rows):
        if place == 0 and len(cells) >= 2 and HEADER_NAMES.issuperset(map(str.lower, cells[:2])):
            continue
        if len(cells) < 2 or not cells[0] or not cells[1]:
            found = ", ".join(cells)[:60]
            raise DataError(f"{path}:{number}: expected two node names, found {found!r}")
        wider += len(cells) > 2
        pairs.append((cells[0], cells[1]))
    if not pairs:
        raise DataError(f"{path}: no edges in the file")
    notes = [f"{path.name}: columns after the second ignored on {wider} lines"] if wider else []
    return [], pairs, notes


def _graphml(path: Path, directed: bool) -> Read:
    nx = load("networkx", "this graph")
    _text(path)
    try:
        graph = nx.read_graphml(path)
    except ParseError as error:
        line, column = error.position
        raise DataError(f"{path}:{line}:{column + 1}: not valid XML: {error}") from error
    except Exception as error:  # whatever networkx and the XML parser make of a foreign file
        raise DataError(f"{path}:1: not a GraphML graph: {type(error).__name__} {error}") from error
    return _from_networkx(path, graph, directed)


def _node_link(path: Path, directed: bool) -> Read:
    nx = load("networkx", "this graph")
    try:
        data: Any = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        raise DataError(f"{path}:1: nested too deeply, or numbers too long, for a graph") from error
    key = "edges" if isinstance(data, dict) and "edges" in data else "links"
    try:
        graph = nx.node_link_graph(data, edges=key)
    except Exception as error:  # whatever networkx makes of foreign JSON
        raise DataError(
            f"{path}:1: not node-link JSON with `nodes` and `edges` (or `links`): "
            f"{type(error).__name__} {error}"
        ) from error
    return _from_networkx(path, graph, directed)


def _from_networkx(path: Path, graph: Any, directed: bool) -> Read:
    if directed and not graph.is_directed():
        raise DataError(f"{path}:1: the file declares undirected edges; drop --directed_graph")
    nodes = [str(node) for node in graph.nodes]
    if len(set(nodes)) < len(nodes):
        raise DataError(f"{path}:1: two nodes have the same name once written as text")
    return nodes, [(str(u), str(v)) for u, v in graph.edges()], []
