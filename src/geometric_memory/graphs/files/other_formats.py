"""GML, Pajek, adjacency lists and Matrix Market, by the readers of networkx and scipy."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.errors import DataError
from geometric_memory.extras import load
from geometric_memory.graphs.files.listing import Listing, label_among
from geometric_memory.limits import MOST_NODES, whole_number

FAULTS = (Exception, MemoryError)
"""Whatever networkx and scipy make of a foreign file: they promise no kind of error."""


def read_gml(path: Path, text: str) -> Listing:
    """Return the nodes and edges of a GML graph, by id with the label beside it."""
    nx = load("networkx", "this graph")
    try:
        graph = nx.parse_gml(text.splitlines(), label="id")
    except FAULTS as error:
        raise DataError(f"{path}:1: not a GML graph: {error}"[:300]) from error
    return _from_networkx(path, graph, "GML")


def read_adjacency_list(path: Path, text: str) -> Listing:
    """Return the nodes and edges of lines of a node and its neighbours."""
    nx = load("networkx", "this graph")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("%")]
    try:
        graph = nx.parse_adjlist(lines)
    except FAULTS as error:
        raise DataError(f"{path}:1: not an adjacency list: {error}"[:300]) from error
    listing = _from_networkx(path, graph, "adjacency list")
    listing.directed = None
    return listing


def read_pajek(path: Path, text: str) -> Listing:
    """Return the nodes and edges of a Pajek network, by number with the label beside it."""
    nx = load("networkx", "this graph")
    sections = {line.split()[0].lower() for line in text.splitlines() if line.startswith("*")}
    if len(sections & {"*arcs", "*edges"}) > 1:
        raise DataError(f"{path}: a Pajek file with directed *Arcs and undirected *Edges; keep one")
    if others := sections - {"*vertices", "*arcs", "*edges", "*network"}:
        raise DataError(
            f"{path}: a Pajek file with a section {min(others)[:60]}, which is not read"
        )
    labels = _pajek_labels(path, text)
    # networkx calls nodes by label, and would make one of two that share theirs.
    unique = re.sub(r'^\s*(\d+)(\s+("[^"]*"|\S+).*)?$', r'\1 "\1"', _vertices(text), flags=re.M)
    try:
        graph = nx.parse_pajek((unique + _after_vertices(text)).splitlines())
    except FAULTS as error:
        raise DataError(f"{path}:1: not a Pajek network: {error}"[:300]) from error
    listing = Listing(format="Pajek", nodes=labels, directed="*arcs" in sections)
    listing.edges = [(str(u), str(v)) for u, v in graph.edges()]
    if not set(graph.nodes) <= set(labels):
        raise DataError(f"{path}: an edge joins a node that is not among the *Vertices")
    return listing


def _vertices(text: str) -> str:
    end = re.search(r"^\*(arcs|edges)", text, flags=re.M | re.I)
    return text[: end.start()] if end else text


def _after_vertices(text: str) -> str:
    return text[len(_vertices(text)) :]


def _pajek_labels(path: Path, text: str) -> dict[str, str | None]:
    head = re.search(r"^\*vertices\s+(\d+)", text, flags=re.M | re.I)
    if head is None:
        raise DataError(f"{path}:1: a Pajek network begins with *Vertices and their number")
    _check_count(path, head[1])
    rows = re.findall(r'^[ \t]*(\d+)(?:[ \t]+(?:"([^"\n]*)"|(\S+)))?', _vertices(text), flags=re.M)
    labels: dict[str, str | None] = {i: (a or b or None) for i, a, b in rows}
    everyone = labels or {str(i): None for i in range(1, int(head[1]) + 1)}
    return {i: (label if label != i else None) for i, label in everyone.items()}


def _check_count(path: Path, count: str) -> None:
    """Refuse a number of nodes that nothing could hold; a short line can ask for any."""
    if (whole_number(count) or MOST_NODES + 1) > MOST_NODES:
        raise DataError(f"{path}: {count:.20} nodes are more than {MOST_NODES:,}")


def read_matrix_market(path: Path, content: bytes) -> Listing:
    """Return the graph of a square sparse matrix; nodes are called by their places from 1."""
    from scipy.io import mminfo, mmread
    from scipy.sparse import coo_array

    try:
        rows, columns, entries, _, _, symmetry = mminfo(io.BytesIO(content))
        sound = rows == columns <= MOST_NODES and entries < len(content)
        matrix: Any = coo_array(mmread(io.BytesIO(content))) if sound else None
    except FAULTS as error:
        raise DataError(f"{path}:1: not a Matrix Market file: {error}"[:300]) from error
    if rows != columns:
        raise DataError(
            f"{path}: the matrix is {rows} x {columns}, not square: its rows and its columns are "
            "two kinds of nodes (a bipartite graph); write it as a list of edges"
        )
    _check_count(path, str(rows))
    if matrix is None:
        raise DataError(f"{path}: is too short for the {entries} entries that it announces")
    listing = Listing(format="Matrix Market", nodes={str(n): None for n in range(1, rows + 1)})
    pairs = np.stack([matrix.row, matrix.col], axis=1)[matrix.data != 0]
    if symmetry != "general":
        listing.directed = False
        pairs = pairs[pairs[:, 0] >= pairs[:, 1]]
    listing.edges = [(str(a), str(b)) for a, b in (pairs + 1).tolist()]
    return listing


def _from_networkx(path: Path, graph: Any, kind: str) -> Listing:
    listing = Listing(format=kind, directed=graph.is_directed())
    for node, data in graph.nodes(data=True):
        listing.add_node(str(node), label_among(data), str(path))
    listing.edges = [(str(u), str(v)) for u, v in graph.edges()]
    return listing
