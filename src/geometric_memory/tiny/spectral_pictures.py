"""Pictures of the spectrum: how the energy of an embedding lies along eigenvectors of the graph."""

import numpy as np

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.projections import (
    by_eigenspace,
    coefficient_evolution,
    projection_evolution,
)
from geometric_memory.analysis.published_spectrum import published_bars, published_eigenpairs
from geometric_memory.analysis.spectrum import eigenspace_energies, graph_spectrum
from geometric_memory.figures.spectral import eigenspace_bars, projection_curves, spectral_bars
from geometric_memory.models.node2vec import edge_targets
from geometric_memory.tiny.picture import Picture, named
from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.tiny_graph import tiny_graph


def spectral_picture(run: SectionRun) -> Picture:
    """Draw the published bars of the last embedding, which depend on a basis."""
    graph = tiny_graph(run.section)
    adjacency = symmetric_adjacency(graph.facts, graph.node_count, self_loops=True)
    bars = published_bars(*published_eigenpairs(adjacency), run.snapshots[-1])
    figure = spectral_bars(bars.eigenvalues, bars.projections, title=named(run) + _margin(run))
    return Picture(
        figure=figure, arrays={"eigenvalues": bars.eigenvalues, "projections": bars.projections}
    )


def eigenspace_picture(run: SectionRun) -> Picture:
    """Draw the energy of the last embedding in whole eigenspaces of the graph."""
    graph = tiny_graph(run.section)
    spectrum = graph_spectrum(symmetric_adjacency(graph.facts, graph.node_count)).without_trivial()
    found = eigenspace_energies(spectrum.eigenvalues, spectrum.eigenvectors, run.snapshots[-1])
    values = found.eigenvalues + 2
    figure = eigenspace_bars(
        values, found.multiplicities, found.shares, title=named(run) + _margin(run)
    )
    arrays = {"eigenvalues": values, "multiplicities": found.multiplicities, "shares": found.shares}
    return Picture(figure=figure, arrays=arrays)


def projection_picture(run: SectionRun) -> Picture | None:
    """Draw how the embedding turns towards the eigenspaces of the graph, step by step.

    For tied Node2Vec also how its coefficient matrix C loses them: V changes by C V.
    """
    if run.section.frozen:
        return None
    graph = tiny_graph(run.section)
    spectrum = graph_spectrum(symmetric_adjacency(graph.facts, graph.node_count)).without_trivial()
    vectors = spectrum.eigenvectors
    spaces = eigenspace_energies(spectrum.eigenvalues, vectors, run.snapshots[-1])
    found = {r"$\|V^T e_i\|$": projection_evolution(run.snapshots, vectors)}
    if run.section.block == "node2vec" and run.section.tied:
        targets = edge_targets(graph.facts, graph.node_count).numpy().astype(np.float64)
        found[r"$\|C e_i\|$"] = coefficient_evolution(run.snapshots, targets, vectors)
    panels = {label: by_eigenspace(norms, spaces.multiplicities) for label, norms in found.items()}
    values = spaces.eigenvalues + 2
    figure = projection_curves(run.snapshot_steps, panels, values, title=named(run))
    arrays = {"steps": run.snapshot_steps, "eigenvalues": values, **dict(zip(("projections",
              "coefficients"), panels.values(), strict=False))}  # fmt: skip
    return Picture(figure=figure, arrays=arrays)


def _margin(run: SectionRun) -> str:
    margin = run.final["skewed_margin"][run.shown]
    return "" if np.isnan(margin) else f"  [skewed margin {margin:.2f}]"
