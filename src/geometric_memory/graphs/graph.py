"""The one graph type: nodes, forward edges and the paths to learn, whatever they come from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePath
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int, Int64

from geometric_memory.errors import DataError
from geometric_memory.extras import load
from geometric_memory.graphs.families import FAMILIES
from geometric_memory.limits import whole_number

if TYPE_CHECKING:
    import networkx
    from scipy.sparse import csr_array


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes `0..node_count-1`, forward edges sorted by (u, v) without duplicates, and paths."""

    node_count: int
    """How many nodes there are."""
    edges: Int64[np.ndarray, "edges 2"]
    """Rows (u, v) of ids, each edge once; an undirected one from the lower id."""
    paths: Int64[np.ndarray, "paths length"]
    """The paths to learn; none in a graph that they have not been drawn from."""
    family: str = "custom"
    """Name of the family that it is one of; `custom` is a graph of one's own."""
    given_names: tuple[str, ...] = ()
    """What each node is called where the graph comes from; empty where nodes have ids alone."""
    given_labels: tuple[str, ...] = ()
    """What to write beside each node, where that is not its name."""
    root: int | None = None
    """Id of the node that all paths start from, in a family with one."""
    directed: bool = False
    """Whether an edge leads from u to v alone."""
    notes: tuple[str, ...] = ()
    """What was dropped or changed while the graph was read, as sentences."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it was built from, by names of `geomem train`; of one's own, how paths are sampled."""
    format: str = ""
    """The format of the file that it was read from, in words."""

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[tuple[Any, Any]],
        nodes: Iterable[Any] = (),
        *,
        directed: bool = False,
        source: str = "the graph",
        notes: Iterable[str] = (),
    ) -> "Graph":
        """Return the graph of a list of edges between named nodes, without paths.

        Integer names become ids in numeric order, others in order of appearance, those of `nodes`
        first. Undirected edges go from the lower to the higher id. Loops and repeated edges are
        dropped, with a note.

        Raises:
            DataError: when no edge is left; it names `source`.
        """
        pairs = [(str(u), str(v)) for u, v in edges]
        names = _in_order(dict.fromkeys([*map(str, nodes), *(n for pair in pairs for n in pair)]))
        ids = {name: index for index, name in enumerate(names)}
        listed = np.array([(ids[u], ids[v]) for u, v in pairs], dtype=np.int64).reshape(-1, 2)
        proper = listed[listed[:, 0] != listed[:, 1]]
        if not directed:
            proper = np.sort(proper, axis=1)
        kept = unique_edges(proper, len(names))
        if not len(kept):
            raise DataError(f"{source}: the graph has no edges")
        dropped = {
            "self-loops": len(listed) - len(proper),
            "repeated edges": len(proper) - len(kept),
        }
        name = PurePath(source).name
        told = [f"{name}: {count} {what} dropped" for what, count in dropped.items() if count]
        return cls(
            node_count=len(names),
            edges=kept,
            paths=np.zeros((0, 2), dtype=np.int64),
            given_names=names,
            directed=directed,
            notes=(*notes, *told),
        )

    @classmethod
    def from_networkx(cls, graph: "networkx.Graph[Any]", *, source: str = "the graph") -> "Graph":
        """Return a networkx graph as a `Graph`, its nodes named as written, without paths.

        The attribute `label` or `name` becomes the label of a node, where every node has it.

        Raises:
            DataError: when two nodes have the same name once written, or there is no edge.
        """
        written = {str(node): data for node, data in graph.nodes(data=True)}
        if len(written) < graph.number_of_nodes():
            raise DataError(f"{source}: two nodes have the same name once written as text")
        made = cls.from_edges(graph.edges(), written, directed=graph.is_directed(), source=source)
        for attribute in ("label", "name"):
            if all(attribute in data for data in written.values()):
                labels = (str(written[name][attribute]) for name in made.names)
                return replace(made, given_labels=tuple(labels))
        return made

    def to_networkx(self) -> "networkx.Graph[int]":
        """Return the graph as a networkx `Graph`, or `DiGraph` when its edges are directed.

        Nodes are ids; their names stand in the attribute `name`.
        """
        nx = load("networkx", "this graph")
        graph = nx.DiGraph() if self.directed else nx.Graph()
        graph.add_nodes_from((node, {"name": name}) for node, name in enumerate(self.names))
        graph.add_edges_from(self.edges.tolist())
        return graph

    def __repr__(self) -> str:
        paths = f", {len(self.paths)} paths" if len(self.paths) else ""
        return f"<Graph {self.family}: {self.node_count} nodes, {len(self.edges)} edges{paths}>"

    def sample_paths(self, length: int, generator: Random, count: int | None = None) -> "Graph":
        """Return the graph with `count` distinct shortest paths of `length` nodes to learn.

        By default one per node; all there are when there are fewer, with a note when `count` is
        more.

        Raises:
            DataError: when no shortest path is that long.
        """
        from geometric_memory.graphs.shortest_paths import draw_paths  # scipy waits

        paths = draw_paths(
            self.edges.tobytes(), self.node_count, self.directed, length,
            self.node_count if count is None else count, generator.getrandbits(128),
        )  # fmt: skip
        few = f"{len(paths)} paths of {length} nodes, of the {count} asked for: there are no more"
        notes = (*self.notes, few) if len(paths) < (count or 0) else self.notes
        return replace(self, paths=paths, notes=notes)

    def facts(
        self, *, forward: bool = True, backward: bool = True, self_edges: bool = False
    ) -> Int64[np.ndarray, "facts 2"]:
        """Return the edge facts (u, v) to memorize, in the order of the published files.

        Forward edges, then each reversed in the same order, then (u, u) for every node; of equal
        facts the first is kept.
        """
        itself = np.repeat(self.nodes[:, None], 2, axis=1)
        listed = np.concatenate(
            [self.edges] * forward + [self.edges[:, ::-1]] * backward + [itself] * self_edges
        )
        _, first = np.unique(listed[:, 0] * self.node_count + listed[:, 1], return_index=True)
        return listed[np.sort(first)]

    def node(self, name: str | int) -> int:
        """Return the id of the node with this name, label or, in a rooted graph, place.

        The places are `root`, and `leaf K` for the end of the K-th path, counted from 0, in the
        order of their nodes: of a path-star, of the arm with the K-th smallest first node. That
        order is the same before and after paths are split.

        Raises:
            DataError: if there is no such node.
        """
        text = str(name)
        known = self._ids.get(text)
        if known is None and self.root is not None:
            known = self._place(text)
        if known is None:
            raise DataError(f"the graph has no node {text[:60]!r}")
        return known

    def _place(self, text: str) -> int | None:
        if text == "root":
            return self.root
        leaf = whole_number(text.removeprefix("leaf "))
        if leaf is None or not text.startswith("leaf "):
            return None
        if leaf >= len(self.paths):
            last = len(self.paths) - 1
            raise DataError(f"the graph has no node {text[:60]!r}: leaves are 0 to {last}")
        return int(self.paths[np.lexsort(self.paths.T[::-1])[leaf], -1])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each node is called where the graph comes from, or its id."""
        return self.given_names or tuple(map(str, range(self.node_count)))

    @property
    def labels(self) -> tuple[str, ...]:
        """What to write beside each node: its name, unless the graph brings something else."""
        return self.given_labels or self.names

    @cached_property
    def _ids(self) -> Mapping[str, int]:
        by_label = {label: node for node, label in enumerate(self.labels)}
        return by_label | {name: node for node, name in enumerate(self.names)}

    @cached_property
    def keys(self) -> tuple[str | int, ...]:
        """What a program calls the nodes, by id: whole numbers where all names are such."""
        numbers = [n for name in self.names if (n := whole_number(name, 300)) is not None]
        return tuple(numbers) if len(numbers) == len(self.names) else self.names

    @property
    def nodes(self) -> Int64[np.ndarray, " nodes"]:
        """All nodes, by id."""
        return np.arange(self.node_count)

    @property
    def undirected_edges(self) -> Int64[np.ndarray, "pairs 2"]:
        """The distinct unordered pairs, each as (smaller, larger), sorted."""
        return unique_edges(np.sort(self.edges, axis=1), self.node_count)

    @property
    def adjacency(self) -> "csr_array":
        """Symmetric 0/1 adjacency without loops, as float64."""
        from scipy.sparse import csr_array

        pairs = self.undirected_edges
        both = np.concatenate([pairs, pairs[:, ::-1]]).T
        shape = (self.node_count, self.node_count)
        return csr_array((np.ones(both.shape[1]), (both[0], both[1])), shape=shape)

    @property
    def description(self) -> str:
        """One line: format, nodes, edges, direction, components and the first edges by name."""
        from scipy.sparse.csgraph import connected_components

        parts = connected_components(self.adjacency, directed=False, return_labels=False)
        arrow, kind = ("->", "directed") if self.directed else ("--", "undirected")
        first = [f"{self.labels[u]} {arrow} {self.labels[v]}" for u, v in self.edges[:3].tolist()]
        return (
            f"{self.format or self.family}: {self.node_count} nodes, {len(self.edges)} edges, "
            f"{kind}, {parts} component{'s' * (parts != 1)}; "
            f"{', '.join(first)}{', ...' * (len(self.edges) > 3)}"
        )

    @property
    def order(self) -> Int64[np.ndarray, " nodes"]:
        """Node order of heatmaps: a star from its root, arm by arm; other families by id."""
        return FAMILIES[self.family].order(self)

    @property
    def groups(self) -> Int64[np.ndarray, " nodes"] | None:
        """The nodes that share a colour, as the family has it; None where places decide."""
        return FAMILIES[self.family].groups(self)

    @property
    def is_path_star(self) -> bool:
        """Whether the graph is a root with arms that do not branch."""
        below = self.paths[:, 1:]
        return self.family == "star" and np.unique(below).size == below.size > 0

    def order_along_paths(self) -> Int64[np.ndarray, " nodes"]:
        """Return all nodes in order of their first place on the paths, those on no path last."""
        every_node = np.concatenate([self.paths.ravel(), self.nodes])
        _, first_place = np.unique(every_node, return_index=True)
        return every_node[np.sort(first_place)]

    def branches(self) -> Int64[np.ndarray, " nodes"]:
        """Return for every node which neighbour of the root its path goes through.

        -1 for the root and for nodes out of its reach.
        """
        return branches(self.edges, self.node_count, -1 if self.root is None else self.root)


def branches(
    edges: Int[np.ndarray, "edges 2"], node_count: int, root: int
) -> Int64[np.ndarray, " nodes"]:
    """Return for every node which neighbour of the root its path goes through; -1 for the root."""
    group = np.full(node_count, -1)
    near = edges[(edges == root).any(axis=1)].sum(axis=1) - root
    group[near] = np.arange(len(near))
    inner = edges[(edges != root).all(axis=1)]
    while True:
        known = group.copy()
        np.maximum.at(group, inner, group[inner].max(axis=1, keepdims=True))
        if (group == known).all():
            return group


def unique_edges(
    edges: Int64[np.ndarray, "edges 2"], node_count: int
) -> Int64[np.ndarray, "distinct 2"]:
    """Return the distinct edges sorted by (u, v)."""
    codes = distinct(edges[:, 0] * node_count + edges[:, 1])
    return np.stack([codes // node_count, codes % node_count], axis=1)


def distinct(codes: Int64[np.ndarray, " all"]) -> Int64[np.ndarray, " distinct"]:
    """Return the distinct numbers, sorted.

    `np.unique` hashes, which took ten times as long on the codes of edges.
    """
    ordered = np.sort(codes)
    return ordered[np.diff(ordered, prepend=-1) != 0]


def path_edges(
    paths: Int64[np.ndarray, "paths length"], node_count: int
) -> Int64[np.ndarray, "distinct 2"]:
    """Return the distinct pairs of consecutive nodes of the paths, sorted by (u, v)."""
    pairs = np.stack([paths[:, :-1].ravel(), paths[:, 1:].ravel()], axis=1)
    return unique_edges(pairs, node_count)


def select_facts(
    facts: Int64[np.ndarray, "facts 2"], paths: Int64[np.ndarray, "paths length"], self_edges: str
) -> Int64[np.ndarray, "selected 2"]:
    """Return the facts to memorize: with `self_edges` "leaves" no self edges of inner nodes.

    A leaf is where one of the paths ends.
    """
    if self_edges != "leaves":
        return facts
    return facts[(facts[:, 0] != facts[:, 1]) | np.isin(facts[:, 0], paths[:, -1])]


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    try:
        return tuple(sorted(names, key=int))
    except ValueError:  # words
        return names
