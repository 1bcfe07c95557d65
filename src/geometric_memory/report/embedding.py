"""The embedding in space along training, and cosines beside the adjacency, on one slider."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry import (
    adjacency_matrix,
    cosine_similarity,
)
from geometric_memory.analysis.reduction import aligned, pca
from geometric_memory.figures.embedding import Drawing, embedding_graph
from geometric_memory.figures.heatmaps import Matrix, matrix_heatmaps
from geometric_memory.figures.interactive_matrices import matrices
from geometric_memory.figures.interactive_space import MOST_LABELS, space
from geometric_memory.report.measures import Course, recovery_at
from geometric_memory.report.parts import Movie, Part, Picture, percent
from geometric_memory.report.view import View
from geometric_memory.runs.run import Run

MOST_ROWS = 128
"""Rows of the heatmap; of a bigger view it shows the first."""


def embedding_part(run: Run, view: View, course: Course) -> Part:
    """Return the embedding in space and the heatmap, at chosen steps."""
    captions = step_captions(run, course)
    notes = []
    if not view.whole and run.graph is not None:
        notes.append(
            f"{len(view.nodes)} of {run.graph.node_count:,} nodes are shown; every number is of "
            "all nodes."
        )
    return Part(
        name="embedding",
        title="The embedding",
        text=(
            "The first three principal components of the node embeddings, each step turned onto "
            "the next (orthogonal Procrustes) and scaled to one size. Drag to rotate."
        ),
        pictures=[
            space_picture(course, view, captions),
            similarity_picture(course, view, captions),
        ],
        notes=notes,
    )


def step_captions(run: Run, course: Course) -> list[str]:
    """Return what to say at every step: memorization, level and size."""
    found = []
    for step, level, size in zip(course.steps, course.levels, course.sizes, strict=True):
        recovery = 100 * recovery_at(run, float(step))
        found.append(
            f"memorization {percent(recovery)}, level {level.published:+.2f}, "
            f"non-edges {level.non_edges:+.2f}, size {size:.3g}"
        )
    return found


def frames_in_space(
    embeddings: Float[np.ndarray, "frames nodes dim"],
) -> Float[np.ndarray, "frames nodes 3"]:
    """Return principal coordinates, aligned from step to step, each frame within [-1, 1]."""
    axes = min(3, *embeddings.shape[1:])
    reduced = np.stack([pca(rows, axes) for rows in embeddings])
    turned = np.pad(aligned(reduced), ((0, 0), (0, 0), (0, 3 - axes)))
    reach = np.abs(turned).max(axis=(1, 2), keepdims=True)
    return turned / np.where(reach > 0, reach, 1)


def space_picture(course: Course, view: View, captions: Sequence[str]) -> Picture:
    """Draw the embedding in space, with a slider over its steps."""
    steps, coordinates = course.steps, frames_in_space(course.shown)
    drawing = Drawing(
        edges=view.edges, root=view.root, colors=view.colors, names=view.names,
        labels=len(view.nodes) <= MOST_LABELS,
    )  # fmt: skip
    return Picture(
        name="space",
        live=space(coordinates[-1], view.drawn),
        still=embedding_graph(coordinates[-1], drawing),
        label=f"The embedding in space after {steps[-1]} steps: {captions[-1]}.",
        height=560,
        needs_webgl=True,
        movie=Movie(kind="space", steps=steps, values=coordinates, captions=captions,
                    edges=view.edges),
    )  # fmt: skip


def similarity_picture(course: Course, view: View, captions: Sequence[str]) -> Picture:
    """Draw cosines beside the adjacency in graph order, with the same slider."""
    steps, rows = course.steps, view.nodes[:MOST_ROWS]
    names = view.names[:MOST_ROWS]
    shown = [cosine_similarity(found[:MOST_ROWS]) for found in course.shown]
    cosines = np.stack([_off_diagonal(found) for found in shown])
    inside = view.directed[(view.directed < len(rows)).all(axis=1)]
    adjacency = adjacency_matrix(inside, len(rows)).astype(float)
    panels = [
        Matrix(values=cosines[-1], names=names, title="cosine similarity", range=(-1.0, 1.0)),
        Matrix(
            values=adjacency,
            names=names,
            title="edge facts, row to column",
            range=(0.0, 1.0),
            scale=False,
        ),
    ]
    shown = "" if len(rows) == len(view.nodes) and view.whole else f" {len(rows)} nodes are shown."
    return Picture(
        name="similarity",
        live=matrices(panels),
        still=matrix_heatmaps(panels),
        label=f"Cosine of every two nodes after {steps[-1]} steps, beside the adjacency.{shown}",
        caption=f"Nodes in the order of the graph.{shown} A memory that is a map lights up around "
        "the edges, not only on them.",
        height=440,
        movie=Movie(kind="matrix", steps=steps, values=cosines, captions=captions),
    )


def _off_diagonal(matrix: Float[np.ndarray, "rows rows"]) -> Float[np.ndarray, "rows rows"]:
    """Return the matrix with a blank diagonal, which is 1 for everyone."""
    found = matrix.copy()
    np.fill_diagonal(found, np.nan)
    return found
