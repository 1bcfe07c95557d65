"""The figures of a section, PDF and PNG under the published names, with the arrays beside them.

FOLDER/embeddings/grid__gpt__lr_0.01__embedding.{pdf,png,json}
FOLDER/curves/...  FOLDER/heatmaps/...  FOLDER/spectral/...  FOLDER/evolution/...{...,html}
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.cosines import cosine_similarity
from geometric_memory.analysis.geometry import adjacency_matrix, symmetric_adjacency
from geometric_memory.analysis.reduction import aligned, clear_pca, joint_umap
from geometric_memory.analysis.spectrum import (
    Spectrum,
    by_eigenspace,
    coefficient_evolution,
    eigenspace_energies,
    fiedler_coordinates,
    graph_spectrum,
    projection_evolution,
    published_bars,
    published_eigenpairs,
)
from geometric_memory.extras import is_installed
from geometric_memory.figures.camera import clear_view
from geometric_memory.figures.colors import PALETTE, node_colors
from geometric_memory.figures.evolution import evolution_page
from geometric_memory.figures.picture import Chart, Level, Line, Matrix, Picture, Space, thin
from geometric_memory.figures.spectral import eigenspace_bars, projection_curves, spectral_bars
from geometric_memory.models.node2vec import edge_targets
from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.sections import Section, tiny_graph

FRAMES = 80
MOST_POINTS = 2000
LONGEST_LINEAR = 1000
"""Steps of the longest run on a linear axis: what happens first would vanish on a longer one."""
PUBLISHED_MODEL_NAMES = {"transformer": "gpt", "neural_network": "neuralnet"}
CURVES = {
    "recovery": ("published_recovery", "memorization", PALETTE[4], "solid"),
    "level": ("level", "geometric level", PALETTE[0], "solid"),
    "non_edges": ("non_edge_level", "non-edges", PALETTE[0], "dot"),
}
"""What is drawn of a curve, by its name in the file: its own name, label, colour, dash."""


def draw_section(run: SectionRun, folder: Path) -> list[Path]:
    """Draw every figure of `run` and return the files."""
    written = []
    for (kind, suffix), draw in FIGURES.items():
        picture = draw(run)
        if picture is not None:
            base = folder / kind / f"{file_stem(run.section)}__{suffix}"
            base.parent.mkdir(parents=True, exist_ok=True)
            picture.save(base.with_name(base.name + ".pdf"), ".png")
            written += [base.with_name(base.name + end) for end in (".pdf", ".png", ".json")]
    if len(run.snapshot_steps) > 2 and not run.section.frozen:
        page = folder / "evolution" / f"{file_stem(run.section)}__evolution.html"
        page.write_text(evolution(run), encoding="utf-8")
        written.append(page)
    return written


def file_stem(section: Section) -> str:
    """Return the published beginning of a figure's name: graph, model, what sets it apart."""
    model = section.experiment.removesuffix("_self_edges").removesuffix("_forward_only")
    parts = [section.graph, PUBLISHED_MODEL_NAMES.get(model, model)]
    parts += ["forward_only"] * (not section.backward)
    parts += [f"init_{section.init}"] * (section.init != "default")
    parts.append(f"lr_{section.learning_rate:g}")
    parts += [f"dropout_{section.dropout:g}"] * (section.dropout > 0)
    parts += [f"weight_decay_{section.weight_decay:g}"] * (section.weight_decay > 0)
    parts += ["self_edges"] * section.self_edges
    return "__".join(parts)


def embedding_picture(run: SectionRun) -> Picture:
    """Draw the last embedding along its three clear principal components."""
    points, chosen = clear_pca(run.snapshots[-1], _edges(run))
    listed = ", ".join(map(str, chosen))
    title = f"{_at(run, int(run.steps[-1]))}, components {listed}"
    space = _space(run, points, clear_view(points, _edges(run), run.section.view), title)
    numbers = {"coordinates": points, "components": chosen, "edges": space.edges}
    return _picture(run, [space], numbers, size=(7.0, 6.2))


def graph_picture(run: SectionRun) -> Picture | None:
    """Draw the Fiedler coordinates of the graph, the map that a perfect memory would be."""
    if not run.section.graph_view:
        return None
    graph = tiny_graph(run.section)
    points = fiedler_coordinates(graph_spectrum(symmetric_adjacency(graph.facts, graph.node_count)))
    view = clear_view(points, _edges(run), run.section.graph_view)
    space = _space(run, points, view, f"{run.section.graph}: Fiedler coordinates")
    return _picture(run, [space], {"coordinates": points}, size=(7.0, 6.2))


def evolution_picture(run: SectionRun) -> Picture | None:
    """Draw the embedding at the published steps, else at the start, at 100 % and at the end."""
    if run.section.frozen:
        return None
    places = _choose_places(run)
    points, _ = clear_pca(run.snapshots[places], _edges(run))
    return _evolution(run, places, points)


