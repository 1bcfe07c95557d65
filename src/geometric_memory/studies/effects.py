"""What makes memory geometric: one grid of all combinations, one score, effects by size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
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
SCALE = "initial scale 1, not 0.02"
FACTORS: Mapping[str, Mapping[str, tuple[str, Any, Any]]] = {
    "linear": {
        SCALE: ("deviation", 0.02, 1.0),
        "identity map, not Gaussian": ("mapping", "gaussian", "identity"),
        "untied head": ("tied", True, False),
        "self edges": ("self_edges", False, True),
        "rate 0.01, not 0.001": ("learning_rate", 0.001, 0.01),
        "weight decay 0.1, not 0": ("weight_decay", 0.0, 0.1),
        "two maps, not one": ("depth", 1, 2),
    },
    "transformer": {
        SCALE: ("init", "default", "non_geometric"),
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
                    "seeds": list(scale.seeds),
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
INTERACTIONS = 5
"""The strongest pairs of factors of a model that are shown."""
Data = tuple[
    Sequence[Mapping[str, int]], Float[np.ndarray, "cells seeds"], Bool[np.ndarray, "cells seeds"]
]
"""Cells, their scores, and whether every fact is known."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a factor does alone, or by how much one changes what another does."""

    name: str
    over_graphs: Estimate
    by_graph: Mapping[str, float]
    count: int
    """Pairs of runs behind it, or fours."""


def contrast(
    cells: Sequence[Mapping[str, int]],
    scores: Float[np.ndarray, "cells seeds"],
    complete: Bool[np.ndarray, "cells seeds"],
    *factors: str,
) -> tuple[Float[np.ndarray, " seeds"], int]:
    """Return, per seed, the mean change of the score when a factor goes to its second level.

    Of two factors it is the change of that change when the other goes, too. Only cells count that
    differ in the factors alone and all know every fact; how many changes there are comes second.
    """
    places = {tuple(sorted(cell.items())): place for place, cell in enumerate(cells)}
    changes = []
    for cell in cells:
        if any(cell[factor] for factor in factors):
            continue
        change = np.zeros(scores.shape[1])
        for levels in product((0, 1), repeat=len(factors)):
            corner = {**cell, **dict(zip(factors, levels, strict=True))}
            place = places[tuple(sorted(corner.items()))]
            known = np.where(complete[place], scores[place], np.nan)
            change += (-1) ** (len(factors) - sum(levels)) * known
        changes.append(change)
    return mean_known(np.array(changes)), int(np.isfinite(changes).sum())


def conclude(found: Found) -> Conclusion:
    """Return the effects of every factor on both models, and the strongest of their pairs."""
    effects = {model: effects_of(model, found) for model in FACTORS}
    return Conclusion(
        sentences=(
            _in_words({model: alone[0] for model, (alone, _) in effects.items()}),
            *(_sentence(model, *own) for model, own in effects.items()),
        ),
        tables=tuple(_table(model, [*alone, *pairs]) for model, (alone, pairs) in effects.items()),
        numbers={
            model: [
                {"factor": each.name, "count": each.count, **each.over_graphs.plain(),
                 "by_graph": {graph: plain(value) for graph, value in each.by_graph.items()}}
                for each in (*alone, *pairs)
            ]
            for model, (alone, pairs) in effects.items()
        },
        picture=effect_bars(
            {
                model: [
                    (each.name, each.over_graphs.mean, each.over_graphs.interval,
                     {graph: value for graph, value in each.by_graph.items() if np.isfinite(value)})
                    for each in (*alone, *pairs)
                    if each.over_graphs.count
                ]
                for model, (alone, pairs) in effects.items()
            },
            label="change of the rank correlation",
        ),
    )  # fmt: skip


def effects_of(model: str, found: Found) -> tuple[list[Effect], list[Effect]]:
    """Return the effects of single factors, and the strongest of pairs, by size.

    All but that of the initial scale are within the small one, where there is a map to change.
    """
    whole = {graph: _join(found[f"{model}, {graph}"]) for graph in GRAPHS}
    small = {graph: _small(*data) for graph, data in whole.items()}
    others = [factor for factor in FACTORS[model] if factor != SCALE]
    alone = [_effect(whole, SCALE), *(_effect(small, factor) for factor in others)]
    pairs = [_effect(small, *pair) for pair in combinations(others, 2)]
    return _by_size(alone), _by_size(pairs)[:INTERACTIONS]


