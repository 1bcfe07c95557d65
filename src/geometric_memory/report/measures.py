"""Numbers of a record that no file holds: levels along training, the verdict, hops, spectrum."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry import GeometricLevel, HopProfile, geometric_levels
from geometric_memory.analysis.geometry import hop_profile as profile_of
from geometric_memory.analysis.old_geometry_score import (
    GeometryScore,
    Verdict,
    geometry_score,
    graph_reference,
)
from geometric_memory.analysis.spectrum import (
    EigenspaceEnergies,
    eigenspace_energies,
    graph_spectrum,
)
from geometric_memory.errors import DataError
from geometric_memory.report.record import Record, Series

RECOVERY = "edge_memorization/top_k_recovery"
LEVEL, NON_EDGES = "geometry/level", "geometry/non_edges"
HOP_SOURCES = 256
"""Nodes whose pairs make the profile of a big graph."""
MOST_SPECTRUM_NODES = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Judgement:
    """The collapse-proof score of the last embedding, and what it amounts to."""

    score: GeometryScore
    verdict: Verdict | None
    recovery: float
    """Share of edges recovered at that step; NaN where it is not known."""


def levels_along(record: Record) -> list[GeometricLevel]:
    """Return the mean cosines of every snapshot."""
    if record.dataset is None or record.snapshots is None:
        return []
    return [geometric_levels(rows, record.dataset.facts) for rows in record.snapshots.embeddings]


def level_series(record: Record, levels: list[GeometricLevel]) -> dict[str, Series]:
    """Return level and non-edge level along training: those stored, else those of snapshots."""
    if LEVEL in record.series:
        return {name: record.series[name] for name in (LEVEL, NON_EDGES)}
    if record.snapshots is None or not levels:
        return {}
    steps = record.snapshots.steps.astype(np.float64)
    return {
        LEVEL: Series(steps=steps, values=np.array([level.published for level in levels])),
        NON_EDGES: Series(steps=steps, values=np.array([level.non_edges for level in levels])),
    }


def recovery_at(record: Record, step: float) -> float:
    """Return the share of edges recovered at `step`, from the metrics; NaN if not known."""
    series = record.series.get(RECOVERY)
    return series.at(step) / 100 if series is not None else float("nan")


def judged(record: Record) -> Judgement:
    """Score the last embedding as a map of the graph, with random draws that never change.

    Raises:
        DataError: if there is no embedding, or the graph has no pairs to compare.
    """
    if record.dataset is None or record.snapshots is None:
        raise DataError("there is no embedding to judge")
    generator = np.random.default_rng(0)
    reference = graph_reference(record.dataset.facts, record.dataset.node_count, generator)
    score = geometry_score(record.snapshots.embeddings[-1], reference, generator)
    recovery = recovery_at(record, float(record.snapshots.steps[-1]))
    verdict = score.verdict(recovery) if np.isfinite(recovery) else None
    return Judgement(score=score, verdict=verdict, recovery=recovery)


def hop_profile(record: Record) -> HopProfile:
    """Return cosines by hop distance of the last embedding.

    Raises:
        DataError: if there is no embedding.
    """
    if record.dataset is None or record.snapshots is None:
        raise DataError("there is no embedding to measure")
    count, sources = record.dataset.node_count, None
    if count > HOP_SOURCES:
        sources = np.random.default_rng(0).choice(count, HOP_SOURCES, replace=False)
    rows: Float[np.ndarray, "nodes dim"] = record.snapshots.embeddings[-1]
    return profile_of(rows, record.dataset.graph.adjacency, sources)


def energies(record: Record) -> EigenspaceEnergies:
    """Return the energy of the last embedding in the eigenspaces of the graph.

    Raises:
        DataError: if there is no embedding, or the graph is too big to be decomposed in full.
    """
    if record.dataset is None or record.snapshots is None:
        raise DataError("there is no embedding to decompose")
    if record.dataset.node_count > MOST_SPECTRUM_NODES:
        raise DataError(
            f"the spectrum is left out above {MOST_SPECTRUM_NODES} nodes: whole eigenspaces "
            "of a big star have thousands of dimensions"
        )
    spectrum = graph_spectrum(record.dataset.graph.adjacency).without_trivial()
    return eigenspace_energies(
        spectrum.eigenvalues, spectrum.eigenvectors, record.snapshots.embeddings[-1]
    )