def umap_picture(run: SectionRun) -> Picture | None:
    """Draw the same steps of a cycle by UMAP, as published; None where it is not installed."""
    if run.section.frozen or run.section.graph != "cycle" or not is_installed("umap"):
        return None
    places = _choose_places(run)
    return _evolution(run, places, joint_umap(run.snapshots[places]))


def _evolution(run: SectionRun, places: Sequence[int], points: np.ndarray) -> Picture:
    steps = [int(run.snapshot_steps[place]) for place in places]
    view = clear_view(points[-1], _edges(run), run.section.view)
    spaces = [
        _space(run, own, view, _at(run, step)) for own, step in zip(points, steps, strict=True)
    ]
    return _picture(run, spaces, {"steps": steps, "coordinates": points})


def heatmap_picture(run: SectionRun) -> Picture:
    """Draw cosine similarity beside adjacency at the end, whose step nobody picked by hand."""
    graph = tiny_graph(run.section)
    step, embeddings = run.snapshot(-1)
    order = graph.graph.order
    names = [str(node) for node in order]
    similarity = cosine_similarity(embeddings, order)
    adjacency = adjacency_matrix(graph.facts, graph.node_count, order)
    panels = [
        Matrix(values=similarity, names=names, title="cosine similarity", range=(-1.0, 1.0),
               diagonal=False),
        Matrix(values=adjacency.astype(float), names=names, title="edge (row to column)",
               range=(0.0, 1.0), diagonal=False),
    ]  # fmt: skip
    numbers = {"step": step, "order": order, "similarity": similarity, "adjacency": adjacency}
    return _picture(run, panels, numbers, title=_at(run, step))


def curve_picture(run: SectionRun) -> Picture:
    """Draw memorization (left) and geometric level (right) over steps, with a band over seeds.

    The level of non-edges is drawn with it: what rises in both is a common direction, no geometry.
    The right axis always spans -1 to 1, so that pictures compare. The band is the middle 95 %.
    """
    kept = thin(len(run.steps), MOST_POINTS)
    steps = run.steps[kept]
    numbers: dict[str, Any] = {"seeds": run.seeds, "steps": steps}
    lines = []
    for key, (name, label, color, dash) in CURVES.items():
        values = (100 if key == "recovery" else 1) * run.curves[name][kept]
        low, high = np.nanquantile(values, (0.025, 0.975), axis=1)
        lines.append(
            Line(x=steps, y=values[:, run.shown], label=label, color=color, dash=dash,
                 width=4.0 if dash == "solid" else 2.5, right=key != "recovery",
                 band=(low, high) if len(run.seeds) > 2 else None)
        )  # fmt: skip
        numbers[key] = values
    complete = run.complete_step()
    marked = [] if complete is None else [
        Level(value=float(complete), label=f"all edges: {complete}", upright=True)
    ]  # fmt: skip
    seeds = f", band: {len(run.seeds)} seeds" if len(run.seeds) > 2 else ""
    chart = Chart(
        lines=lines, levels=marked, title=f"{named(run)}, seed {run.shown_seed}{seeds}",
        y_title="memorization (%)", y_range=(-1.0, 105.0), right_title="mean cosine",
        right_range=(-1.0, 1.1), log_x=bool(steps[-1] > LONGEST_LINEAR),
    )  # fmt: skip
    return _picture(run, [chart], numbers, size=(7.0, 4.6))


def spectral_picture(run: SectionRun) -> Picture:
    """Draw the published bars of the last embedding, which depend on a basis."""
    graph = tiny_graph(run.section)
    adjacency = symmetric_adjacency(graph.facts, graph.node_count, self_loops=True)
    bars = published_bars(*published_eigenpairs(adjacency), run.snapshots[-1])
    chart = spectral_bars(bars.eigenvalues, bars.projections, title=named(run) + _margin(run))
    numbers = {"eigenvalues": bars.eigenvalues, "projections": bars.projections}
    return _picture(run, [chart], numbers, size=(9.0, 3.8))


def eigenspace_picture(run: SectionRun) -> Picture:
    """Draw the energy of the last embedding in whole eigenspaces of the graph."""
    spectrum = _spectrum(run)
    found = eigenspace_energies(spectrum.eigenvalues, spectrum.eigenvectors, run.snapshots[-1])
    numbers = {
        "eigenvalues": found.eigenvalues + 2,
        "multiplicities": found.multiplicities,
        "shares": found.shares,
    }
    chart = eigenspace_bars(*numbers.values(), title=named(run) + _margin(run))
    return _picture(run, [chart], numbers, size=(9.0, 3.8))


