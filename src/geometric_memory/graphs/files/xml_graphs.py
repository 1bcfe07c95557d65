"""Graphs in XML: GraphML, GEXF and XGMML, whatever their namespace; attributes are not needed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from geometric_memory.errors import DataError
from geometric_memory.extras import load
from geometric_memory.graphs.files.listing import Listing, check_ends, settle_direction

LABELS = ("label", "v_name", "name", "nodelabel", "shared name", "title")
"""Keys of a label, the likeliest first."""


def read_xml_graph(path: Path, content: bytes) -> Listing:
    """Return the nodes and edges of an XML graph; raise `DataError` with file and line."""
    root = _parse(path, content)
    kind = _tag(root)
    if kind == "gexf":
        return _gexf(path, root)
    if kind == "graph" and root.find("{*}node") is not None:
        return _graph(path, [root], {}, "XGMML")
    graphs = [each for each in root if _tag(each) == "graph"] if kind == "graphml" else []
    if len(graphs) != 1:
        found = f"{len(graphs)} graphs" if graphs else f"<{kind}>"
        raise DataError(f"{path}:1: not a GraphML graph: found {found}")
    keys = {each.get("id", ""): each for each in root.iter() if _tag(each) == "key"}
    names = {i: (k.get("attr.name") or i).lower() for i, k in keys.items()}
    return _graph(path, graphs, names, "GraphML")


def _parse(path: Path, content: bytes) -> Element:
    """Parse XML without entities and outside files, which can grow or read what they please."""
    tree = load("defusedxml.ElementTree", "this graph")
    refused = load("defusedxml.common", "this graph").DefusedXmlException
    try:
        return tree.fromstring(content)
    except ParseError as error:
        line, column = error.position
        raise DataError(f"{path}:{line}:{column + 1}: not valid XML: {error}") from error
    except refused as error:
        raise DataError(
            f"{path}:1: XML with entities or a DTD is refused: {error}"[:300]
        ) from error
    except (LookupError, ValueError, RecursionError) as error:
        raise DataError(f"{path}:1: not valid XML: {error}"[:300]) from error


def _tag(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _children(element: Element, tag: str) -> Iterator[Element]:
    """Yield the elements of a graph by name, those of graphs inside its nodes too."""
    return (each for each in element.iter() if _tag(each) == tag)


def _graph(path: Path, graphs: list[Element], keys: dict[str, str], kind: str) -> Listing:
    place = f"{path}:1"
    graph = graphs[0]
    listing = Listing(format=kind)
    if any(True for _ in _children(graph, "hyperedge")):
        raise DataError(f"{place}: a hyperedge joins more than two nodes; only edges can be read")
    for node in _children(graph, "node"):
        name = _need(node, "id", place)
        listing.add_node(name, _label(node, keys), place)
    default = graph.get("edgedefault", graph.get("directed", "undirected")).lower()
    whole = default in ("directed", "1", "true")
    said = []
    for edge in _children(graph, "edge"):
        listing.edges.append((_need(edge, "source", place), _need(edge, "target", place)))
        own = edge.get("directed", "").lower()
        said.append(own in ("true", "1") if own else whole)
    check_ends(listing, place)
    settle_direction(listing, said or [whole], place)
    return listing


def _gexf(path: Path, root: Element) -> Listing:
    place = f"{path}:1"
    graph = next(_children(root, "graph"), None)
    if graph is None:
        raise DataError(f"{place}: not a GEXF graph: it has no <graph>")
    listing = Listing(format="GEXF")
    for node in _children(graph, "node"):
        listing.add_node(_need(node, "id", place), node.get("label"), place)
    default = graph.get("defaultedgetype", "undirected").lower()
    said = []
    for edge in _children(graph, "edge"):
        kind = edge.get("type", default).lower()
        a, b = _need(edge, "source", place), _need(edge, "target", place)
        listing.edges.append((a, b))
        if kind == "mutual":
            listing.edges.append((b, a))
        said.append(kind != "undirected")
    check_ends(listing, place)
    settle_direction(listing, said or [default != "undirected"], place)
    return listing


def _need(element: Element, attribute: str, place: str) -> str:
    found = element.get(attribute)
    if not found:
        raise DataError(f"{place}: a <{_tag(element)}> without {attribute}: not a graph")
    return found


def _label(node: Element, keys: dict[str, str]) -> Any:
    """Return what a node is called: an attribute, a `<data>` or `<att>`, or what yEd draws."""
    found: dict[str, str] = {}
    if node.get("label"):
        found["label"] = node.get("label", "")
    for each in node:
        tag = _tag(each)
        if tag == "data":
            key = each.get("key", "")
            text = (each.text or "").strip()
            drawn = [(e.text or "").strip() for e in each.iter() if _tag(e) == "nodelabel"]
            if text:
                found.setdefault(keys.get(key, key.lower()), text)
            found |= {"nodelabel": next(filter(None, drawn))} if any(drawn) else {}
        elif tag == "att" and each.get("value"):
            found.setdefault(each.get("name", "").lower(), each.get("value", ""))
    return next((found[key] for key in LABELS if found.get(key)), None)
