"""A section of the tiny-graph laboratory as pieces of work: all seeds at once, watched."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry import symmetric_adjacency
from geometric_memory.analysis.geometry_score import measure_geometry, measure_orders
from geometric_memory.analysis.spectrum import (
    graph_spectrum,
    node2vec_coefficients,
    projection_norms,
)
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.models.node2vec import edge_targets
from geometric_memory.runs.history import log_spaced
from geometric_memory.studies.scales import Scale
from geometric_memory.tiny.batches import batches
from geometric_memory.tiny.engine import State
from geometric_memory.tiny.measures import graph_measures
from geometric_memory.tiny.recording import recorded
from geometric_memory.tiny.results import numbers
from geometric_memory.tiny.sections import Section, tiny_graph
from geometric_memory.tiny.training import (
    STRETCH,
    batch_trainer,
    node2vec_states,
    shortened,
    training_part,
)
from geometric_memory.work.piece import Piece

FIEDLER_LIKE = 3
"""Eigenvectors after the trivial ones that count as leading (the paper fixes no number)."""
DISTINCT = 1e-6
"""Eigenvalues of the graph closer than this are one: eigenspaces count whole."""
NULL = 2e-3
"""Share of the largest eigenvalue of C below which one of its own counts as zero."""
RANK = 0.05
"""Share of the largest singular value from which one of an embedding counts as a dimension."""


def tiny_pieces(section: Section, scale: Scale) -> tuple[Piece, ...]:
    """Return pieces of as many seeds at once as fit the cache of a core."""
    part, seeds = training_part(section), scale.tiny_seeds
    if scale.steps is not None:
        part = shortened(part, scale.steps)
    return tuple(
        Piece(function=train_tiny, arguments={"settings": asdict(part), "seeds": list(some)})
        for _, some in batches([part], seeds)
    )


def train_tiny(
    *, settings: Mapping[str, Any], seeds: Sequence[int], folder: Path
) -> dict[str, Any]:
    """Train a section for all `seeds`; return numbers and curves, measured along the way.

    A step that never came counts as the length of the run, and a bound that this breaks is broken.

    Raises:
        NonFiniteError: when a loss is no longer finite.
    """
    section = Section(**settings)
    graph = tiny_graph(section)
    if section.block == "node2vec":
        states = node2vec_states(section, seeds, graph)
    else:
        states = batch_trainer((section,), seeds, graph).run(section.steps, together=STRETCH)
    watch = Watch(section, graph)
    run = recorded((section,), seeds, graph, watch.states(states), "fp32")[0]
    found = dict(numbers(run)) | watch.numbers()
    found["contrast"] = found["end_level_no_self"] - found["non_edge_level"]
    found["maps"] = 100.0 * np.isfinite(found["map_step"])
    for name in ("first_complete", "map_step"):
        found[name] = np.where(np.isnan(found[name]), float(run.steps[-1]), found[name])
    counts = {"facts": len(graph.facts), "nodes": graph.node_count, "models": 1}
    for name, count in counts.items():
        found[name] = np.full(len(seeds), float(count))
    return {
        "numbers": {name: values.tolist() for name, values in found.items()},
        "curves": watch.curves(),
    }


class Watch:
    """Looks at passing states, at steps spaced by factors, every member for itself."""

    def __init__(self, section: Section, graph: Dataset) -> None:
        self._section = section
        self._node_count = graph.node_count
        self._reference = graph_measures(graph).reference
        adjacency = symmetric_adjacency(graph.facts, graph.node_count)
        spectrum = graph_spectrum(adjacency).without_trivial()
        values, self._vectors = spectrum.eigenvalues, spectrum.eigenvectors
        self._leading = values >= values[FIEDLER_LIKE - 1] - DISTINCT
        self._negative = values + 2 < -DISTINCT  # of P + P^T, which is M + 2 I
        self._fiedler = self._vectors[:, values >= values[0] - DISTINCT]
        self._targets = edge_targets(graph.facts, graph.node_count).numpy().astype(np.float64)
        self._steps: list[int] = []
        self._map_steps: dict[int, int] = {}
        self._rows: list[dict[str, Float[np.ndarray, " members"]]] = []

    def states(self, states: Iterator[State]) -> Iterator[State]:
        """Yield `states` as they come."""
        for state in states:
            if log_spaced(state.step) or state.step == self._section.steps:
                self._look(state)
            yield state

    def curves(self) -> dict[str, list[tuple[list[int], list[float]]]]:
        """Return every measure over steps, one curve per member."""
        return {
            name: [(self._steps, values.tolist()) for values in self._stack(name).T]
            for name in self._rows[0]
        }

    def numbers(self) -> dict[str, Float[np.ndarray, " members"]]:
        """Return numbers of the last state and first steps; NaN for what never came."""
        last = self._rows[-1]
        members = range(len(last["score"]))
        names = {"leading_share", "negative_energy", "rank", "null_angle", "motion"} & set(last)
        return {name: last[name] for name in names} | {
            "map_step": np.array([self._map_steps.get(each, np.nan) for each in members]),
            "best_recovery": self._stack("recovery").max(axis=0),
        }

    def _stack(self, name: str) -> Float[np.ndarray, "steps members"]:
        return np.stack([row[name] for row in self._rows])

    def _look(self, state: State) -> None:
        tables = state.weights["token_embedding.weight"][:, : self._node_count]
        tables = tables.detach().double().numpy()
        members = [self._measure(each) for each in tables]
        row = {name: np.array([each[name] for each in members]) for name in members[0]}
        row["recovery"] = 100 * state.measured.recovery.numpy().astype(np.float64)
        row["level"] = state.measured.level_without_self.numpy().astype(np.float64)
        self._steps.append(state.step)
        self._rows.append(row)
        # The nulls of a verdict take long, and nothing without order is a map.
        for member in np.flatnonzero((row["recovery"] >= 100) & (row["orderly"] > 0)).tolist():
            if member not in self._map_steps and self._is_map(tables[member]):
                self._map_steps[member] = state.step

    def _is_map(self, embeddings: Float[np.ndarray, "nodes dim"]) -> bool:
        return measure_geometry(embeddings, self._reference).verdict in ("map", "folded")

    def _measure(self, embeddings: Float[np.ndarray, "nodes dim"]) -> dict[str, float]:
        orders, folded = (
            measure_orders(embeddings, self._reference, folded=each) for each in (False, True)
        )
        squares = np.square(projection_norms(self._vectors, embeddings))
        shares = squares / squares.sum()
        sizes = np.linalg.svd(embeddings, compute_uv=False)
        found = {
            "score": orders.score,
            "rho": orders.correlation,
            "orderly": float(orders.orderly or folded.orderly),
            "leading_share": float(shares[self._leading].sum()),
            "negative_energy": float(shares[self._negative].sum() / self._negative.mean()),
            "rank": float((sizes > RANK * sizes[0]).sum()),
        }
        if self._section.block == "node2vec" and self._section.tied:
            found |= self._stillness(embeddings)
        return found

    def _stillness(self, embeddings: Float[np.ndarray, "nodes dim"]) -> dict[str, float]:
        """Return how far the Fiedler space is from the null space of C, and how fast V moves.

        The largest principal angle in degrees, and ||C V|| over ||C|| ||V||.
        """
        values, vectors = np.linalg.eigh(node2vec_coefficients(embeddings, self._targets))
        most = np.abs(values).max()
        null = vectors[:, np.abs(values) <= NULL * most]
        outside = self._fiedler - null @ (null.T @ self._fiedler)
        sine = min(1.0, float(np.linalg.norm(outside, 2)))
        moved = np.linalg.norm(values[:, None] * (vectors.T @ embeddings))
        return {
            "null_angle": float(np.degrees(np.arcsin(sine))),
            "motion": float(moved / (most * np.linalg.norm(embeddings))),
        }
