"""Graphs in JSON, in the shapes that libraries and viewers write."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geometric_memory.errors import DataError
from geometric_memory.graphs.files.headers import pair_of_ends
from geometric_memory.graphs.files.listing import (
    Listing,
    check_ends,
    label_among,
    settle_direction,
)

SHAPE = "not node-link JSON with `nodes` and `edges` (or `links`)"
DATA = ("data", "attributes", "metadata")
"""Where Cytoscape, graphology and JSON Graph Format keep what a node is."""


def read_json_graph(path: Path, text: str) -> Listing:
    """Return the nodes and edges of a JSON graph; raise `DataError` with the place."""
    content = _parse(path, text)
    place = f"{path}:1"
    if isinstance(content, dict) and content.get("type") == "FeatureCollection":
        raise DataError(f"{place}: GeoJSON is a map without nodes and edges")
    content, kind, said = _unwrap(place, content)
    nodes, edges, kind = _parts(place, content, kind)
    listing = Listing(format=f"JSON, {kind}", directed=said)
    ids = _add_nodes(place, listing, nodes)
    ends = [_ends_of(place, edge) for edge in edges]
    if ids and _are_places(ends, ids):
        listing.notes.append(f"{path.name}: links count the nodes from 0")
        names = list(listing.nodes)
        listing.edges = [(names[a], names[b]) for a, b in ends]
    else:
        if nodes and not ids and any(isinstance(e, int) for pair in ends for e in pair):
            _name_by_place(listing)
        listing.edges = [(_write(place, a), _write(place, b)) for a, b in ends]
    if listing.nodes:
        check_ends(listing, place)
    if any(_direction_of_edge(edge) is not None for edge in edges):
        whole = listing.directed if listing.directed is not None else _is_mixed(content)
        each = [_direction_of_edge(edge) for edge in edges]
        settle_direction(listing, [whole if own is None else own for own in each], place)
    return listing


def _parse(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if error.msg == "Extra data" and all(line.lstrip().startswith("{") for line in lines):
            return [_parse_line(path, number, line) for number, line in enumerate(lines, start=1)]
        raise DataError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise DataError(f"{path}:1: nested too deeply for a graph") from error
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{path}:1: {error}"[:200]) from error


def _parse_line(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{number}: not JSON: {error}"[:300]) from error


def _unwrap(place: str, content: Any) -> tuple[Any, str, bool | None]:
    """Return what holds nodes and edges, the name of its shape, and what it says of direction."""
    kind, said = "nodes and links", None
    if isinstance(content, dict) and isinstance(content.get("graphs"), list):
        if len(content["graphs"]) != 1:
            raise DataError(f"{place}: holds {len(content['graphs'])} graphs, not one")
        content = {"graph": content["graphs"][0]}
    if isinstance(content, dict):
        said = _direction(content)
        inner = content.get("graph")
        if isinstance(inner, dict) and "nodes" in inner and "nodes" not in content:
            content, kind = inner, "JSON Graph Format"
        elif "elements" in content:
            content, kind = content["elements"], "Cytoscape elements"
        if isinstance(content, dict) and said is None:
            said = _direction(content)
    return content, kind, said


def _direction(content: Mapping[str, Any]) -> bool | None:
    for holder in (content, content.get("options"), content.get("graph"), content.get("metadata")):
        if isinstance(holder, dict):
            if str(holder.get("directed")).lower() in ("true", "false"):
                return str(holder["directed"]).lower() == "true"
            if holder.get("type") in ("directed", "undirected"):
                return holder["type"] == "directed"
    return None


def _is_mixed(content: Any) -> bool | None:
    """Return True if graphology says that edges without a word are directed ones, else nothing."""
    options = content.get("options") if isinstance(content, dict) else None
    return True if isinstance(options, dict) and options.get("type") == "mixed" else None


def _direction_of_edge(edge: Any) -> bool | None:
    for holder in (edge, _data_of(edge)):
        for key, meaning in (("directed", True), ("undirected", False)):
            if isinstance(holder, dict) and isinstance(holder.get(key), bool):
                return holder[key] is meaning
    return None


def _parts(place: str, content: Any, kind: str) -> tuple[list[Any], list[Any], str]:
    """Return the lists of nodes and of edges."""
    if isinstance(content, list):
        return _parts_of_list(place, content, kind)
    if not isinstance(content, dict):
        raise DataError(f"{place}: {SHAPE}")
    if "adjacency" in content and isinstance(content.get("nodes"), list):
        return content["nodes"], _from_adjacency(place, content), "adjacency lists"
    lists = {k: content[k] for k in ("edges", "links") if isinstance(content.get(k), list)}
    full = {key: each for key, each in lists.items() if each}
    if len(full) == 2 and full["edges"] != full["links"]:
        raise DataError(f"{place}: both `edges` and `links` hold edges; keep one of them")
    nodes = content.get("nodes", [] if full else None)
    if isinstance(nodes, dict):
        nodes = [{"id": k, **(v if isinstance(v, dict) else {})} for k, v in nodes.items()]
    if not isinstance(nodes, list) or not lists:
        return _neighbours(place, content)
    return nodes, next(iter((full or lists).values())), kind


def _parts_of_list(place: str, content: list[Any], kind: str) -> tuple[list[Any], list[Any], str]:
    square = all(isinstance(row, list) and len(row) == len(content) > 2 for row in content)
    if square and all(entry in (0, 1) for row in content for entry in row):
        raise DataError(f"{place}: an adjacency matrix; write its edges as a list of pairs")
    if content and all(_data_of(each) is not each for each in content):
        kind = "Cytoscape elements"
    if kind == "Cytoscape elements":
        parts = [_data_of(each) for each in content]
        edges = [each for each in parts if isinstance(each, dict) and "source" in each]
        return [each for each in parts if each not in edges], edges, kind
    if content and all(_is_edge(each) for each in content):
        return [], content, "a list of edges"
    raise DataError(f"{place}: {SHAPE}, but a list of other things")


def _neighbours(place: str, content: Mapping[str, Any]) -> tuple[list[Any], list[Any], str]:
    """Return nodes and edges of an object from each node to the list of its neighbours."""
    simple = all(
        isinstance(each, list) and all(isinstance(name, str | int) for name in each)
        for each in content.values()
    )
    if not content or not simple or {"nodes", "edges", "links"} & set(content):
        raise DataError(f"{place}: {SHAPE}")
    others = [str(n) for each in content.values() for n in each if str(n) not in content]
    edges = [[node, str(other)] for node, each in content.items() for other in each]
    return [*content, *dict.fromkeys(others)], edges, "neighbours of each node"


def _from_adjacency(place: str, content: Mapping[str, Any]) -> list[Any]:
    edges = []
    rows = content["adjacency"]
    if not isinstance(rows, list) or len(rows) != len(content["nodes"]):
        raise DataError(f"{place}: `adjacency` does not have a list for each node")
    for node, row in zip(content["nodes"], rows, strict=True):
        for other in row if isinstance(row, list) else []:
            edges.append([_id_of(node), _id_of(other)])
    return edges


def _data_of(each: Any) -> Any:
    return each["data"] if isinstance(each, dict) and isinstance(each.get("data"), dict) else each


def _is_edge(each: Any) -> bool:
    if isinstance(each, dict):
        return pair_of_ends([key for key in _data_of(each) if isinstance(key, str)]) is not None
    return (
        isinstance(each, list)
        and (len(each) == 2 or (len(each) == 3 and not isinstance(each[2], str)))
        and all(isinstance(end, str | int) and not isinstance(end, bool) for end in each[:2])
    )


def _id_of(node: Any) -> Any:
    """Return the id of a node as it stands, or None."""
    if not isinstance(node, dict):
        return node
    data = _data_of(node)
    for key in ("id", "key", "ID", "Id", "_id"):
        if key in data:
            return data[key]
    return None


def _add_nodes(place: str, listing: Listing, nodes: Sequence[Any]) -> list[Any]:
    """Add every node; return their ids, none if the nodes have names alone."""
    ids = [_id_of(node) for node in nodes]
    without = [node for node, found in zip(nodes, ids, strict=True) if found is None]
    if without:
        names = [label_among(node) if isinstance(node, dict) else None for node in nodes]
        if len(without) < len(nodes) or None in names:
            raise DataError(f"{place}: a node is null or without an id")
        for name in names:
            listing.add_node(_write(place, name), None, place)
        return []
    for node, found in zip(nodes, ids, strict=True):
        holders = [node, *(node.get(key) for key in DATA)] if isinstance(node, dict) else []
        labels = (label_among(each) for each in holders if isinstance(each, dict))
        label = next((each for each in labels if each is not None), None)
        listing.add_node(_write(place, found), label, place)
    return ids


def _name_by_place(listing: Listing) -> None:
    """Number the nodes of D3's early files, which have a name and no id; names are labels."""
    listing.nodes = {str(place): name for place, name in enumerate(listing.nodes)}


