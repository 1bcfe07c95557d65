"""A run, read back from where it lies: settings, metrics, graph and embeddings.

Everything is read when it is first asked for, and once. What is missing or damaged is None (or
empty), and `Run.notes` says why; `embeddings` and `nodes`, which nobody wants as None, raise.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from geometric_memory.analysis.geometry_score import (
    Geometry,
    graph_reference,
    measure_geometry,
)
from geometric_memory.analysis.memorization import path_chance
from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.graphs.graph import Graph
from geometric_memory.models.build import build_model
from geometric_memory.models.plain import PlainModel
from geometric_memory.runs.answer import Answer, ask
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.frames import Frames
from geometric_memory.runs.metrics import Metrics
from geometric_memory.runs.source import Source, TrainingSource
from geometric_memory.runs.weights import load_model
from geometric_memory.tasks.in_context import context_task
from geometric_memory.tasks.task import build_vocabulary, path_queries
from geometric_memory.tasks.vocabulary import Vocabulary


class Run:
    """A run of `geomem train`, or one seed of a stored section of `geomem tiny`."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.path, self.name, self.command = source.path, source.name, source.command
        self.seed = source.seed
        self.settings, self.defaults = source.settings, source.defaults
        self.settings_help = source.settings_help
        self._geometries: dict[int, Geometry] = {}

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.status}, {self.last_step} steps>"

    def __getitem__(self, name: str) -> float:
        """Return the last value of a metric, such as `test/accuracy`.

        Raises:
            KeyError: if the run has not logged it, naming those that it has.
        """
        if name not in self.metrics:
            raise KeyError(f"{name}: the run has logged {', '.join(self.metrics) or 'nothing'}")
        return self.metrics[name].last

    @property
    def config(self) -> RunConfig:
        """Every setting by topic.

        Raises:
            DataError: for a run of `geomem tiny`, whose settings are in `settings` alone.
        """
        return self._trained.config

    @property
    def folder(self) -> RunFolder:
        """The paths inside the folder of a run of `geomem train`; raises DataError for others."""
        return self._trained.folder

    @property
    def checkpoints(self) -> list[Path]:
        """Whole checkpoint folders, earliest first; raises DataError for a run of `geomem tiny`."""
        return self._trained.checkpoints

    @property
    def notes(self) -> list[str]:
        """What is missing and why, as sentences, of all that was asked for so far."""
        return self.source.notes

    @cached_property
    def status(self) -> str:
        """A word for how it ended: finished, stopped early, failed, unfinished; or running."""
        return self.source.status()

    @cached_property
    def remark(self) -> str:
        """What to say about the status; empty when the run has finished."""
        return self.source.remark()

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """What the run has written about itself at its end, by name; empty before."""
        return self.source.summary()

    @cached_property
    def metrics(self) -> Metrics:
        """Every curve along training by its published name."""
        return self.source.metrics()

    @cached_property
    def dataset(self) -> Dataset | None:
        """The facts and paths trained on and held out; None where every prompt brings a graph."""
        return self.source.dataset()

    @property
    def graph(self) -> Graph | None:
        """The graph of the data set."""
        return None if self.dataset is None else self.dataset.graph

    @cached_property
    def frames(self) -> Frames | None:
        """The embeddings along the run, read one by one; None where no node has one."""
        return None if self.dataset is None else self.source.frames(self.dataset.node_count)

    @cached_property
    def provenance(self) -> Mapping[str, Mapping[str, str]]:
        """Rows about what it was made on and with, by heading."""
        return self.source.provenance()

    @property
    def nodes(self) -> tuple[str | int, ...]:
        """Names of the nodes, in the order of the rows of `embeddings`.

        Raises:
            DataError: if the run has no graph of its own.
        """
        return self.known_dataset.graph.keys

    @property
    def embeddings(self) -> Float[np.ndarray, "nodes dim"]:
        """Token embeddings of the nodes at the end, float32; a row for each of `nodes`.

        Raises:
            DataError: if the run has left none.
            CheckpointError: if they are damaged.
        """
        return self.embeddings_at(-1)

    def embeddings_at(self, step: int) -> Float[np.ndarray, "nodes dim"]:
        """Return the embeddings at the stored step nearest to `step`, -1 for the last.

        `frames.steps` lists what is stored: the kept checkpoints, or what
        `--track_embedding_evolution` has tracked.

        Raises:
            DataError: if the run has left none.
            CheckpointError: if they are damaged.
        """
        if self.frames is None:
            raise DataError(f"{self.name}: has no embeddings of nodes. {' '.join(self.notes)}")
        found = self.frames.nearest(step)
        rows = self.frames.read(found)
        if not np.isfinite(rows).all():
            raise CheckpointError(f"{self.name}: the embeddings after step {found} are not finite")
        return rows

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens of the model; raises DataError for a run of `geomem tiny`."""
        if self.config.task.in_context:
            return context_task(self.config).vocabulary
        return build_vocabulary(self.known_dataset.node_count, self.config)

    @cached_property
    def model(self) -> PlainModel:
        """The model of the last whole checkpoint, on the CPU in float32, in evaluation mode.

        `model(tokens)` returns logits (batch, length, vocabulary) for tokens (batch, length);
        `model.hidden_states(tokens)` the residual stream. Hooks of PyTorch work. Weights ask for no
        gradient.

        Raises:
            DataError: for a run of `geomem tiny`, which keeps no weights.
            CheckpointError: if there is no whole checkpoint, or it does not fit.
        """
        last = self._trained.checkpoint
        if last is None:
            raise CheckpointError(f"{self.name}: holds no whole checkpoint")
        model = build_model(self.config, vocabulary_size=self.vocabulary.size)
        load_model(model, last)
        return PlainModel(model.requires_grad_(False))

    def tokens(
        self, *nodes: str | int, start: str | int | None = None
    ) -> Int[Tensor, "queries prompt"]:
        """Return the prompts that ask for the paths to `nodes`, one per row.

        A node is given by its name or label, in a rooted graph also as `root` or `leaf K`: the end
        of the K-th path, counted from 0, in the order of their nodes. `start` is where the paths
        start, where prompts name that: by default the root.

        Raises:
            DataError: if there is no such node, or prompts need a start and there is no root.
        """
        dataset = self.known_dataset
        start = dataset.graph.root if start is None else dataset.graph.node(start)
        if start is None and self.config.dataset.include_start_node_in_path_finetuning:
            raise DataError("prompts of this run name where a path starts: say start=")
        paths = np.full((len(nodes), self.config.graph.path_length), start or 0)
        paths[:, -1] = [dataset.graph.node(node) for node in nodes]
        prompts = path_queries(paths, self.vocabulary, self.config).prompts
        return torch.from_numpy(prompts)

    def answer(self, node: str | int, *, start: str | int | None = None) -> Answer:
        """Return the path that the model gives when it is asked for the one to `node`.

        It is decoded greedily, as `test/accuracy` is measured. Where the recipe trains the hardest
        token alone, that is the node after the start.

        Raises:
            DataError: as `tokens` and `model` do.
            CheckpointError: as `model` does.
        """
        return ask(self, node, start)

    def geometry(self, *, seed: int = 0) -> Geometry:
        """Return whether the embeddings at the end are a map of the graph, and how much is known.

        The same seed gives the same numbers; `Geometry.recovery` is what the run has logged.

        Raises:
            DataError: if there are no embeddings.
            NonFiniteError: if a number is not finite.
        """
        if seed not in self._geometries:
            rows, dataset = self.embeddings, self.known_dataset
            reference = graph_reference(dataset.facts, dataset.node_count)
            found = measure_geometry(rows, reference, seed=seed)
            known = self.metrics.get("edge_memorization/top_k_recovery")
            if known is not None and self.frames is not None:
                found = replace(found, recovery=known.at(float(self.frames.steps[-1])) / 100)
            self._geometries[seed] = found
        return self._geometries[seed]

    @property
    def known_dataset(self) -> Dataset:
        """The data set; raises DataError where there is none."""
        if self.dataset is None:
            raise DataError(f"{self.name}: has no graph. {' '.join(self.notes)}")
        return self.dataset

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Settings that differ from their default: value and default."""
        return {
            name: (value, self.defaults.get(name))
            for name, value in self.settings.items()
            if name not in self.defaults or value != self.defaults[name]
        }

    @property
    def last_step(self) -> int:
        """The last step that any metric is known of."""
        ends = [series.steps[-1] for series in self.metrics.values() if len(series.steps)]
        return int(max(ends, default=0))

    @property
    def chance(self) -> float:
        """Percent of held-out paths that a guess among the first hops gets right; NaN without."""
        stored = self.summary.get("chance")
        if isinstance(stored, int | float):
            return float(stored)
        return float("nan") if self.dataset is None else path_chance(self.dataset.graph.paths)

    def held_out(self) -> Bool[np.ndarray, " paths"]:
        """Return which of the graph's paths, train before test, were held out."""
        if self.dataset is None:
            return np.zeros(0, dtype=bool)
        counts = (len(self.dataset.train_paths), len(self.dataset.test_paths))
        return np.repeat([False, True], counts)

    @property
    def _trained(self) -> "TrainingSource":
        if not isinstance(self.source, TrainingSource):
            raise DataError(f"{self.name}: {self.command} stores curves and embeddings, no more")
        return self.source
