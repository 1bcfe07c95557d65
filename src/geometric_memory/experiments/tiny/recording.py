"""What is kept of a run while it goes on: curves of every seed, snapshots of one, final numbers."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from geometric_memory.experiments.tiny.engine import Precision, State
from geometric_memory.experiments.tiny.final_numbers import complete_rows, graph_measures
from geometric_memory.experiments.tiny.results import CURVES, SectionRun, shown_seed
from geometric_memory.experiments.tiny.sections import Section
from geometric_memory.experiments.tiny.stacked_gpt import StackedGPT
from geometric_memory.experiments.tiny.tiny_graph import EDGE_TOKEN, TinyGraph

SNAPSHOTS_PER_FACTOR = 20


def recorded(
    sections: Sequence[Section],
    seeds: Sequence[int],
    graph: TinyGraph,
    states: Iterator[State],
    precision: Precision,
) -> list[SectionRun]:
    """Follow `states`, whose members are every seed of every section in turn."""
    seeds = tuple(seeds)
    shown = [i * len(seeds) + seeds.index(shown_seed(seeds)) for i in range(len(sections))]
    wanted = {step for section in sections for step in snapshot_steps(section)}
    steps, kept, snapshots = [], [], []
    curves: dict[str, list[np.ndarray]] = {name: [] for name in CURVES}
    state = None
    for state in states:
        steps.append(state.step)
        for name, values in curves.items():
            values.append(getattr(state.measured, name).numpy())
        if state.step in wanted:
            table = state.weights["token_embedding.weight"].detach()
            kept.append(state.step)
            snapshots.append(table[shown, : graph.node_count].numpy().copy())
    assert state is not None
    stacked = {name: np.stack(values) for name, values in curves.items()}
    final = _final_numbers(sections[0], seeds, graph, state)
    runs = []
    for place, section in enumerate(sections):
        own = slice(place * len(seeds), (place + 1) * len(seeds))
        runs.append(
            SectionRun(
                section=section,
                seeds=seeds,
                precision=precision,
                steps=np.array(steps),
                curves={name: values[:, own] for name, values in stacked.items()},
                snapshot_steps=np.array(kept),
                snapshots=np.stack([arrays[place] for arrays in snapshots]),
                final={name: [row[name] for row, _ in final[own]] for name in final[0][0]},
                verdicts=tuple(verdict for _, verdict in final[own]),
            )
        )
    return runs


def snapshot_steps(section: Section) -> list[int]:
    """Return the steps whose embeddings are kept: spaced by factors, and those figures ask for."""
    steps = section.steps
    factors = np.log10(max(steps, 2))
    spaced = np.geomspace(1, max(steps, 2), 1 + round(SNAPSHOTS_PER_FACTOR * factors))
    asked = {*section.evolution_steps, section.heatmap_step or 0}
    wanted = {0, steps, *(int(step) for step in spaced.round()), *asked}
    return sorted(step for step in wanted if 0 <= step <= steps)


def _final_numbers(
    section: Section, seeds: Sequence[int], graph: TinyGraph, state: State
) -> list[tuple[dict[str, float], str | None]]:
    """Return numbers and verdict of every member."""
    measures = graph_measures(graph)
    logits = _last_logits(section, graph, state)
    found = []
    for place, recovery in enumerate(state.measured.recovery.tolist()):
        weights = {name: w[place].detach().numpy() for name, w in state.weights.items()}
        embeddings = weights["token_embedding.weight"][: graph.node_count]
        score, verdict = measures.geometry(embeddings, seeds[place % len(seeds)], recovery)
        linear = section.block == "linear" and section.tied
        row = measures.margins(weights, logits[place], linear=linear)
        found.append((row | measures.spectral_shares(embeddings) | score, verdict))
    return found


def _last_logits(section: Section, graph: TinyGraph, state: State) -> list[np.ndarray]:
    """Return the logits of linear nets, row by node; nothing reads those of others."""
    if section.block != "linear":
        return [np.zeros((1, 1))] * len(state.measured.loss)
    network = StackedGPT(section.model, graph.node_count + EDGE_TOKEN)
    with torch.no_grad():
        logits = network.logits(state.weights, torch.from_numpy(graph.sources)).numpy()
    return [complete_rows(each, graph.sources, graph.node_count) for each in logits]
