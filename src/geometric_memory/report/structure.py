"""Does the embedding know more than edges: spectrum, hops, arms, and the verdict."""

import numpy as np

from geometric_memory.analysis.arms import leaf_by_first_hop, leaf_hop_alignment, path_distances
from geometric_memory.analysis.geometry_result import Geometry, spelled
from geometric_memory.analysis.reduction import principal_components
from geometric_memory.errors import DataError
from geometric_memory.figures.charts import Chart, Level, Line
from geometric_memory.figures.embedding import Drawing, plane_graph
from geometric_memory.figures.heatmaps import Matrix, matrix_heatmaps
from geometric_memory.figures.interactive_matrices import eigenspaces, matrices
from geometric_memory.figures.interactive_space import Nodes, plane
from geometric_memory.figures.node_colors import node_colors, painted
from geometric_memory.figures.spectral import eigenspace_bars
from geometric_memory.figures.style import PALETTE
from geometric_memory.report.measures import energies, hop_profile
from geometric_memory.report.parts import Part, Picture, Table, chart_picture, number, percent
from geometric_memory.report.view import arms_of
from geometric_memory.runs.run import Run

MOST_BARS = 60
"""Eigenspaces that are drawn."""
MATRIX_ARMS, MAP_ARMS = 100, 300
FEWEST_ARMS = 6


def verdict_part(found: Geometry) -> Part:
    """Return verdict, score and numbers by hop."""
    reason = found.reason[0].upper() + found.reason[1:]
    table = Table(
        name="hops-table",
        headings=found.headings(),
        rows=[list(row) for row in found.rows()],
        caption="Mean distance by hops in the graph, in units of the root mean square of all "
        "pairs, and the chance that a node at these hops is nearer than an equally placed one "
        "farther away (at three hops or more). No order is 0.5.",
    )
    return Part(
        name="verdict",
        title="Map or lookup table",
        text=f"{reason}. {found.memorized}",
        facts={
            "verdict": found.verdict,
            "score": f"{found.score:+.2f} [{spelled(found.interval, '+.2f')}]",
            "reach": f"{found.reach} hops",
            "rank correlation from three hops on": number(found.rho),
        },
        tables=[table],
    )


def hops_picture(run: Run) -> Picture:
    """Draw the mean cosine by hop distance; raises DataError without an embedding."""
    found = hop_profile(run)
    hops = found.hops.astype(np.float64)
    lines = [
        Line(label="as they are", x=hops, y=found.cosine, color=PALETTE[0], markers=True),
        Line(label="mean taken away", x=hops, y=found.centred_cosine, color=PALETTE[1],
             markers=True),
    ]  # fmt: skip
    chart = Chart(lines=lines, levels=[Level(label="no similarity", value=0.0)],
                  x_title="hops in the graph", y_title="mean cosine")  # fmt: skip
    told = ", ".join(f"{n}: {c:.2f}" for n, c in zip(found.hops, found.centred_cosine, strict=True))
    return chart_picture(
        "hops",
        chart,
        label=f"Mean centred cosine by hops. {told}",
        caption="Similarity by distance in the graph. A map falls with hops; a lookup table is "
        "flat beyond the first.",
    )


def spectrum_picture(run: Run) -> Picture:
    """Draw the energy in the graph's eigenspaces; raises DataError where it cannot be had."""
    found = energies(run)
    kept = slice(0, MOST_BARS)
    values, counts = found.eigenvalues[kept] + 2, found.multiplicities[kept]
    shares = found.shares[kept]
    cut = f" The first {MOST_BARS} of {len(found.shares)} eigenspaces." * (
        len(found.shares) > MOST_BARS
    )
    return Picture(
        name="spectrum",
        live=eigenspaces(values, counts, shares),
        still=eigenspace_bars(values, counts, shares),
        label="Share of the embedding's energy in each eigenspace of the graph, smoothest first: "
        + ", ".join(f"{share:.0%}" for share in shares[:8]) + ".",
        caption="Energy by eigenspace of the graph, the constant one left out. A bar is as wide as "
        "its eigenspace has dimensions, so areas are energies. A map leans to the left; zigzags "
        f"lean to the right.{cut}",
    )  # fmt: skip


