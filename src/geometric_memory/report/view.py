"""What a page shows of a run: its nodes, all of a small graph, and its embedding along training."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from geometric_memory.analysis.arms import sample_arms
from geometric_memory.analysis.cosines import GeometricLevel, geometric_levels
from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.geometry_score import graph_reference, measure_orders
from geometric_memory.analysis.layout import ball, radial_layout, stress_layout
from geometric_memory.analysis.measures import COSINES
from geometric_memory.analysis.reduction import aligned, clear_pca
from geometric_memory.errors import CheckpointError
from geometric_memory.figures.colors import NodeColors, node_colors
from geometric_memory.figures.picture import Space
from geometric_memory.runs.history import Frames
from geometric_memory.runs.metrics import Series
from geometric_memory.runs.run import Run

MOST_NODES = 256
"""Nodes up to which a graph is shown whole, and that are shown of a larger one."""
MOST_SCORED_NODES = 2000
"""Nodes of the largest graph whose geometry score is taken at every frame."""
RECOVERY = "edge_memorization/top_k_recovery"
LEVEL, NON_EDGES = COSINES
SCORE = "geometry/score"


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The nodes shown, in the order of heatmaps."""

    nodes: Int[np.ndarray, " shown"]
    edges: Int[np.ndarray, "edges 2"]
    """Undirected, by place among the nodes shown."""
    directed: Int[np.ndarray, "facts 2"]
    """Edge facts, by place among the nodes shown."""
    names: tuple[str, ...]
    colors: NodeColors
    root: int | None
    """Place of the root."""
    whole: bool
    """Whether all nodes are shown."""
    components: tuple[int, ...] = ()
    """Principal components to show, counted from 1; where none are named, the clear ones."""

    def space(self, coordinates: Float[np.ndarray, "shown axes"], **more: Any) -> Space:
        """Return the nodes at `coordinates`."""
        return Space(coordinates=coordinates, edges=self.edges, names=self.names, root=self.root,
                     colors=self.colors.painted(), legend=self.colors.legend, **more)  # fmt: skip

    @cached_property
    def layout(self) -> Float[np.ndarray, "shown 2"]:
        """Places of the nodes on paper."""
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
    graph, whole = dataset.graph, dataset.node_count <= most
    if whole:
        nodes = graph.order
    elif graph.root is not None:
        paths, _ = arms_of(run, (most - 1) // (graph.paths.shape[1] - 1))
        nodes = paths.ravel()[np.sort(np.unique(paths, return_index=True)[1])]
    else:
        degrees = np.asarray(graph.adjacency.sum(axis=1)).ravel()
        nodes = np.sort(ball(graph.adjacency, int(degrees.argmax()), most))
    nodes = nodes.astype(np.int64)
    place = np.full(graph.node_count, -1)
    place[nodes] = np.arange(len(nodes))
    undirected, directed = place[graph.undirected_edges], place[dataset.facts]
    return View(
        nodes=nodes,
        edges=undirected[(undirected >= 0).all(axis=1)],
        directed=directed[(directed >= 0).all(axis=1)],
        names=tuple(graph.labels[node] for node in nodes),
        colors=node_colors(graph, nodes),
        root=None if graph.root is None else int(place[graph.root]),
        whole=whole,
        components=run.components,
    )


def arms_of(
    run: Run, most: int
) -> tuple[Int[np.ndarray, "paths length"], Bool[np.ndarray, " paths"]]:
    """Return at most `most` paths of the graph, held-out ones last, and which those are."""
    assert run.graph is not None
    held_out = run.held_out()
    chosen = sample_arms(held_out, most, np.random.default_rng(0))
    return run.graph.paths[chosen], held_out[chosen]


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """The embedding in the course of a run: measured whole, kept where it is shown."""

    frames: Frames
    levels: Sequence[GeometricLevel]
    """Mean cosines of every frame."""
    scores: Sequence[float]
    """Geometry score of every frame, as it is and not folded; none of a big graph."""
    sizes: Sequence[float]
    """Root mean square distance of the nodes from their centre."""
    shown: Float[np.ndarray, "frames shown dim"]
    """The rows of the nodes that are shown."""

    @property
    def steps(self) -> Int[np.ndarray, " frames"]:
        """Updates made before every frame."""
        return self.frames.steps


def course_of(run: Run, view: View | None, most: int) -> Course | None:
    """Return at most `most` frames of a run; None, with a note, where there are none to be had.

    Frames are read one by one, each once.
    """
    if run.dataset is None or run.frames is None or view is None:
        return None
    levels, sizes, shown, scores = [], [], [], []
    facts, count = run.dataset.facts, run.dataset.node_count
    reference = graph_reference(facts, count) if count <= MOST_SCORED_NODES else None
    try:
        frames = run.frames.spread(most, rows=len(view.nodes))
        for rows in frames:
            levels.append(geometric_levels(rows, facts))
            if reference is not None:
                scores.append(measure_orders(rows, reference).score)
            sizes.append(float(np.sqrt(np.square(rows - rows.mean(axis=0)).sum(axis=1).mean())))
            shown.append(rows[view.nodes])
    except CheckpointError as error:
        run.notes.append(str(error))
        return None
    return Course(frames=frames, levels=levels, scores=scores, sizes=sizes, shown=np.stack(shown))


def level_series(run: Run, course: Course | None) -> dict[str, Series]:
    """Return level, non-edge level and geometry score along training, logged or of the frames.

    Of what is known in both ways the one with more steps.
    """
    found = {}
    if course is not None:
        values = {
            LEVEL: [level.published for level in course.levels],
            NON_EDGES: [level.non_edges for level in course.levels],
            SCORE: course.scores,
        }
        steps = course.steps.astype(np.float64)
        found = {n: Series(steps=steps, values=np.array(own)) for n, own in values.items() if own}
    for name in COSINES:
        if name in run.metrics and (
            name not in found or len(run.metrics[name].steps) > len(found[name].steps)
        ):
            found[name] = run.metrics[name]
    return found


def frames_in_space(
    embeddings: Float[np.ndarray, "frames nodes dim"], view: View
) -> tuple[Float[np.ndarray, "frames nodes 3"], str]:
    """Return principal coordinates, aligned from step to step, each frame within [-1, 1].

    Beside them, in words, the components that the last frame shows.
    """
    found = [clear_pca(rows, view.edges, view.components) for rows in embeddings]
    turned = aligned(np.stack([coordinates for coordinates, _ in found]))
    reach = np.abs(turned).max(axis=(1, 2), keepdims=True)
    return turned / np.where(reach > 0, reach, 1), named_components(found[-1][1])


def named_components(components: Sequence[int]) -> str:
    """Return components in words, such as `principal components 2, 3 and 4`."""
    *most, last = map(str, components)
    if not most:
        return f"principal component {last}"
    return f"principal components {', '.join(most)} and {last}"
