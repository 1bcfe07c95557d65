"""The figures of a section, PDF and PNG under the published names, with the arrays beside them.

FOLDER/embeddings/grid__gpt__lr_0.01__embedding.{pdf,png,json}
FOLDER/curves/...  FOLDER/heatmaps/...  FOLDER/spectral/...  FOLDER/evolution/...{...,html}
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry import (
    adjacency_matrix,
    cosine_similarity,
    symmetric_adjacency,
)
from geometric_memory.analysis.reduction import aligned, joint_pca, pca
from geometric_memory.analysis.spectrum import fiedler_coordinates, graph_spectrum
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.figures.embedding import Drawing, embedding_graph, evolution_panels
from geometric_memory.figures.heatmaps import similarity_heatmaps
from geometric_memory.figures.interactive import Movie, evolution_page
from geometric_memory.figures.memorization import Trajectory, memorization_curves
from geometric_memory.figures.view import clear_view
from geometric_memory.tiny.picture import Picture, file_stem, named, save_picture
from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.spectral_pictures import (
    eigenspace_picture,
    projection_picture,
    spectral_picture,
)
from geometric_memory.tiny.tiny_graph import tiny_graph

FRAMES = 80


def draw_section(run: SectionRun, folder: Path) -> list[Path]:
    """Draw every figure of `run` and return the files."""
    written = []
    for (kind, suffix), draw in FIGURES.items():
        picture = draw(run)
        if picture is not None:
            base = folder / kind / f"{file_stem(run.section)}__{suffix}"
            written += save_picture(picture, base)
    if len(run.snapshot_steps) > 2 and not run.section.frozen:
        page = folder / "evolution" / f"{file_stem(run.section)}__evolution.html"
        page.write_text(evolution_page(movie(run)), encoding="utf-8")
        written.append(page)
    return written


def drawing(
    graph: Dataset, points: Float[np.ndarray, "nodes 3"], published: tuple[float, ...]
) -> Drawing:
    """Return how `points` are drawn: from the published angle, or from one that is clearer."""
    edges = graph.graph.undirected_edges
    return Drawing(edges=edges, root=graph.graph.root, view=clear_view(points, edges, published))


def embedding_picture(run: SectionRun) -> Picture:
    """Draw the last embedding, first three principal components."""
    graph = tiny_graph(run.section)
    points = pca(run.snapshots[-1], 3)
    figure = embedding_graph(
        points, drawing(graph, points, run.section.view), title=_at(run, int(run.steps[-1]))
    )
    return Picture(
        figure=figure,
        arrays={"coordinates": points, "edges": graph.graph.undirected_edges},
    )


def graph_picture(run: SectionRun) -> Picture | None:
    """Draw the Fiedler coordinates of the graph, the map that a perfect memory would be."""
    if not run.section.graph_view:
        return None
    graph = tiny_graph(run.section)
    spectrum = graph_spectrum(symmetric_adjacency(graph.facts, graph.node_count))
    points = fiedler_coordinates(spectrum)
    shown = drawing(graph, points, run.section.graph_view)
    title = f"{run.section.graph}: Fiedler coordinates"
    return Picture(
        figure=embedding_graph(points, shown, title=title), arrays={"coordinates": points}
    )


def evolution_picture(run: SectionRun) -> Picture | None:
    """Draw the embedding at the published steps, else at the start, at 100 % and at the end."""
    if run.section.frozen:
        return None
    graph = tiny_graph(run.section)
    places = [int(np.abs(run.snapshot_steps - step).argmin()) for step in _told_steps(run)]
    points = list(joint_pca(run.snapshots[places], 3))
    steps = [int(run.snapshot_steps[place]) for place in places]
    figure = evolution_panels(
        points,
        [_at(run, step) for step in steps],
        drawing(graph, points[-1], run.section.view),
    )
    return Picture(figure=figure, arrays={"steps": steps, "coordinates": points})


def heatmap_picture(run: SectionRun) -> Picture:
    """Draw cosine similarity beside adjacency when the memory is complete, or at the end.

    The step follows memorization, never the quantity drawn; published steps were picked by hand.
    """
    graph = tiny_graph(run.section)
    complete = run.complete_step()
    step, embeddings = run.snapshot(-1 if complete is None else int(run.steps[-1]))
    order = graph.graph.order
    similarity = cosine_similarity(embeddings, order)
    adjacency = adjacency_matrix(graph.facts, graph.node_count, order)
    names = [str(node) for node in order]
    figure = similarity_heatmaps(similarity, adjacency, names, title=_at(run, step))
    return Picture(
        figure=figure,
        arrays={"step": step, "order": order, "similarity": similarity, "adjacency": adjacency},
    )


def curve_picture(run: SectionRun) -> Picture:
    """Draw memorization and geometric level over steps, with a band over seeds."""
    kept = thinned(run.steps)
    trajectory = Trajectory(
        steps=run.steps[kept],
        recovery=100 * run.curves["published_recovery"][kept],
        level=run.curves["level"][kept],
        non_edges=run.curves["non_edge_level"][kept],
        shown=run.shown,
    )
    complete = run.complete_step()
    marked = [] if complete is None else [complete]
    title = f"{named(run)}, seed {run.shown_seed}" + (
        f", band: {len(run.seeds)} seeds" if len(run.seeds) > 2 else ""
    )
    arrays = {"seeds": run.seeds, "steps": trajectory.steps, "recovery": trajectory.recovery,
              "level": trajectory.level, "non_edges": trajectory.non_edges}  # fmt: skip
    return Picture(
        figure=memorization_curves(trajectory, marked=marked, title=title), arrays=arrays
    )


def movie(run: SectionRun) -> Movie:
    """Return the snapshots of `run`, reduced together and turned onto each other."""
    graph = tiny_graph(run.section)
    places = np.unique(np.linspace(0, len(run.snapshot_steps) - 1, FRAMES).round().astype(int))
    steps = run.snapshot_steps[places]
    rows = np.searchsorted(run.steps, steps)
    return Movie(
        steps=steps,
        coordinates=aligned(np.stack([pca(embeddings, 3) for embeddings in run.snapshots[places]])),
        edges=graph.graph.undirected_edges,
        names=[str(node) for node in range(graph.node_count)],
        recovery=100 * run.curve("published_recovery")[rows],
        level=run.curve("level")[rows],
        non_edges=run.curve("non_edge_level")[rows],
        root=graph.graph.root,
        title=f"{named(run)}, seed {run.shown_seed}",
    )


FIGURES: Mapping[tuple[str, str], Callable[[SectionRun], Picture | None]] = {
    ("embeddings", "embedding"): embedding_picture,
    ("embeddings", "fiedler_vectors"): graph_picture,
    ("evolution", "evolution"): evolution_picture,
    ("curves", "memorization"): curve_picture,
    ("heatmaps", "heatmap"): heatmap_picture,
    ("spectral", "spectral_bars"): spectral_picture,
    ("spectral", "eigenspaces"): eigenspace_picture,
    ("spectral", "projections"): projection_picture,
}


def thinned(steps: Int[np.ndarray, " steps"], most: int = 2000) -> Any:
    """Return places of at most about `most` steps, the first hundred and the last among them."""
    if len(steps) <= most:
        return np.arange(len(steps))
    spread = np.linspace(0, len(steps) - 1, most).round().astype(int)
    return np.unique(np.concatenate([np.arange(100), spread]))


def _told_steps(run: SectionRun) -> list[int]:
    """Return the published steps of the evolution, or first, during and last."""
    if run.section.evolution_steps:
        return list(run.section.evolution_steps)
    complete = run.complete_step()
    last = int(run.steps[-1])
    during = complete if complete is not None and 0 < complete < last else last // 2
    return [0, during, last]


def _at(run: SectionRun, step: int) -> str:
    row = int(np.searchsorted(run.steps, step))
    return (
        f"step {step}: memorization {100 * run.curve('published_recovery')[row]:.0f} %, "
        f"level {run.curve('level')[row]:+.2f}"
    )
