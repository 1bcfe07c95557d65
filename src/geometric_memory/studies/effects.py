"""What makes memory geometric: one grid of all combinations, one score, effects by size."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from geometric_memory.analysis.estimate import Estimate, estimate, mean_known, plain
from geometric_memory.analysis.geometry_score import measure_orders
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.figures.findings import effect_bars
from geometric_memory.figures.page import Table
from geometric_memory.studies.linear_nets import TABLE, LinearNet, linear_trainer, trained
from geometric_memory.studies.scales import Scale
from geometric_memory.studies.study import Answers, Arm, Conclusion, Found, Study
from geometric_memory.tiny.engine import Trainer
from geometric_memory.tiny.measures import graph_measures
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph
from geometric_memory.tiny.training import batch_trainer
from geometric_memory.work.piece import Piece

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


def arms(scale: Scale) -> dict[str, Arm]:
    """Return one piece per setting of what a batch shares, for every model and graph."""
    return {
        f"{model}, {graph}": [
            Piece(
                function=trained_cells,
                arguments={
                    "model": model,
                    "graph": graph,
                    "shared": list(levels),
                    "seeds": list(scale.tiny_seeds),
                    "steps": scale.limited(STEPS),
                },
            )
            for levels in product((0, 1), repeat=len(SHARED[model]))
        ]
        for model in FACTORS
        for graph in GRAPHS
    }


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


CHANGE = "change of the rank correlation of distance with hops, from three hops on"
Ranked = tuple[str, Estimate, int, Mapping[str, float]]
"""A factor, its effect, pairs of cells behind it, and its effect on each graph."""


def main_effect(
    cells: Sequence[Mapping[str, int]],
    scores: Float[np.ndarray, "cells seeds"],
    complete: Bool[np.ndarray, "cells seeds"],
    factor: str,
) -> tuple[Float[np.ndarray, " seeds"], int]:
    """Return, per seed, the mean change of the score when `factor` alone goes to its second level.

    Only pairs of cells count in which both know every fact; the number of pairs comes second.
    """
    by_levels = {tuple(sorted(cell.items())): place for place, cell in enumerate(cells)}
    changes, pairs = [], 0
    for place, cell in enumerate(cells):
        if cell[factor]:
            continue
        other = by_levels[tuple(sorted({**cell, factor: 1}.items()))]
        both = complete[place] & complete[other]
        changes.append(np.where(both, scores[other] - scores[place], np.nan))
        pairs += int(both.sum())
    return mean_known(np.array(changes)), pairs


def conclude(found: Found) -> Conclusion:
    """Return the effects of every factor on both models, over the four graphs, by size."""
    ranked = {model: _rank(model, found) for model in FACTORS}
    return Conclusion(
        sentences=tuple(_sentence(model, rows) for model, rows in ranked.items()),
        tables=tuple(_table(model, rows) for model, rows in ranked.items()),
        numbers={
            model: [
                {"factor": name, "pairs": pairs, **effect.plain(),
                 "by_graph": {graph: plain(value) for graph, value in by_graph.items()}}
                for name, effect, pairs, by_graph in rows
            ]
            for model, rows in ranked.items()
        },
        picture=effect_bars(
            {
                model: [
                    (name, effect.mean, effect.interval,
                     {graph: value for graph, value in by_graph.items() if np.isfinite(value)})
                    for name, effect, _, by_graph in rows
                    if effect.count
                ]
                for model, rows in ranked.items()
            },
            label=CHANGE,
        ),
    )  # fmt: skip


def _rank(model: str, found: Found) -> list[Ranked]:
    by_graph = {graph: _join(found[f"{model}, {graph}"]) for graph in GRAPHS}
    rows = []
    for factor in FACTORS[model]:
        effects = {graph: main_effect(*data, factor) for graph, data in by_graph.items()}
        over_graphs = mean_known(np.array([effect for effect, _ in effects.values()]))
        each = {graph: float(mean_known(effect)) for graph, (effect, _) in effects.items()}
        pairs = sum(count for _, count in effects.values())
        rows.append((factor, estimate(over_graphs), pairs, each))
    return sorted(rows, key=lambda row: -abs(row[1].mean))


def _join(answers: Answers) -> tuple[list[dict[str, int]], np.ndarray, np.ndarray]:
    cells = [cell for answer in answers for cell in answer["cells"]]
    scores = np.concatenate([np.array(answer["rho"]) for answer in answers])
    complete = np.concatenate([np.array(answer["complete"]) for answer in answers])
    return cells, scores, complete


def _table(model: str, rows: Sequence[Ranked]) -> Table:
    return Table(
        caption=f"{model}: {CHANGE}",
        headings=("change of one thing", "effect", *GRAPHS, "pairs"),
        rows=[
            (name, effect.text, *(f"{by_graph[graph]:+.2f}" for graph in GRAPHS), str(pairs))
            for name, effect, pairs, by_graph in rows
        ],
    )


def _sentence(model: str, rows: Sequence[Ranked]) -> str:
    strongest = [f"{name} ({effect})" for name, effect, *_ in rows if effect.apart_from_zero]
    rest = [name for name, effect, *_ in rows if not effect.apart_from_zero]
    text = f"{model.capitalize()}, strongest first: {'; '.join(strongest) or 'nothing'}."
    return text + (f" No effect that its interval shows: {', '.join(rest)}." if rest else "")


EFFECTS = Study(
    name="effects",
    title="What makes memory geometric",
    statement="Which of initial scale, identity or Gaussian map, tying, self edges, rate, weight "
    "decay and depth decides whether a model that knows every edge also maps the graph?",
    setting="All combinations of two levels of each factor: 128 linear nets of width 64 and 32 "
    "one-layer Transformers of width 32, on the path-star, grid, cycle and irregular graph of the "
    "paper, 1,000 full-batch AdamW updates at a constant rate. The score is Spearman's correlation "
    "of distance in the embedding with hops over pairs of nodes at three hops and more (1 is a "
    "map, 0 no relation). The effect of a factor is the mean change of the score between pairs of "
    "runs that differ in it alone and both know every edge; per seed, then a mean with its 95 % "
    "interval over seeds. Graphs are shown apart as well.",
    limits="Two levels per factor say nothing of what lies between or beyond. An effect is a mean "
    "over all settings of the others: where factors work together (a big initial scale and a small "
    "rate, say) a mean hides it. Tiny graphs, one layer; depth and the map are varied in the "
    "linear net alone.",
    arms=arms,
    conclude=conclude,
)