def _ends_of(place: str, edge: Any) -> tuple[Any, Any]:
    if isinstance(edge, list) and len(edge) >= 2:
        return edge[0], edge[1]
    if isinstance(edge, dict):
        for holder in (_data_of(edge), edge):
            keys = [key for key in holder if isinstance(key, str)]
            exact = [p for p in (("source", "target"), ("from", "to")) if set(p) <= set(keys)]
            pair = None if exact else pair_of_ends(keys)
            if exact or pair:
                a, b = exact[0] if exact else (keys[pair[0]], keys[pair[1]])  # type: ignore[index]
                return _end(holder[a]), _end(holder[b])
    raise DataError(f"{place}: {SHAPE}: an edge without source and target: {str(edge)[:60]}")


def _end(value: Any) -> Any:
    """Return an end by its id, where a viewer has put the whole node."""
    return _id_of(value) if isinstance(value, dict) else value


def _are_places(ends: Sequence[tuple[Any, Any]], ids: Sequence[Any]) -> bool:
    """Whether edges name places in the list of nodes: not all are ids, and all are places."""
    known = {str(found) for found in ids}
    flat = [end for pair in ends for end in pair]
    if not flat or all(str(end) in known for end in flat):
        return False
    return all(
        isinstance(end, int) and not isinstance(end, bool) and 0 <= end < len(ids) for end in flat
    )


def _write(place: str, name: Any) -> str:
    """Return a name as text; numbers and lists of them (places on a grid) are names too."""
    if name is None:
        raise DataError(f"{place}: a node is null or without an id")
    if isinstance(name, list):
        return str(tuple(name))
    if isinstance(name, dict | bool):
        raise DataError(f"{place}: {str(name)[:60]} is no name of a node")
    return str(name)
