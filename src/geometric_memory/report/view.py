"""Which nodes of a graph a page shows, and how they look: all of a small one, arms of a big one."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.arms import sampled_arms
from geometric_memory.analysis.layout import ball, radial_layout, stress_layout
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.figures.interactive_space import Nodes
from geometric_memory.figures.node_colors import NodeColors, node_colors, painted
from geometric_memory.runs.run import Run

MOST_NODES = 256
"""Nodes up to which a graph is shown whole, and that are shown of a larger one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The nodes shown, in the order of heatmaps."""

    nodes: Int[np.ndarray, " shown"]
    edges: Int[np.ndarray, "edges 2"]
    """Undirected, by place among the nodes shown."""
    directed: Int[np.ndarray, "facts 2"]
    """Edge facts, by place among the nodes shown."""
    names: tuple[str, ...]
    node_colors: NodeColors
    root: int | None
    """Place of the root."""
    paths: Int[np.ndarray, "paths length"]
    """Paths shown, by node id; the held-out ones last."""
    held_out: Bool[np.ndarray, " paths"]
    whole: bool
    """Whether all nodes are shown."""

    @property
    def colors(self) -> tuple[str, ...]:
        """A colour per node."""
        return painted(self.node_colors)

    @property
    def drawn(self) -> Nodes:
        """How plotly draws them."""
        return Nodes(names=self.names, colors=self.colors, edges=self.edges, root=self.root)

    @cached_property
    def layout(self) -> Float[np.ndarray, "shown 2"]:
        """Places of the nodes on paper."""
        from geometric_memory.analysis.geometry import symmetric_adjacency

        adjacency = symmetric_adjacency(self.edges, len(self.nodes))
        if self.root is not None:
            return radial_layout(adjacency, self.root)
        return stress_layout(adjacency)


def view_of(run: Run, most: int = MOST_NODES) -> View | None:
    """Return what is shown of the graph of `run`; None without a graph.

    Of a big rooted graph some whole arms are drawn at random (the same ones every time), half of
    them held out; of another one the nodes around its best connected node.
    """
    dataset = run.dataset
    if dataset is None:
        return None
    graph, paths = dataset.graph, dataset.graph.paths
    held_out = run.held_out()
    whole = graph.node_count <= most
    if whole:
        nodes = graph.order
    elif graph.root is not None:
        chosen = sampled_arms(held_out, (most - 1) // (paths.shape[1] - 1), _generator())
        paths, held_out = paths[chosen], held_out[chosen]
        nodes = paths.ravel()[np.sort(np.unique(paths, return_index=True)[1])]
    else:
        degrees = np.asarray(graph.adjacency.sum(axis=1)).ravel()
        nodes = np.sort(ball(graph.adjacency, int(degrees.argmax()), most))
        inside = np.isin(paths, nodes).all(axis=1)
        paths, held_out = paths[inside], held_out[inside]
    return _view(dataset, nodes.astype(np.int64), paths, held_out, whole)


def arms_of(run: Run, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most `most` paths of a path-star, held-out ones last, and which those are."""
    graph = run.graph
    if graph is None:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0, dtype=bool)
    paths = graph.paths
    chosen = sampled_arms(run.held_out(), most, _generator())
    return paths[chosen], run.held_out()[chosen]


def _view(
    dataset: Dataset,
    nodes: Int[np.ndarray, " shown"],
    paths: Int[np.ndarray, "paths length"],
    held_out: Bool[np.ndarray, " paths"],
    whole: bool,
) -> View:
    graph = dataset.graph
    place = np.full(graph.node_count, -1)
    place[nodes] = np.arange(len(nodes))
    undirected, directed = place[graph.undirected_edges], place[dataset.facts]
    root = None if graph.root is None else int(place[graph.root])
    return View(
        nodes=nodes,
        edges=undirected[(undirected >= 0).all(axis=1)],
        directed=directed[(directed >= 0).all(axis=1)],
        names=tuple(graph.labels[node] for node in nodes),
        node_colors=node_colors(graph, nodes),
        root=root,
        paths=paths,
        held_out=held_out,
        whole=whole,
    )


def _generator() -> np.random.Generator:
    return np.random.default_rng(0)
