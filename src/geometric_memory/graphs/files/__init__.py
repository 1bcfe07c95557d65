"""Graph files: read, with their format and what was decided said in words, or refused."""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import IO

from geometric_memory.errors import DataError
from geometric_memory.graphs.files.columns import edges_of_table
from geometric_memory.graphs.files.json_graphs import read_json_graph
from geometric_memory.graphs.files.listing import Choices, Listing
from geometric_memory.graphs.files.other_formats import (
    read_adjacency_list,
    read_gml,
    read_matrix_market,
    read_pajek,
)
from geometric_memory.graphs.files.tables import read_table
from geometric_memory.graphs.files.xml_graphs import read_xml_graph
from geometric_memory.graphs.graph import Graph

__all__ = ["Choices", "graph_in_bytes", "graph_in_text", "read_graph_file"]

MOST_BYTES = 2**30
"""Of a graph file, once unpacked."""
PACKED: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),  # type: ignore[dict-item]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
PACKED_SUFFIXES = (".gz", ".bz2", ".xz")
ARCHIVES = {b"PK\x03\x04": "a ZIP archive or an Excel file", b"\x28\xb5\x2f\xfd": "zstd",
            b"%PDF": "a PDF", b"\x93NUMPY": "a NumPy array",
            b"\x89HDF": "HDF5", b"version https://git-lfs": "a pointer of Git LFS",
            b"nodedef>": "GDF (GUESS, Gephi)"}  # fmt: skip
TABLES = (".txt", ".edges", ".csv", ".tsv", ".edgelist", ".ncol", ".dat", ".tab", ".el", ".links",
          ".pairs", ".elist", ".edge")  # fmt: skip
MARKED = {".json": "json", ".graphml": "xml", ".gexf": "xml", ".xml": "xml", ".xgmml": "xml",
          ".gml": "gml", ".mtx": "matrix", ".net": "pajek", ".paj": "pajek", ".adjlist": "adjlist",
          ".cyjs": "json", ".jsonl": "json", ".ndjson": "json"}  # fmt: skip
"""The format that a suffix names."""


def read_graph_file(path: Path, *, directed: bool = False, choices: Choices | None = None) -> Graph:
    """Read a graph without paths from a file in any of the formats that `TABLES` and `MARKED` name.

    Also packed by gzip, bzip2 or xz. What a file says of direction counts; where it says nothing,
    `directed` does. Raises `DataError` with file and line for what cannot be read, or not with
    certainty.
    """
    chosen = replace(choices or Choices(), directed=directed or bool(choices and choices.directed))
    return _graph_of(path, _unpack(path), chosen)


@lru_cache(maxsize=1)  # a command asks for its graph several times
def _graph_of(path: Path, content: bytes, choices: Choices) -> Graph:
    try:
        graph = _graph(path, _listing(path, content, choices), choices)
    except UnicodeError as error:  # a name that no encoding can write
        raise DataError(f"{path}: a name is no text: {error}"[:200]) from error
    graph.edges.flags.writeable = False  # whoever asks again is given the same graph
    return graph


def graph_in_bytes(content: bytes, source: Path) -> Graph:
    """Read a graph file that lies nowhere; its name `source` says the format, as on a disk.

    Raises `DataError` as `read_graph_file` does.
    """
    return _graph_of(source, _unpack(source, content), Choices())


def graph_in_text(text: str, source: Path) -> Graph:
    """Read an edge list that is no file; errors name `source` and the line. Raises `DataError`."""
    choices = Choices()
    return _graph(source, edges_of_table(source, read_table(source, text, ""), choices), choices)


def _graph(path: Path, listing: Listing, choices: Choices) -> Graph:
    """Return the graph of a listing, and follow what the file says of direction."""
    if choices.directed and listing.directed is False:
        raise DataError(f"{path}:1: the file declares undirected edges; drop --directed_graph")
    directed = choices.directed if listing.directed is None else listing.directed
    notes = list(listing.notes)
    if directed and not choices.directed:
        notes.append(f"{path.name}: says that its edges are directed, and is read so")
    graph = Graph.from_edges(
        listing.edges, listing.nodes, directed=directed, source=str(path), notes=notes
    )
    labels = tuple(listing.nodes.get(name) or name for name in graph.names)
    known = labels if labels != graph.names else ()
    return replace(graph, given_labels=known, format=listing.format)


