"""The embedding of a run: in space, as cosines, by hops and eigenspaces, arm by arm."""

import numpy as np

from geometric_memory.analysis.arms import leaf_by_first_hop, leaf_hop_alignment, path_distances
from geometric_memory.analysis.cosines import cosine_similarity
from geometric_memory.analysis.geometry import adjacency_matrix, hop_profile
from geometric_memory.analysis.geometry_result import Geometry, spelled
from geometric_memory.analysis.reduction import clear_pca, joint_umap
from geometric_memory.analysis.spectrum import eigenspace_energies, graph_spectrum
from geometric_memory.errors import DataError
from geometric_memory.figures.camera import clear_view
from geometric_memory.figures.colors import PALETTE, node_colors
from geometric_memory.figures.page import Note, Section, Table, number, percent
from geometric_memory.figures.picture import Chart, Level, Line, Matrix, Movie, Picture, Space
from geometric_memory.figures.spectral import eigenspace_bars
from geometric_memory.graphs.graph import Graph
from geometric_memory.report.view import (
    RECOVERY,
    Course,
    View,
    arms_of,
    frames_in_space,
    named_components,
)
from geometric_memory.runs.run import Run

MOST_ROWS = 128
"""Rows of the heatmap; of a bigger view it shows the first."""
HOP_SOURCES = 256
"""Nodes whose pairs make the profile of a big graph."""
MOST_SPECTRUM_NODES = 2000
MOST_BARS = 60
"""Eigenspaces that are drawn."""
MATRIX_ARMS, MAP_ARMS = 100, 300
FEWEST_ARMS = 6


def embedding_section(run: Run, graph: Graph, view: View, course: Course) -> Section:
    """Return the embedding in space and the heatmap, at chosen steps."""
    numbers = "every number is of all nodes"
    if run.asked_nodes:
        numbers = f"memorization is of {run.asked_nodes} nodes, every other number of all"
    part = Note(f"{len(view.nodes)} of {graph.node_count:,} nodes are shown; {numbers}.")
    return Section("embedding", "The embedding", [
        "Three principal components of the node embeddings, each step turned onto the next "
        "(orthogonal Procrustes) and scaled to one size. Unless they were named, they are the "
        "widest on which neighbours lie nearer than two nodes at random. Drag to rotate.",
        space_picture(run, view, course),
        similarity_picture(run, view, course),
        *[part] * (not view.whole),
    ])  # fmt: skip


def step_captions(run: Run, course: Course) -> list[str]:
    """Return what to say at every step: memorization, level and size."""
    series = run.metrics.get(RECOVERY)
    return [
        f"memorization {percent(float('nan') if series is None else series.at(float(step)))}, "
        f"level {level.published:+.2f}, non-edges {level.non_edges:+.2f}, size {size:.3g}"
        for step, level, size in zip(course.steps, course.levels, course.sizes, strict=True)
    ]


def graph_picture(graph: Graph, view: View) -> Picture:
    """Draw the graph, or the part of it that is shown."""
    part = "" if view.whole else f", {len(view.nodes)} of {graph.node_count:,} nodes"
    rooted = " One colour per arm; the root is dark." if graph.root is not None else ""
    return Picture(
        name="graph",
        panels=[view.space(view.layout)],
        label=f"Drawing of the graph{part}: {len(view.edges)} undirected edges.",
        caption=f"The graph as it was built{part}.{rooted}",
        height=440,
    )


def space_picture(run: Run, view: View, course: Course) -> Picture:
    """Draw the embedding in space, with a slider over its steps."""
    steps, (coordinates, components) = course.steps, frames_in_space(course.shown, view)
    captions = step_captions(run, course)
    last = coordinates[-1]
    return Picture(
        name="space",
        panels=[view.space(last, view=clear_view(last, view.edges))],
        label=f"The embedding in space after {steps[-1]} steps: {captions[-1]}.",
        caption=f"After {steps[-1]:,} steps these are {components}.",
        height=560,
        movie=Movie(steps=steps, values=coordinates, captions=captions),
        size=(8.0, 7.0),
    )


def evolution_picture(run: Run, view: View, course: Course) -> Picture:
    """Draw the embedding at the first, a middle and the last step, reduced jointly."""
    steps, shown = _three(course)
    coordinates, chosen = clear_pca(shown, view.edges, view.components)
    return _panels(view, steps, coordinates, "evolution", named_components(chosen))


def umap_picture(run: Run, view: View, course: Course) -> Picture:
    """Draw the same steps by UMAP, as the release draws the evolution of the cycle."""
    steps, shown = _three(course)
    return _panels(view, steps, joint_umap(shown), "umap", "UMAP, seed 0, 8 neighbours")


