"""Run folders that the page may open: those below the roots that the command was given."""

import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from geometric_memory.analysis.cosines import geometric_level, non_edge_level
from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.analysis.measures import measures
from geometric_memory.analysis.memorization import edge_loss_floor
from geometric_memory.analysis.reduction import aligned
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import DataError
from geometric_memory.explore.live import coordinates, score_reference
from geometric_memory.explore.record import FRAMES, Record
from geometric_memory.explore.sessions import Finished
from geometric_memory.explore.views import SCORED
from geometric_memory.report.stored import changed_at, runs_below, runs_of
from geometric_memory.report.view import view_of
from geometric_memory.runs.history import Frames
from geometric_memory.runs.metrics import Series
from geometric_memory.runs.run import Run

MOST_RUNS = 200
MOST_MEASURED = 2000
"""Nodes of the largest graph whose cosines are measured frame by frame."""
SERIES = {
    "edge_memorization/top_k_recovery": "memorization",
    "test/accuracy": "held-out paths",
    "edge_memorization/loss": "loss",
}


class RunFolders:
    """The runs at or below some roots, by a key that tells nothing of the disk."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = [root.resolve() for root in roots]

    def listed(self) -> list[tuple[str, str]]:
        """Return key and name of every run, the newest first, at most MOST_RUNS."""
        found = sorted(self._find().items(), key=lambda item: -changed_at(item[1]))
        return [(key, self._name(path)) for key, path in found[:MOST_RUNS]]

    def open(self, key: str) -> Finished:
        """Return what a run shows.

        Raises:
            DataError: if there is no such run below the roots.
            GeometricMemoryError: if the run cannot be read.
        """
        path = self._find().get(key)
        if path is None:
            raise DataError("there is no such run; reload the page to see those that are there")
        return Finished(shown(runs_of(path)[0]))

    def _find(self) -> dict[str, Path]:
        runs = {path.resolve() for root in self._roots for path in runs_below(root)}
        allowed = [path for path in runs if any(path.is_relative_to(root) for root in self._roots)]
        return {hashlib.blake2b(os.fsencode(path), digest_size=12).hexdigest(): path
                for path in allowed}  # fmt: skip

    def _name(self, path: Path) -> str:
        root = next(root for root in self._roots if path.is_relative_to(root))
        return str(path.relative_to(root).with_suffix("")) if path != root else path.name


def shown(run: Run) -> Record:
    """Return what the page shows of a run: all of a small graph, 256 nodes of a big one."""
    view, dataset = view_of(run), run.dataset
    if view is None or dataset is None or run.frames is None:
        raise DataError(" ".join(["this run cannot be drawn.", *run.notes]))
    frames = run.frames.spread(FRAMES)
    logged = SERIES | {each.metric: each.label for each in measures()}
    part = f"{len(view.nodes)} of {dataset.node_count} nodes are drawn; " + (
        "what is measured is measured on all."
    )
    return Record(
        key=secrets.token_hex(4),
        title=run.name,
        settings={**run.settings, "seed": run.seed},
        names=list(view.names),
        edges=view.edges,
        root=view.root,
        colors=view.colors,
        steps=frames.steps.astype(np.int64),
        coordinates=aligned(np.stack([coordinates(rows[view.nodes]) for rows in frames])),
        curves={label: run.metrics[name] for name, label in logged.items() if name in run.metrics}
        | _measure(dataset, frames),
        status=f"{run.status}: {run.name}",
        last_step=run.last_step,
        wanted_steps=run.last_step,
        floor=edge_loss_floor(dataset.facts),
        notes=[*run.notes, *[part] * (not view.whole)],
    )


def _measure(dataset: Dataset, frames: Frames) -> dict[str, Series]:
    """Return cosines and distances frame by frame, where the graph is small enough."""
    if dataset.node_count > MOST_MEASURED:
        return {}
    facts = dataset.facts
    apart = facts[facts[:, 0] != facts[:, 1]]
    found: dict[str, list[float]] = {"geometric level": [], "non-edges": []}
    reference = score_reference(facts, dataset.node_count)
    for embeddings in frames:
        found["geometric level"].append(geometric_level(embeddings, facts))
        found["non-edges"].append(non_edge_level(embeddings, apart))
        orders = measure_orders(embeddings, reference)
        for name, value in zip(SCORED, (orders.score, orders.correlation), strict=True):
            found.setdefault(name, []).append(value)
    steps = frames.steps.astype(np.float64)
    return {name: Series(steps=steps, values=np.array(own)) for name, own in found.items()}
