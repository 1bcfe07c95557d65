"""The grid behind the effects: its factors, and the training of the cells of one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.experiments.findings.finding import Effort
from geometric_memory.experiments.findings.linear_nets import (
    TABLE,
    Shape,
    Start,
    linear_trainer,
    trained,
)
from geometric_memory.experiments.findings.pieces import Piece
from geometric_memory.experiments.tiny.engine import Member, Trainer
from geometric_memory.experiments.tiny.final_numbers import graph_measures
from geometric_memory.experiments.tiny.sections import GRAPHS, Section, section
from geometric_memory.experiments.tiny.tiny_graph import tiny_graph
from geometric_memory.experiments.tiny.training import batch_trainer

STEPS = 1000
WIDTHS = {"linear": 64, "transformer": 32}
FACTORS: Mapping[str, Mapping[str, tuple[Any, Any]]] = {
    "linear": {
        "initial scale 1, not 0.02": (0.02, 1.0),
        "identity map, not Gaussian": ("gaussian", "identity"),
        "untied head": (True, False),
        "self edges": (False, True),
        "rate 0.01, not 0.001": (0.001, 0.01),
        "weight decay 0.1, not 0": (0.0, 0.1),
        "two maps, not one": (1, 2),
    },
    "transformer": {
        "initial scale 1, not 0.02": ("default", "non_geometric"),
        "untied head": (True, False),
        "self edges": (False, True),
        "rate 0.01, not 0.001": (0.001, 0.01),
        "weight decay 0.1, not 0": (0.0, 0.1),
    },
}
"""What is varied, by name: the two levels. The effect is that of the second."""
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
    chosen = [{name: FACTORS[model][name][level] for name, level in cell.items()} for cell in cells]
    base = _section(graph, chosen[0])
    tiny = tiny_graph(base)
    build = _linear if model == "linear" else _transformer
    trainer = build(base, chosen, seeds, tiny)
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


def _section(graph: str, values: Mapping[str, Any]) -> Section:
    """Return the section whose graph, facts and Transformer are trained."""
    published = section("transformer", graph)
    return replace(
        published,
        published=False,
        width=WIDTHS["transformer"],
        decay=False,
        self_edges=values["self edges"],
        tied=values["untied head"],
        steps=STEPS,
    )


def _linear(
    base: Section, cells: Sequence[Mapping[str, Any]], seeds: Sequence[int], graph: Dataset
) -> Trainer:
    members, starts = [], []
    for values, seed in product(cells, seeds):
        members.append(_member(values, seed))
        starts.append(
            Start(
                scale=values["initial scale 1, not 0.02"],
                mapping=values["identity map, not Gaussian"],
            )
        )
    return linear_trainer(
        graph.facts, graph.node_count, members, starts,
        Shape(width=WIDTHS["linear"], depth=cells[0]["two maps, not one"], tied=base.tied),
    )  # fmt: skip


def _transformer(
    base: Section, cells: Sequence[Mapping[str, Any]], seeds: Sequence[int], graph: Dataset
) -> Trainer:
    sections = [
        replace(
            base,
            init=values["initial scale 1, not 0.02"],
            learning_rate=values["rate 0.01, not 0.001"],
            weight_decay=values["weight decay 0.1, not 0"],
        )
        for values in cells
    ]
    return batch_trainer(sections, seeds, graph)


def _member(values: Mapping[str, Any], seed: int) -> Member:
    return Member(
        seed=seed,
        learning_rate=values["rate 0.01, not 0.001"],
        weight_decay=values["weight decay 0.1, not 0"],
        decay=False,
    )