def arms_part(run: Run) -> Part | None:
    """Return leaves against first hops, paths against paths and the map of a path-star's arms."""
    if run.graph is None or not run.graph.is_path_star:
        return None
    paths, held_out = arms_of(run, MATRIX_ARMS)
    if len(paths) < FEWEST_ARMS or paths.shape[1] < 3:
        return None
    rows = run.embeddings
    cosines, distances = leaf_by_first_hop(rows, paths), path_distances(rows, paths)
    arms = run.graph.paths
    near = leaf_hop_alignment(rows, paths, arms)
    unseen = leaf_hop_alignment(rows, paths[held_out], arms).retrieval if held_out.any() else np.nan
    shown = f"{len(paths)} of {len(arms):,} arms, {int(held_out.sum())} held out"
    return Part(
        name="arms",
        title="Arm by arm",
        text=f"No edge joins a leaf to the first hop of its arm. Shown are {shown}.",
        facts={
            "leaf nearer to its own first hop than to another (AUC)": number(near.alignment),
            "nearest of all arms": percent(near.retrieval),
            "nearest of all, held-out leaves": percent(unseen),
            "a guess": percent(100 / len(arms)),
        },
        pictures=[
            _arm_matrices(cosines, distances, [str(place + 1) for place in range(len(paths))]),
            map_picture(run),
        ],
    )


def _arm_matrices(cosines: np.ndarray, distances: np.ndarray, names: list[str]) -> Picture:
    low, high = float(distances.min()), float(distances.max())
    panels = [
        Matrix(values=cosines, names=names, title="leaf by first hop: cosine", range=(-1.0, 1.0),
               rows="leaf of arm", columns="first hop of arm"),
        Matrix(values=distances, names=names, title="path by path: mean cosine distance",
               range=(low, high if high > low else low + 1), rows="arm", columns="arm",
               reversed=True),
    ]  # fmt: skip
    return Picture(
        name="arm-matrices",
        live=matrices(panels),
        still=matrix_heatmaps(panels),
        label="Cosine of every leaf with every first hop, and mean distance of every two arms. "
        f"On the diagonals: {np.diag(cosines).mean():.2f} and {np.diag(distances).mean():.2f}; "
        f"everywhere: {cosines.mean():.2f} and {distances.mean():.2f}.",
        caption="A bright diagonal is a map: an arm holds together although its ends share no edge "
        "(paper, Figs 6 and 17).",
        height=440,
    )


def map_picture(run: Run) -> Picture:
    """Draw the first two principal components of some arms, the root removed (paper, Fig 18)."""
    graph = run.graph
    if graph is None:
        raise DataError("there is no embedding to draw")
    paths, held_out = arms_of(run, MAP_ARMS)
    below = paths[:, 1:]
    nodes = below.ravel()
    rows = run.embeddings[nodes].astype(np.float64)
    places = principal_components(rows, 2).coordinates(rows)
    step = np.arange(below.size).reshape(below.shape)
    edges = np.stack([step[:, :-1].ravel(), step[:, 1:].ravel()], axis=1)
    colors = painted(node_colors(graph, nodes))
    unseen = np.repeat(held_out, below.shape[1])
    notes = ["held out" if found else "trained" for found in unseen]
    names = [graph.labels[node] for node in nodes]
    drawn = Nodes(names=names, colors=colors, edges=edges, notes=notes)
    drawing = Drawing(edges=edges, colors=colors, names=names, labels=False)
    return Picture(
        name="map",
        live=plane(places, drawn),
        still=plane_graph(places, drawing),
        label=f"Map of {len(paths)} arms, first two principal components, the root removed.",
        caption=f"Map of {len(paths)} arms: first two principal components, the root removed, one "
        "colour per arm (colours repeat).",
        height=520,
    )
