"""GML, Pajek, adjacency lists and Matrix Market, mostly by the readers of networkx."""

import io
import re
from pathlib import Path
from typing import Any

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
        # Without this word networkx refuses an edge that stands twice.
        many = "" if "multigraph" in text else " multigraph 1"
        begun = re.sub(r"^(\s*graph\s*\[)", rf"\1{many}", text, count=1, flags=re.M)
        graph = nx.parse_gml(begun.splitlines(), label="id")
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
    # Pajek writes both sections, though one of them has no line.
    text = re.sub(r"^\*(arcs|edges)\b.*\s+(?=\*|\Z)", "", text, flags=re.M | re.I)
    sections = {line.split()[0].lower() for line in text.splitlines() if line.startswith("*")}
    if len(sections & {"*arcs", "*edges"}) > 1:
        raise DataError(f"{path}: a Pajek file with directed *Arcs and undirected *Edges; keep one")
    if others := sections - {"*vertices", "*arcs", "*edges", "*network"}:
        raise DataError(
            f"{path}: a Pajek file with a section {min(others)[:60]}, which is not read"
        )
    labels = _pajek_labels(path, text)
    # networkx calls nodes by label, and would make one of two that share theirs.
    rows = (f'{number} "{number}"' for number in labels)
    unique = "\n".join([f"*Vertices {len(labels)}", *rows, ""])
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
    head = re.search(r"^\*vertices[ \t]+(\d+)([ \t]+\d+)?", text, flags=re.M | re.I)
    if head is None:
        raise DataError(f"{path}:1: a Pajek network begins with *Vertices and their number")
    if head[2]:
        raise DataError(f"{path}: a Pajek network of two kinds of nodes (bipartite) is not read")
    _check_count(path, head[1])
    rows = re.findall(r'^[ \t]*(\d+)(?:[ \t]+(?:"([^"\n]*)"|(\S+)))?', _vertices(text), flags=re.M)
    labels: dict[str, str | None] = {i: (a or b or None) for i, a, b in rows}
    everyone = {str(i): None for i in range(1, int(head[1]) + 1)} | labels
    return {i: (label if label != i else None) for i, label in everyone.items()}


def _check_count(path: Path, count: str) -> None:
    """Refuse a number of nodes that nothing could hold; a short line can ask for any."""
    if (whole_number(count) or MOST_NODES + 1) > MOST_NODES:
        raise DataError(f"{path}: {count:.20} nodes are more than {MOST_NODES:,}")


def read_matrix_market(path: Path, content: bytes) -> Listing:
    """Return the graph of a square sparse matrix; nodes are called by their places from 1.

    scipy reads the head alone: its reader of entries ends the process where they are damaged.
    """
    from scipy.io import mminfo

    try:
        rows, columns, entries, layout, field, symmetry = mminfo(io.BytesIO(content))
    except FAULTS as error:
        raise DataError(f"{path}:1: not a Matrix Market file: {error}"[:300]) from error
    if rows != columns:
        raise DataError(
            f"{path}: the matrix is {rows} x {columns}, not square: its rows and its columns are "
            "two kinds of nodes (a bipartite graph); write it as a list of edges"
        )
    _check_count(path, str(rows))
    if layout != "coordinate":
        raise DataError(f"{path}: a full matrix ({layout}); write its entries as `coordinate`")
    listing = Listing(format="Matrix Market", nodes={str(n): None for n in range(1, rows + 1)})
    listing.directed = None if symmetry == "general" else False
    width = 2 + {"pattern": 0, "complex": 2}.get(field, 1)
    lines = enumerate(content.decode("utf-8", "replace").splitlines(), start=1)
    written = [(n, line.split()) for n, line in lines if line.strip() and line.lstrip()[0] != "%"]
    for number, cells in written[1:]:
        places = [whole_number(cell) for cell in cells[:2]]
        if len(cells) != width or not all(p and p <= rows for p in places):
            raise DataError(
                f"{path}:{number}: expected two numbers from 1 to {rows}"
                f"{' and a value' * (width > 2)}, found {' '.join(cells)[:60]!r}"
            )
        if width == 2 or any(map(_is_not_zero, cells[2:])):
            listing.edges.append((cells[0].lstrip("0"), cells[1].lstrip("0")))
    if len(written) - 1 != entries:
        raise DataError(f"{path}: has {len(written) - 1} entries and announces {entries}")
    return listing


def _is_not_zero(value: str) -> bool:
    try:
        return float(value) != 0
    except ValueError:  # a graph may carry words
        return True


def _from_networkx(path: Path, graph: Any, kind: str) -> Listing:
    listing = Listing(format=kind, directed=graph.is_directed())
    for node, data in graph.nodes(data=True):
        listing.add_node(str(node), label_among(data), str(path))
    listing.edges = [(str(u), str(v)) for u, v in graph.edges()]
    return listing
