"""What makes memory geometric: one grid of all combinations, one score, effects by size."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from geometric_memory.analysis.estimate import Estimate, estimate, mean_known, plain
from geometric_memory.studies.findings.effect_grid import FACTORS, effects_pieces
from geometric_memory.studies.findings.finding import (
    Answers,
    Finding,
    Outcome,
    Table,
)
from geometric_memory.studies.findings.pieces import Piece
from geometric_memory.tiny.sections import GRAPHS

CHANGE = "change of the rank correlation of distance with hops, from three hops on"


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


def conclude_effects(pieces: tuple[Piece, ...], answers: Answers) -> Outcome:
    """Return the effects of every factor on both models, over the four graphs, by size."""
    numbers: dict[str, Any] = {}
    tables, answer = [], []
    for model in FACTORS:
        rows = _ranked(model, pieces, answers)
        numbers[model] = [
            {
                "factor": name,
                "pairs": pairs,
                **effect.plain(),
                "by_graph": {graph: plain(value) for graph, value in by_graph.items()},
            }
            for name, effect, pairs, by_graph in rows
        ]
        tables.append(_table(model, rows))
        answer.append(_sentence(model, rows))
    return Outcome(
        answer=tuple(answer),
        tables=tuple(tables),
        numbers=numbers,
        draw=lambda: _figure(numbers),
    )


def _ranked(
    model: str, pieces: Sequence[Piece], answers: Answers
) -> list[tuple[str, Estimate, int, dict[str, float]]]:
    by_graph = {
        graph: _joined(
            [
                answer
                for piece, answer in zip(pieces, answers, strict=True)
                if piece.arguments["model"] == model and piece.arguments["graph"] == graph
            ]
        )
        for graph in GRAPHS
    }
    rows = []
    for factor in FACTORS[model]:
        found = {graph: main_effect(*data, factor) for graph, data in by_graph.items()}
        over_graphs = mean_known(np.array([effect for effect, _ in found.values()]))
        each = {graph: float(mean_known(effect)) for graph, (effect, _) in found.items()}
        pairs = sum(count for _, count in found.values())
        rows.append((factor, estimate(over_graphs), pairs, each))
    return sorted(rows, key=lambda row: -abs(row[1].mean))


def _joined(answers: Answers) -> tuple[list[dict[str, int]], np.ndarray, np.ndarray]:
    cells = [cell for answer in answers for cell in answer["cells"]]
    scores = np.concatenate([np.array(answer["rho"]) for answer in answers])
    complete = np.concatenate([np.array(answer["complete"]) for answer in answers])
    return cells, scores, complete


def _table(model: str, rows: Sequence[tuple[str, Estimate, int, Mapping[str, float]]]) -> Table:
    return Table(
        caption=f"{model}: {CHANGE}",
        columns=("change of one thing", "effect", *GRAPHS, "pairs"),
        rows=[
            (name, str(effect), *(f"{by_graph[graph]:+.2f}" for graph in GRAPHS), str(pairs))
            for name, effect, pairs, by_graph in rows
        ],
    )


def _sentence(model: str, rows: Sequence[tuple[str, Estimate, int, Mapping[str, float]]]) -> str:
    strongest = [f"{name} ({effect})" for name, effect, *_ in rows if effect.apart_from_zero]
    rest = [name for name, effect, *_ in rows if not effect.apart_from_zero]
    text = f"{model.capitalize()}, strongest first: {'; '.join(strongest) or 'nothing'}."
    return text + (f" No effect that its interval shows: {', '.join(rest)}." if rest else "")


def _figure(numbers: Mapping[str, Any]) -> Any:
    from geometric_memory.figures.findings import effect_bars

    return effect_bars(
        {
            model: [
                (row["factor"], row["mean"], row["interval"], _known(row["by_graph"]))
                for row in rows
                if row["mean"] is not None
            ]
            for model, rows in numbers.items()
        },
        label=CHANGE,
    )


def _known(by_graph: Mapping[str, float | None]) -> dict[str, float]:
    return {graph: value for graph, value in by_graph.items() if value is not None}


EFFECTS = Finding(
    name="effects",
    title="What makes memory geometric",
    question="Which of initial scale, identity or Gaussian map, tying, self edges, rate, weight "
    "decay and depth decides whether a model that knows every edge also maps the graph?",
    method="All combinations of two levels of each factor: 128 linear nets of width 64 and 32 "
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
    pieces=effects_pieces,
    conclude=conclude_effects,
)