def _listing(path: Path, content: bytes, choices: Choices) -> Listing:
    suffix = _suffix(path)
    kind = _kind(content) or MARKED.get(suffix, "")
    if kind == "xml":
        return read_xml_graph(path, content)
    if kind == "matrix":
        return read_matrix_market(path, content)
    text = _text(path, content)
    if kind == "dot":
        raise DataError(
            f"{path}:1: unknown graph format: a drawing in DOT (Graphviz); write its edges as a "
            "list, one `u v` a line"
        )
    readers: dict[str, Callable[[Path, str], Listing]] = {
        "json": read_json_graph, "gml": read_gml, "pajek": read_pajek,
        "adjlist": read_adjacency_list,
    }  # fmt: skip
    if kind in readers:
        return readers[kind](path, text)
    if suffix not in TABLES and not (choices.separator or choices.columns):
        known = ", ".join([*TABLES, *MARKED])
        raise DataError(
            f"{path}: unknown graph format {suffix!r}; expected one of {known}, each perhaps with "
            ".gz; or say that it is a list of edges by --separator, such as space or comma"
        )
    separator = choices.separator
    return edges_of_table(path, read_table(path, text, separator), choices)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in PACKED_SUFFIXES:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _kind(content: bytes) -> str:
    """Return the format that the first words of a file show, or nothing."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = content[:4000].decode("utf-16", errors="replace").lstrip("\ufeff \t\r\n")
    else:
        head = content[:4000].decode("utf-8-sig", errors="replace").lstrip()
    if head.lower().startswith("%%matrixmarket"):
        return "matrix"
    if re.match(r"<(\?xml|!--|!doctype|[a-z:]*(graphml|gexf|graph))\b", head, flags=re.I):
        return "xml"
    if re.match(r"(%.*\n\s*)*\*(vertices|network)\b", head, flags=re.I):
        return "pajek"
    if re.match(r"(#.*\n\s*|(creator|version|comment)\b.*\n\s*)*graph\s*\[", head, flags=re.I):
        return "gml"
    if re.match(r"(//.*\n\s*)*(strict\s+)?(di)?graph\b[^\[\n]*\{", head, flags=re.I):
        return "dot"
    return "json" if head[:1] == "{" or re.match(r"\[\s*[\[{\"]", head) else ""


def _unpack(path: Path, content: bytes | None = None) -> bytes:
    """Return the bytes of a file, unpacked; raise `DataError` for what is no text or too large."""
    try:
        with path.open("rb") if content is None else io.BytesIO(content) as file:
            head = file.read(8)
            file.seek(0)
            opener = next((o for magic, o in PACKED.items() if head.startswith(magic)), None)
            content = _read_bounded(path, (opener(file) if opener else file).read)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or f"damaged compression: {error}"
        if isinstance(error, FileNotFoundError) and _suffix(path) not in (*TABLES, *MARKED):
            reason += f", and an unknown graph format {_suffix(path)!r}"
        raise DataError(f"{path}: cannot be read: {reason}") from error
    for magic, kind in ARCHIVES.items():
        if content.startswith(magic):
            raise DataError(f"{path}: is {kind}, not a graph file; export it as CSV or GraphML")
    return content


def _read_bounded(path: Path, read: Callable[[int], bytes]) -> bytes:
    content = io.BytesIO()
    while block := read(2**20):
        content.write(block)
        if content.tell() > MOST_BYTES:
            raise DataError(
                f"{path}: more than {MOST_BYTES >> 20} MiB once unpacked: not read; write the "
                "edges into a smaller file"
            )
    return content.getvalue()


def _text(path: Path, content: bytes) -> str:
    """Decode what the first bytes show, else UTF-8."""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        place = "is no UTF-16 text" if wide else "is no UTF-8 text"
        raise DataError(
            f"{path}: byte {error.start} {place}; save the file as UTF-8 (its encoding is not "
            "written anywhere in it)"
        ) from error
    if "\0" in text:
        raise DataError(f"{path}: holds zero bytes: no text, or UTF-16 without its mark")
    return text