def _effect(data: Mapping[str, Data], *factors: str) -> Effect:
    each = {graph: contrast(*own, *factors) for graph, own in data.items()}
    return Effect(
        name=" x ".join(factors),
        over_graphs=estimate(mean_known(np.array([change for change, _ in each.values()]))),
        by_graph={graph: float(mean_known(change)) for graph, (change, _) in each.items()},
        count=sum(count for _, count in each.values()),
    )


def _by_size(effects: Sequence[Effect]) -> list[Effect]:
    return sorted(effects, key=lambda each: -abs(np.nan_to_num(each.over_graphs.mean)))


def _small(cells: Sequence[Mapping[str, int]], *values: np.ndarray) -> Any:
    small = [place for place, cell in enumerate(cells) if not cell[SCALE]]
    return [cells[place] for place in small], *(each[small] for each in values)


def _join(answers: Answers) -> Data:
    cells = [cell for answer in answers for cell in answer["cells"]]
    scores = np.concatenate([np.array(answer["rho"]) for answer in answers])
    complete = np.concatenate([np.array(answer["complete"]) for answer in answers])
    return cells, scores, complete


def _table(model: str, effects: Sequence[Effect]) -> Table:
    return Table(
        caption=f"{model}: {CHANGE}",
        headings=("change of one thing, or of two", "effect", *GRAPHS, "changes"),
        rows=[
            (each.name, each.over_graphs.text,
             *(f"{each.by_graph[graph]:+.2f}".replace("+nan", "-") for graph in GRAPHS),
             str(each.count))
            for each in effects
        ],
    )  # fmt: skip


def _in_words(strongest: Mapping[str, Effect]) -> str:
    most = (
        f"in the {model} model, {each.name} "
        f"({'more' if each.over_graphs.mean > 0 else 'less'} of a map)"
        for model, each in strongest.items()
    )
    return f"The strongest effect: {'; '.join(most)}."


def _sentence(model: str, alone: Sequence[Effect], pairs: Sequence[Effect]) -> str:
    sure, rest = ([each for each in alone if each.over_graphs.apart_from_zero is known]
                  for known in (True, False))  # fmt: skip
    text = f"{model.capitalize()}, strongest first: {_listed(sure)}."
    if rest:
        text += f" No effect that its interval shows: {', '.join(each.name for each in rest)}."
    together = [each for each in pairs if each.over_graphs.apart_from_zero]
    return f"{text} Together, beyond the sum of both: {_listed(together[:3])}."


def _listed(effects: Sequence[Effect]) -> str:
    return "; ".join(f"{each.name} ({each.over_graphs})" for each in effects) or "nothing"


EFFECTS = Study(
    name="effects",
    title="What makes memory geometric",
    statement="Which of initial scale, identity or Gaussian map, tying, self edges, rate, weight "
    "decay and depth decides whether a model that knows every edge also maps the graph, and which "
    "of them work together?",
    setting="All combinations of two levels of each factor: 128 linear nets of width 64 and 32 "
    "one-layer Transformers of width 32, on the path-star, grid, cycle and irregular graph of the "
    "paper, 1,000 full-batch AdamW updates at a constant rate. The score is Spearman's correlation "
    "of distance in the embedding with hops over pairs of nodes at three hops and more (1 is a "
    "map, 0 no relation). The effect of a factor is the mean change of the score between pairs of "
    "runs that differ in it alone and both know every edge; of two factors (x), by how much the "
    "one changes the effect of the other, over fours of such runs. Per seed (four), then a mean "
    "with its 95 % interval over seeds. All but the initial scale are compared within the small "
    "one. Graphs are shown apart as well.",
    limits="A correlation below zero is a folded map, far nodes near each other, and not the lack "
    "of one: a fall by more than what there was is a change of kind. Two levels per factor say "
    "nothing of what lies between or beyond. The strongest of 15 pairs (6 for the Transformer) are "
    "shown, so that some would pass by chance. Seeds change the initial weights alone: intervals "
    "say nothing of other graphs. Tiny graphs, one layer; depth and the map are varied in the "
    "linear net alone.",
    arms=arms,
    conclude=conclude,
)
