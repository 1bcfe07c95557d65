"""Numbers of a run that no file holds: levels along training, the verdict, hops, spectrum."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry import GeometricLevel, HopProfile, geometric_levels
from geometric_memory.analysis.geometry import hop_profile as profile_of
from geometric_memory.analysis.geometry_score import graph_reference, measure_orders
from geometric_memory.analysis.spectrum import (
    EigenspaceEnergies,
    eigenspace_energies,
    graph_spectrum,
)
from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.report.view import View
from geometric_memory.runs.frames import Frames
from geometric_memory.runs.metrics import Series
from geometric_memory.runs.run import Run

RECOVERY = "edge_memorization/top_k_recovery"
LEVEL, NON_EDGES, SCORE = "geometry/level", "geometry/non_edges", "geometry/score"
HOP_SOURCES = 256
"""Nodes whose pairs make the profile of a big graph."""
MOST_SPECTRUM_NODES = 2000
MOST_SCORED_NODES = 2000
"""Nodes of the largest graph whose geometry score is taken at every frame."""


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
    """Return level, non-edge level and geometry score along training, stored or of the frames."""
    found = {}
    if course is not None:
        steps, levels = course.steps.astype(np.float64), course.levels
        values = {
            LEVEL: [level.published for level in levels],
            NON_EDGES: [level.non_edges for level in levels],
            SCORE: course.scores,
        }
        found = {
            name: Series(steps=steps, values=np.array(own)) for name, own in values.items() if own
        }
    return found | {name: run.metrics[name] for name in (LEVEL, NON_EDGES) if name in run.metrics}


def recovery_at(run: Run, step: float) -> float:
    """Return the share of edges recovered at `step`, from the metrics; NaN if not known."""
    series = run.metrics.get(RECOVERY)
    return series.at(step) / 100 if series is not None else float("nan")


def hop_profile(run: Run) -> HopProfile:
    """Return cosines by hop distance of the last embedding.

    Raises:
        DataError: if there is no embedding.
    """
    if run.graph is None:
        raise DataError("there is no embedding to measure")
    count, sources = run.graph.node_count, None
    if count > HOP_SOURCES:
        sources = np.random.default_rng(0).choice(count, HOP_SOURCES, replace=False)
    return profile_of(run.embeddings, run.graph.adjacency, sources)


def energies(run: Run) -> EigenspaceEnergies:
    """Return the energy of the last embedding in the eigenspaces of the graph.

    Raises:
        DataError: if there is no embedding, or the graph is too big to be decomposed in full.
    """
    if run.graph is None:
        raise DataError("there is no embedding to decompose")
    if run.graph.node_count > MOST_SPECTRUM_NODES:
        raise DataError(
            f"the spectrum is left out above {MOST_SPECTRUM_NODES} nodes: whole eigenspaces "
            "of a big star have thousands of dimensions"
        )
    spectrum = graph_spectrum(run.graph.adjacency).without_trivial()
    return eigenspace_energies(spectrum.eigenvalues, spectrum.eigenvectors, run.embeddings)
