"""What a graph file holds before it is a graph: nodes and edges by name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geometric_memory.errors import DataError

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a reader of a file is told where the file cannot tell."""

    directed: bool = False
    columns: str = ""
    """The two columns of a table that hold the ends of an edge, by name or by place from 1."""
    separator: str = ""
    """What separates the cells of a table: a character, or one of `comma`, `tab`, ..."""
    relation: str = ""
    """The relation of triples whose edges are read."""
    ignore_relations: bool = False
    """Read the triples of every relation as edges alike."""


@dataclass(kw_only=True)
class Listing:
    """Nodes and edges by name."""

    format: str
    nodes: dict[str, str | None] = field(default_factory=dict)
    """Label by name of all nodes that are listed; those that only stand on edges may be absent."""
    edges: Pairs = field(default_factory=list)
    directed: bool | None = None
    """What the file says of its edges; None where it says nothing."""
    notes: list[str] = field(default_factory=list)
    """What was decided and what was left out, as sentences."""

    def add_node(self, name: str, label: object, place: str) -> None:
        """Add a node; raise `DataError`, which begins with `place`, if its name is taken."""
        if name in self.nodes:
            raise DataError(f"{place}: two nodes have the same name {name[:60]!r}")
        text = str(label).strip() if isinstance(label, str | int | float) else ""
        self.nodes[name] = text if text and text != name else None


def check_ends(listing: Listing, place: str) -> None:
    """Raise `DataError` if an edge joins a node that is not listed."""
    for pair in listing.edges:
        for name in pair:
            if name not in listing.nodes:
                raise DataError(
                    f"{place}: an edge joins {name[:60]!r}, which is not among the nodes"
                )


def settle_direction(listing: Listing, said: Iterable[bool | None], place: str) -> None:
    """Take the direction that all edges say; raise `DataError` where some say another one."""
    words = set(said)
    if len(words) > 1:
        raise DataError(f"{place}: some edges are directed and others are not; make them all alike")
    listing.directed = words.pop() if words else None


def label_among(data: Mapping[str, Any], keys: Iterable[str] = ("label", "name", "title")) -> Any:
    """Return the first value among `keys` that can be a label, in any case of letters."""
    lowered = {key.lower(): value for key, value in data.items() if isinstance(key, str)}
    for key in keys:
        if lowered.get(key) not in (None, ""):
            return lowered[key]
    return None


def place_of(path: Path, line: int = 1) -> str:
    """Return how a message names a line of a file."""
    return f"{path}:{line}"
