"""What is kept of a run while it goes on: curves of every seed, snapshots of one, final numbers."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.models.node2vec import Node2VecSettings
from geometric_memory.tiny.engine import Precision, State
from geometric_memory.tiny.final_numbers import complete_rows, graph_measures
from geometric_memory.tiny.results import CURVES, SectionRun, shown_seed
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.stacked_linear import LINEAR_MAP, StackedLinear

SNAPSHOTS_PER_FACTOR = 20


def recorded(
    sections: Sequence[Section],
    seeds: Sequence[int],
    graph: Dataset,
    states: Iterator[State],
    precision: Precision,
) -> list[SectionRun]:
    """Follow `states`, whose members are every seed of every section in turn, to the last."""
    return Recorder(sections, seeds, graph, precision).follow(states)


class Recorder:
    """Follows the states of a batch, whose members are every seed of every section in turn."""

    def __init__(
        self,
        sections: Sequence[Section],
        seeds: Sequence[int],
        graph: Dataset,
        precision: Precision,
    ) -> None:
        self.sections, self.seeds, self.graph = tuple(sections), tuple(seeds), graph
        self.precision = precision
        place = self.seeds.index(shown_seed(self.seeds))
        self.shown = [i * len(self.seeds) + place for i in range(len(self.sections))]
        self.wanted = {step for section in self.sections for step in snapshot_steps(section)}
        self.steps: list[int] = []
        self.kept: list[int] = []
        self.snapshots: list[np.ndarray] = []
        self.curves: dict[str, list[np.ndarray]] = {name: [] for name in CURVES}

    def add(self, state: State) -> None:
        """Keep the numbers of `state`, and the embeddings that figures ask for."""
        self.steps.append(state.step)
        for name, values in self.curves.items():
            values.append(getattr(state.measured, name).numpy())
        if state.step in self.wanted:
            table = state.weights["token_embedding.weight"].detach()
            self.kept.append(state.step)
            self.snapshots.append(table[self.shown, : self.graph.node_count].numpy().copy())

    def follow(self, states: Iterator[State]) -> list[SectionRun]:
        """Keep every state, and return the run of every section."""
        state = None
        for state in states:
            self.add(state)
        assert state is not None
        return self.runs(state)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was kept so far; there must be a state."""
        curves = {f"curve_{name}": np.stack(values) for name, values in self.curves.items()}
        return curves | {
            "steps": np.array(self.steps),
            "kept": np.array(self.kept),
            "snapshots": np.stack(self.snapshots),
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take back what `arrays` returned.

        Raises:
            ValueError: if it is not what `arrays` returned.
        """
        members = len(self.sections) * len(self.seeds)
        steps, kept = len(arrays["steps"]), len(arrays["kept"])
        shapes: dict[str, tuple[int, ...]]
        shapes = {f"curve_{name}": (steps, members) for name in CURVES}
        shapes |= {"steps": (steps,), "kept": (kept,)}
        width = self.sections[0].width
        shapes["snapshots"] = (kept, len(self.shown), self.graph.node_count, width)
        wrong = [name for name, shape in shapes.items() if arrays[name].shape != shape]
        if wrong or not steps:
            raise ValueError(f"{', '.join(wrong) or 'steps'}: of another shape")
        self.steps, self.kept = arrays["steps"].tolist(), arrays["kept"].tolist()
        self.snapshots = list(arrays["snapshots"])
        self.curves = {name: list(arrays[f"curve_{name}"]) for name in CURVES}

    def runs(self, last: State) -> list[SectionRun]:
        """Return the run of every section, given the last state."""
        arrays = self.arrays()
        count = len(self.seeds)
        final = _final_numbers(self.sections[0], self.seeds, self.graph, last)
        return [
            SectionRun(
                section=section,
                seeds=self.seeds,
                precision=self.precision,
                steps=arrays["steps"],
                curves={n: arrays[f"curve_{n}"][:, own] for n in CURVES},
                snapshot_steps=arrays["kept"],
                snapshots=arrays["snapshots"][:, place],
                final={name: [row[name] for row, _ in final[own]] for name in final[0][0]},
                verdicts=tuple(verdict for _, verdict in final[own]),
            )
            for place, section in enumerate(self.sections)
            for own in [slice(place * count, (place + 1) * count)]
        ]


def snapshot_steps(section: Section) -> list[int]:
    """Return the steps whose embeddings are kept: spaced by factors, and those figures ask for."""
    steps = section.steps
    factors = np.log10(max(steps, 2))
    spaced = np.geomspace(1, max(steps, 2), 1 + round(SNAPSHOTS_PER_FACTOR * factors))
    asked = {*section.evolution_steps, section.heatmap_step or 0}
    # Node2Vec shows its state at intervals; the nearest ones are taken.
    unit = Node2VecSettings().snapshot_interval if section.block == "node2vec" else 1
    wanted = {0, steps, *(unit * round(step / unit) for step in spaced), *asked}
    return sorted(step for step in wanted if 0 <= step <= steps)


def _final_numbers(
    section: Section, seeds: Sequence[int], graph: Dataset, state: State
) -> list[tuple[dict[str, float], str]]:
    """Return numbers and verdict of every member."""
    measures = graph_measures(graph)
    logits = _last_logits(section, graph, state)
    found = []
    for place in range(len(state.measured.loss)):
        weights = {name: w[place].detach().numpy() for name, w in state.weights.items()}
        embeddings = weights["token_embedding.weight"][: graph.node_count]
        score, verdict = measures.geometry(embeddings, seeds[place % len(seeds)])
        linear = section.block == "linear" and section.tied
        row = measures.margins(weights, logits[place], linear=linear)
        found.append((row | measures.spectral_shares(embeddings) | score, verdict))
    return found


def _last_logits(section: Section, graph: Dataset, state: State) -> list[np.ndarray]:
    """Return the logits of linear nets, row by node; nothing reads those of others."""
    if section.block != "linear":
        return [np.zeros((1, 1))] * len(state.measured.loss)
    with torch.no_grad():
        network = StackedLinear([LINEAR_MAP])
        logits = network.logits(state.weights, torch.from_numpy(graph.sources)).numpy()
    return [complete_rows(each, graph.sources, graph.node_count) for each in logits]