def _three(course: Course) -> tuple[np.ndarray, np.ndarray]:
    """Return the first, a middle and the last step, and what is shown of the embedding there."""
    places = sorted({0, len(course.steps) // 2, len(course.steps) - 1})
    return course.steps[places], course.shown[places]


def _panels(view: View, steps: np.ndarray, coordinates: np.ndarray, name: str, how: str) -> Picture:
    """Draw one panel per step, all of them from where the last is clear."""
    seen = clear_view(coordinates[-1], view.edges)
    panels = [
        view.space(own, view=seen, title=f"step {step:,}")
        for step, own in zip(steps.tolist(), coordinates, strict=True)
    ]
    listed = ", ".join(f"{step:,}" for step in steps.tolist())
    label = f"The embedding after {listed} steps, reduced jointly: {how}."
    numbers = {"steps": steps, "coordinates": coordinates}
    return Picture(name=name, panels=panels, label=label, caption=label, numbers=numbers)


def similarity_picture(run: Run, view: View, course: Course) -> Picture:
    """Draw cosines beside the adjacency in graph order, with the same slider."""
    steps, names = course.steps, view.names[:MOST_ROWS]
    cosines = np.stack([cosine_similarity(rows[:MOST_ROWS]) for rows in course.shown])
    diagonal = np.arange(len(names))
    cosines[:, diagonal, diagonal] = np.nan  # which is 1 for everyone
    inside = view.directed[(view.directed < len(names)).all(axis=1)]
    adjacency = adjacency_matrix(inside, len(names)).astype(float)
    panels = [
        Matrix(values=cosines[-1], names=names, title="cosine similarity", range=(-1.0, 1.0)),
        Matrix(values=adjacency, names=names, title="edge facts, row to column", range=(0.0, 1.0),
               scale=False),
    ]  # fmt: skip
    whole = len(names) == len(view.nodes) and view.whole
    part = "" if whole else f" {len(names)} nodes are shown."
    return Picture(
        name="similarity",
        panels=panels,
        label=f"Cosine of every two nodes after {steps[-1]} steps, beside the adjacency.{part}",
        caption=f"Nodes in the order of the graph.{part} A memory that is a map lights up around "
        "the edges, not only on them.",
        height=440,
        movie=Movie(steps=steps, values=cosines, captions=step_captions(run, course)),
    )


def verdict_section(found: Geometry) -> Section:
    """Return verdict, score and numbers by hop."""
    table = Table(
        name="hops-table",
        headings=found.headings(),
        rows=found.rows(),
        caption="Mean distance by hops in the graph, in units of the root mean square of all "
        "pairs, and the chance that a node at these hops is nearer than an equally placed one "
        "farther away (at three hops or more). No order is 0.5.",
    )
    numbers = {
        "verdict": found.verdict,
        "score": f"{found.score:+.2f} [{spelled(found.interval, '+.2f')}]",
        "reach": f"{found.reach} hops",
        "rank correlation from three hops on": number(found.rho),
    }
    reason = f"{found.reason[0].upper()}{found.reason[1:]}. {found.memorized}"
    return Section("verdict", "Map or lookup table", [reason, numbers, table])


def hops_picture(run: Run) -> Picture:
    """Draw the mean cosine by hop distance; raises DataError without an embedding."""
    if run.graph is None:
        raise DataError("there is no embedding to measure")
    count, sources = run.graph.node_count, None
    if count > HOP_SOURCES:
        sources = np.random.default_rng(0).choice(count, HOP_SOURCES, replace=False)
    found = hop_profile(run.embeddings, run.graph.adjacency, sources)
    lines = [
        Line(label="as they are", x=found.hops, y=found.cosine, color=PALETTE[0], markers=True),
        Line(label="mean taken away", x=found.hops, y=found.centred_cosine, color=PALETTE[1],
             markers=True),
    ]  # fmt: skip
    levels = [Level(label="no similarity", value=0.0)]
    chart = Chart(lines=lines, levels=levels, x_title="hops in the graph", y_title="mean cosine")
    listed = zip(found.hops, found.centred_cosine, strict=True)
    return Picture(
        name="hops",
        panels=[chart],
        label="Mean centred cosine by hops. " + ", ".join(f"{n}: {c:.2f}" for n, c in listed),
        caption="Similarity by distance in the graph. A map falls with hops; a lookup table is "
        "flat beyond the first.",
    )


def spectrum_picture(run: Run) -> Picture:
    """Draw the energy in the graph's eigenspaces; raises DataError where it cannot be had."""
    if run.graph is None:
        raise DataError("there is no embedding to decompose")
    if run.graph.node_count > MOST_SPECTRUM_NODES:
        raise DataError(
            f"the spectrum is left out above {MOST_SPECTRUM_NODES} nodes: whole eigenspaces "
            "of a big star have thousands of dimensions"
        )
    spectrum = graph_spectrum(run.graph.adjacency).without_trivial()
    found = eigenspace_energies(spectrum.eigenvalues, spectrum.eigenvectors, run.embeddings)
    kept, count = slice(0, MOST_BARS), len(found.shares)
    cut = f" The first {MOST_BARS} of {count} eigenspaces." if count > MOST_BARS else ""
    shares = found.shares[kept]
    return Picture(
        name="spectrum",
        panels=[eigenspace_bars(found.eigenvalues[kept] + 2, found.multiplicities[kept], shares)],
        label="Share of the embedding's energy in each eigenspace of the graph, smoothest first: "
        + ", ".join(f"{share:.0%}" for share in shares[:8])
        + ".",
        caption="Energy by eigenspace of the graph, the constant one left out. A bar is as wide as "
        "its eigenspace has dimensions, so areas are energies. A map leans to the left; zigzags "
        f"lean to the right.{cut}",
    )


def arms_section(run: Run) -> Section | None:
    """Return leaves against first hops, paths against paths and the map of a path-star's arms."""
    if run.graph is None or not run.graph.is_path_star:
        return None
    paths, held_out = arms_of(run, MATRIX_ARMS)
    if len(paths) < FEWEST_ARMS or paths.shape[1] < 3:
        return None
    rows, arms = run.embeddings, run.graph.paths
    near = leaf_hop_alignment(rows, paths, arms)
    unseen = leaf_hop_alignment(rows, paths[held_out], arms).retrieval if held_out.any() else np.nan
    shown = f"{len(paths)} of {len(arms):,} arms, {int(held_out.sum())} held out"
    numbers = {
        "leaf nearer to its own first hop than to another (AUC)": number(near.alignment),
        "nearest of all arms": percent(near.retrieval),
        "nearest of all, held-out leaves": percent(unseen),
        "a guess": f"{100 / len(arms):.2g} %",
    }
    text = f"No edge joins a leaf to the first hop of its arm. Shown are {shown}."
    matrices = _arm_matrices(leaf_by_first_hop(rows, paths), path_distances(rows, paths))
    return Section("arms", "Arm by arm", [text, numbers, matrices, map_picture(run)])


def _arm_matrices(cosines: np.ndarray, distances: np.ndarray) -> Picture:
    low, high = float(distances.min()), float(distances.max())
    names = [str(place) for place in range(1, len(cosines) + 1)]
    panels = [
        Matrix(values=cosines, names=names, title="leaf by first hop: cosine", range=(-1.0, 1.0),
               rows="leaf of arm", columns="first hop of arm"),
        Matrix(values=distances, names=names, title="path by path: distance",
               range=(low, high if high > low else low + 1), rows="arm", columns="arm",
               reversed=True),
    ]  # fmt: skip
    return Picture(
        name="arm-matrices",
        panels=panels,
        label="Cosine of every leaf with every first hop, and mean distance of every two arms. "
        f"On the diagonals: {np.diag(cosines).mean():.2f} and {np.diag(distances).mean():.2f}; "
        f"everywhere: {cosines.mean():.2f} and {distances.mean():.2f}.",
        caption="A bright diagonal is a map: an arm holds together although its ends share no edge "
        "(paper, Figs 6 and 17).",
        height=440,
    )


def map_picture(run: Run) -> Picture:
    """Draw two principal components of some arms, the root removed (paper, Fig 18)."""
    graph = run.graph
    if graph is None:
        raise DataError("there is no embedding to draw")
    paths, held_out = arms_of(run, MAP_ARMS)
    below = paths[:, 1:]
    nodes = below.ravel()
    rows = run.embeddings[nodes].astype(np.float64)
    step = np.arange(below.size).reshape(below.shape)
    unseen = np.repeat(held_out, below.shape[1]).tolist()
    colors = node_colors(graph, nodes)
    edges = np.stack([step[:, :-1].ravel(), step[:, 1:].ravel()], axis=1)
    coordinates, chosen = clear_pca(rows, edges, run.components[:2], count=2)
    components = named_components(chosen)
    space = Space(
        coordinates=coordinates,
        edges=edges,
        names=[graph.labels[node] for node in nodes],
        colors=colors.painted(),
        legend=colors.legend,
        notes=["held out" if found else "trained" for found in unseen],
    )
    return Picture(
        name="map",
        panels=[space],
        label=f"Map of {len(paths)} arms, {components}, the root removed.",
        caption=f"Map of {len(paths)} arms: {components}, the root removed, one colour per arm "
        "(colours repeat).",
        height=520,
    )