def projection_picture(run: SectionRun) -> Picture | None:
    """Draw how the embedding turns towards the eigenspaces of the graph, step by step.

    For tied Node2Vec also how its coefficient matrix C loses them: V changes by C V.
    """
    if run.section.frozen:
        return None
    graph, spectrum = tiny_graph(run.section), _spectrum(run)
    vectors = spectrum.eigenvectors
    spaces = eigenspace_energies(spectrum.eigenvalues, vectors, run.snapshots[-1])
    found = {"projections": projection_evolution(run.snapshots, vectors)}
    if run.section.block == "node2vec" and run.section.tied:
        targets = edge_targets(graph.facts, graph.node_count).numpy().astype(np.float64)
        found["coefficients"] = coefficient_evolution(run.snapshots, targets, vectors)
    whole = {name: by_eigenspace(norms, spaces.multiplicities) for name, norms in found.items()}
    labels: list[str] = ["‖Vᵀeᵢ‖", "‖C eᵢ‖"]
    panels = dict(zip(labels, whole.values(), strict=False))
    values = spaces.eigenvalues + 2
    numbers = {"steps": run.snapshot_steps, "eigenvalues": values, **whole}
    charts = projection_curves(run.snapshot_steps, panels, values)
    return _picture(run, charts, numbers, title=named(run), size=(6.0 * len(charts), 4.0))


def evolution(run: SectionRun) -> str:
    """Return the page of the snapshots of `run`, reduced one by one and turned onto each other."""
    places = np.unique(np.linspace(0, len(run.snapshot_steps) - 1, FRAMES).round().astype(int))
    steps = run.snapshot_steps[places]
    rows = np.searchsorted(run.steps, steps)
    edges = _edges(run)
    points = aligned(np.stack([clear_pca(rows, edges)[0] for rows in run.snapshots[places]]))
    curves = {
        label: (100 if key == "recovery" else 1) * run.curve(name)[rows]
        for key, (name, label, *_) in CURVES.items()
    }
    title = f"{named(run)}, seed {run.shown_seed}"
    return evolution_page(title, steps, points, _space(run, points[-1]), curves)


FIGURES: Mapping[tuple[str, str], Callable[[SectionRun], Picture | None]] = {
    ("embeddings", "embedding"): embedding_picture,
    ("embeddings", "fiedler_vectors"): graph_picture,
    ("evolution", "evolution"): evolution_picture,
    ("evolution", "evolution_umap"): umap_picture,
    ("curves", "memorization"): curve_picture,
    ("heatmaps", "heatmap"): heatmap_picture,
    ("spectral", "spectral_bars"): spectral_picture,
    ("spectral", "eigenspaces"): eigenspace_picture,
    ("spectral", "projections"): projection_picture,
}


def named(run: SectionRun) -> str:
    """Return experiment and graph in words."""
    return f"{run.section.experiment.replace('_', ' ')}, {run.section.graph}"


def _picture(run: SectionRun, panels: Any, numbers: Mapping[str, Any], **options: Any) -> Picture:
    return Picture(panels=panels, label=named(run), numbers=numbers, **options)


def _space(
    run: SectionRun, points: Float[np.ndarray, "nodes 3"], view: tuple[float, ...] = (20.0, -60.0),
    title: str = "",
) -> Space:  # fmt: skip
    graph = tiny_graph(run.section).graph
    colors = node_colors(graph)
    return Space(
        coordinates=points, edges=graph.undirected_edges, names=list(map(str, graph.nodes)),
        colors=colors.painted(), legend=colors.legend, root=graph.root, view=view, title=title,
    )  # fmt: skip


def _edges(run: SectionRun) -> np.ndarray:
    return tiny_graph(run.section).graph.undirected_edges


def _spectrum(run: SectionRun) -> Spectrum:
    graph = tiny_graph(run.section)
    return graph_spectrum(symmetric_adjacency(graph.facts, graph.node_count)).without_trivial()


def _choose_places(run: SectionRun) -> list[int]:
    """Return the snapshots at the published steps of the evolution, or first, during and last."""
    last, complete = int(run.steps[-1]), run.complete_step() or 0
    during = complete if 0 < complete < last else last // 2
    steps = run.section.evolution_steps or (0, during, last)
    return [int(np.abs(run.snapshot_steps - step).argmin()) for step in steps]


def _at(run: SectionRun, step: int) -> str:
    row = int(np.searchsorted(run.steps, step))
    return (
        f"step {step}: memorization {100 * run.curve('published_recovery')[row]:.0f} %, "
        f"level {run.curve('level')[row]:+.2f}"
    )


def _margin(run: SectionRun) -> str:
    margin = run.final["skewed_margin"][run.shown]
    return "" if np.isnan(margin) else f"  [skewed margin {margin:.2f}]"
