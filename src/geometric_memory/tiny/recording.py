"""What is kept of a batch while it goes on: curves of every seed, snapshots of one, its state.

The state is one safetensors file per batch: weights, both moments of every AdamW, the generators of
dropout, and what was recorded so far. It is written at most every few seconds, whole or not at all,
and belongs to exactly one batch: its name is the key of that piece of work. A killed run goes on
from there, to the same bits.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import CheckpointError
from geometric_memory.files.tensors import read_tensors, write_tensors
from geometric_memory.models.node2vec import Node2VecSettings
from geometric_memory.tiny.engine import Precision, State, Trainer
from geometric_memory.tiny.measures import graph_measures
from geometric_memory.tiny.results import CURVES, SectionRun, shown_seed
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.stacked_linear import LINEAR_MAP, StackedLinear

SNAPSHOTS_PER_FACTOR = 20
RECORDED = "recorded."


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
    measures, members = graph_measures(graph), len(state.measured.loss)
    logits: list[np.ndarray | None] = [None] * members
    with torch.no_grad():
        if section.block == "linear" and section.tied:
            network = StackedLinear([LINEAR_MAP])
            logits = [*network.logits(state.weights, torch.from_numpy(graph.sources)).numpy()]
    weights = {name: weight.detach().numpy() for name, weight in state.weights.items()}
    return [
        measures.final_numbers(
            {name: weight[place] for name, weight in weights.items()},
            logits[place],
            seeds[place % len(seeds)],
        )
        for place in range(members)
    ]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The file of one batch."""

    path: Path
    interval: float
    """Seconds between two states on disk."""
    resume: bool
    """Go on from the file if it is there; without that it is overwritten."""

    def followed(
        self, states: Iterator[State], trainer: Trainer, recorder: Recorder
    ) -> Iterator[State]:
        """Yield the `states` of `trainer` from where the file stands, and keep it up to date.

        `recorder` must record each state after it was yielded, and before the next.
        """
        if self.resume and self.path.is_file():
            self._restore(trainer, recorder)
        written = time.monotonic()
        for state in states:
            # Within a stretch of updates the trainer is ahead of what is recorded.
            abreast = recorder.steps and trainer.step == state.step
            if abreast and time.monotonic() - written >= self.interval:
                arrays = {RECORDED + name: a for name, a in recorder.arrays().items()}
                recorded = {name: torch.from_numpy(array) for name, array in arrays.items()}
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_tensors(self.path, _tensors(trainer) | recorded)
                written = time.monotonic()
            yield state

    def _restore(self, trainer: Trainer, recorder: Recorder) -> None:
        tensors = read_tensors(self.path)
        try:
            own = {n: t.numpy() for n, t in tensors.items() if n.startswith(RECORDED)}
            recorder.restore({name.removeprefix(RECORDED): array for name, array in own.items()})
            if recorder.steps[-1] + 1 != int(tensors["step"]):
                raise ValueError("its step does not follow the last one recorded")
            _check(trainer, tensors)
            _restore(trainer, tensors)
        except Exception as error:  # damage shows as an error of almost any type
            raise CheckpointError(
                f"{self.path}: is no state of this batch ({error}); delete it to start anew"
            ) from None


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Return all that the next update depends on, while its gradient is not yet used."""
    found = {"step": torch.tensor(trainer.step)}
    found |= {f"weights.{name}": weight.detach() for name, weight in trainer.weights.items()}
    for place, (_, optimizer, _) in enumerate(trainer.groups):
        for index, state in optimizer.state_dict()["state"].items():
            found |= {f"optimizer.{place}.{index}.{name}": x for name, x in state.items()}
    for place, generator in enumerate(trainer.generators):
        found[f"generator.{place}"] = generator.get_state()
    return found


def _check(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    """Raise ValueError or KeyError unless weights and moments fit and are finite."""
    shapes = {f"weights.{name}": weight.shape for name, weight in trainer.weights.items()}
    for place, (_, optimizer, _) in enumerate(trainer.groups):
        for index, weight in enumerate(optimizer.param_groups[0]["params"]):
            prefix = f"optimizer.{place}.{index}."
            shapes |= dict.fromkeys((prefix + "exp_avg", prefix + "exp_avg_sq"), weight.shape)
    for name, shape in shapes.items():
        fits = tensors[name].shape == shape and tensors[name].dtype == torch.float32
        if not (fits and bool(tensors[name].isfinite().all())):
            raise ValueError(f"{name} does not fit")


def _restore(trainer: Trainer, tensors: dict[str, Tensor]) -> None:
    trainer.step = int(tensors["step"])
    with torch.no_grad():
        for name, weight in trainer.weights.items():
            weight.copy_(tensors[f"weights.{name}"])
    for place, (_, optimizer, _) in enumerate(trainer.groups):
        state: dict[int, dict[str, Tensor]] = {}
        prefix = f"optimizer.{place}."
        for name, tensor in tensors.items():
            if name.startswith(prefix):
                index, key = name.removeprefix(prefix).split(".")
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict({"state": state})
    for place, generator in enumerate(trainer.generators):
        generator.set_state(tensors[f"generator.{place}"])
