"""The grid behind the effects: its factors, and the training of the cells of one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.studies.findings.finding import Effort
from geometric_memory.studies.findings.linear_nets import (
    TABLE,
    LinearNet,
    linear_trainer,
    trained,
)
from geometric_memory.studies.findings.pieces import Piece
from geometric_memory.tiny.engine import Trainer
from geometric_memory.tiny.final_numbers import graph_measures
from geometric_memory.tiny.sections import GRAPHS, section
from geometric_memory.tiny.tiny_graph import tiny_graph
from geometric_memory.tiny.training import batch_trainer

STEPS = 1000
WIDTHS = {"linear": 64, "transformer": 32}
FACTORS: Mapping[str, Mapping[str, tuple[str, Any, Any]]] = {
    "linear": {
        "initial scale 1, not 0.02": ("deviation", 0.02, 1.0),
        "identity map, not Gaussian": ("mapping", "gaussian", "identity"),
        "untied head": ("tied", True, False),
        "self edges": ("self_edges", False, True),
        "rate 0.01, not 0.001": ("learning_rate", 0.001, 0.01),
        "weight decay 0.1, not 0": ("weight_decay", 0.0, 0.1),
        "two maps, not one": ("depth", 1, 2),
    },
    "transformer": {
        "initial scale 1, not 0.02": ("init", "default", "non_geometric"),
        "untied head": ("tied", True, False),
        "self edges": ("self_edges", False, True),
        "rate 0.01, not 0.001": ("learning_rate", 0.001, 0.01),
        "weight decay 0.1, not 0": ("weight_decay", 0.0, 0.1),
    },
}
"""What is varied, by name: a setting and its two levels. The effect is that of the second."""
SHARED = {"linear": ("untied head", "self edges", "two maps, not one"),
          "transformer": ("untied head", "self edges")}  # fmt: skip
"""What all members of one batch have in common."""
INSIDE = ("rate 0.01, not 0.001", "weight decay 0.1, not 0")
"""What must change slowest among the members of a batch: the optimizer serves runs of equals."""


def effects_pieces(effort: Effort) -> tuple[Piece, ...]:
    """Return one piece per model, graph and setting of what a batch shares."""
    return tuple(
        Piece(
            function=trained_cells,
            arguments={
                "model": model,
                "graph": graph,
                "shared": list(levels),
                "seeds": list(effort.tiny_seeds),
                "steps": effort.limited(STEPS),
            },
        )
        for model in FACTORS
        for graph in GRAPHS
        for levels in product((0, 1), repeat=len(SHARED[model]))
    )


def trained_cells(
    *, model: str, graph: str, shared: Sequence[int], seeds: Sequence[int], steps: int, folder: Path
) -> dict[str, Any]:
    """Train every cell of one batch; return its levels and, per seed, what came out."""
    cells = cells_of(model, shared)
    factors = FACTORS[model]
    settings = [{factors[n][0]: factors[n][1 + level] for n, level in c.items()} for c in cells]
    tiny, trainer = _trainer(model, graph, settings, seeds)
    last = trained(trainer, steps)
    tables = last.weights[TABLE].detach()[:, : tiny.node_count].numpy()
    reference = graph_measures(tiny).reference
    found = [measure_orders(table, reference) for table in tables]
    shape = (len(cells), len(seeds))
    return {
        "cells": cells,
        "rho": np.reshape([each.correlation for each in found], shape).round(6).tolist(),
        "score": np.reshape([each.score for each in found], shape).round(6).tolist(),
        "complete": (last.measured.recovery.numpy() >= 1).reshape(shape).tolist(),
    }


def cells_of(model: str, shared: Sequence[int]) -> list[dict[str, int]]:
    """Return the levels of every cell of a batch, what the optimizer sees changing slowest."""
    fixed = dict(zip(SHARED[model], shared, strict=True))
    rest = [name for name in FACTORS[model] if name not in fixed and name not in INSIDE]
    order = (*INSIDE, *rest)
    return [
        fixed | dict(zip(order, levels, strict=True))
        for levels in product((0, 1), repeat=len(order))
    ]


def _trainer(
    model: str, graph: str, cells: Sequence[Mapping[str, Any]], seeds: Sequence[int]
) -> tuple[Dataset, Trainer]:
    """Return the graph and the trainer of the cells of one batch, given as settings."""
    base = replace(
        section("transformer", graph),
        published=False,
        width=WIDTHS["transformer"],
        decay=False,
        self_edges=cells[0]["self_edges"],
        steps=STEPS,
    )
    tiny = tiny_graph(base)
    if model == "transformer":
        return tiny, batch_trainer([replace(base, **own) for own in cells], seeds, tiny)
    settings = [{n: value for n, value in own.items() if n != "self_edges"} for own in cells]
    nets = [LinearNet(width=WIDTHS["linear"], decay=False, **own) for own in settings]
    return tiny, linear_trainer(tiny.facts, tiny.node_count, nets, seeds)
