"""A run, read back from where it lies: settings, metrics, graph, embeddings and model.

Everything is read when it is first asked for, and once. What is missing or damaged is None (or
empty), and `Run.notes` gives the reason; `embeddings` and `nodes`, which nobody wants as None,
raise.
"""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from geometric_memory.analysis.geometry_result import Geometry
from geometric_memory.analysis.memorization import path_chance
from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset, draw_dataset
from geometric_memory.errors import CheckpointError, DataError, GeometricMemoryError
from geometric_memory.files.lock import is_running
from geometric_memory.files.whole import read_json
from geometric_memory.graphs.graph import Graph
from geometric_memory.models.build import build_model
from geometric_memory.models.interface import SequenceModel
from geometric_memory.models.plain import PlainModel
from geometric_memory.runs.answer import Answer, ask
from geometric_memory.runs.checkpoints import (
    MANIFEST_FILE,
    CheckpointStore,
    is_valid,
    load_model,
    step_of,
)
from geometric_memory.runs.folder import RunFolder, read_run_dataset
from geometric_memory.runs.history import HISTORY, Frames, read_frames
from geometric_memory.runs.metrics import Metrics, read_metrics, read_rows
from geometric_memory.runs.state import read_state
from geometric_memory.settings import settings_of
from geometric_memory.tasks.in_context import context_task
from geometric_memory.tasks.task import Task, build_task, build_vocabulary, path_queries
from geometric_memory.tasks.vocabulary import Vocabulary

Found = TypeVar("Found")


class Run:
    """A run of `geomem train`, or one seed of a stored section of `geomem tiny`."""

    command = "geomem train"
    """The command that made it."""
    components: tuple[int, ...] = ()
    """Principal components that pictures show, counted from 1; where none are named, the clear."""

    def __init__(self, path: Path, **known: Any) -> None:
        """Read the settings of the run in the folder `path`; of other runs, all is `known`.

        Raises:
            CheckpointError: if it is no run folder, or its settings are damaged.
        """
        self.path = path
        self.notes: list[str] = []
        """What is missing and why, as sentences, of all that was asked for so far."""
        self._geometries: dict[int, Geometry] = {}
        vars(self).update(known or {"config": RunFolder(path).read_config()})

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
    def folder(self) -> RunFolder:
        """The paths inside the folder of a run of `geomem train`; raises DataError for others."""
        if self.command != Run.command:
            raise DataError(f"{self.name}: {self.command} stores curves and embeddings, no more")
        return RunFolder(self.path)

    @cached_property
    def config(self) -> RunConfig:
        """Every setting by topic; raises DataError for a run of `geomem tiny`: see `settings`."""
        return self.folder.read_config()

    @cached_property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.resolve().name

    @cached_property
    def seed(self) -> int:
        """Its seed."""
        return self.config.training.seed

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """Every setting by name."""
        topics = msgspec.to_builtins(self.config).values()
        return {name: value for topic in topics for name, value in topic.items()}

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """What to compare the settings with."""
        return {name: setting.default for name, setting in settings_of(RunConfig).items()}

    @cached_property
    def settings_help(self) -> Mapping[str, str]:
        """What every setting does."""
        return {name: setting.help for name, setting in settings_of(RunConfig).items()}

    @cached_property
    def checkpoints(self) -> list[Path]:
        """Whole checkpoint folders, earliest first; raises DataError for a run of `geomem tiny`."""
        return [path for path in CheckpointStore(self.folder.checkpoints).all() if is_valid(path)]

    @cached_property
    def checkpoint(self) -> Path | None:
        """The last whole checkpoint; raises DataError for a run of `geomem tiny`."""
        found = CheckpointStore(self.folder.checkpoints).newest(self._note)
        if found is None:
            self._note("The run holds no checkpoint, so nothing is known of its embeddings.")
        return found

    @cached_property
    def status(self) -> str:
        """A word for how it ended: finished, stopped early, failed, unfinished; or running."""
        if self._content(self.folder.failure):
            return "failed"
        if self.folder.summary.exists():
            return str(self.summary.get("status", "finished"))
        return "running" if is_running(self.folder.lock) else "unfinished"

    @cached_property
    def remark(self) -> str:
        """A sentence about the status; empty when the run has finished."""
        if self.status == "failed":
            failure = self._content(self.folder.failure)
            return (
                f"A loss or gradient was not finite at step {failure.get('step')} of "
                f"{failure.get('stage')}, at rate {failure.get('rate')}; what is shown was before "
                "it."
            )
        if self.status in ("unfinished", "running"):
            last = self.checkpoint
            known = f" What is known ends at step {step_of(last)}." if last else ""
            why = "it is still running." if self.status == "running" else "it was interrupted."
            return f"The run has left no summary: {why}{known}"
        if self.status != "finished":
            return f"Training was stopped after {self.summary.get('steps')} steps."
        return ""

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """What the run has written about itself at its end, by name; empty before."""
        return self._content(self.folder.summary)

    @cached_property
    def metrics(self) -> Metrics:
        """Every curve along training by its published name."""
        return read_metrics(self.folder.metrics)

    @cached_property
    def dataset(self) -> Dataset | None:
        """The facts and paths trained on and held out; None where every prompt brings a graph."""
        if self.config.task.in_context:
            self._note(
                "In-context training: every prompt brings its own graph, so there is no map."
            )
            return None
        last = self.checkpoint
        state = None if last is None else self._attempt(lambda: read_state(last))
        return self._attempt(lambda: self._read_dataset(state.origin.dataset if state else {}))

    def _read_dataset(self, trained_on: Mapping[str, str]) -> Dataset:
        """Return the data set; `trained_on` holds the sums of its files, if known.

        Files that differ from those sums are not used: a graph is a function of its settings, so
        that it can be built again.
        """
        try:
            dataset = read_run_dataset(self.folder, self.config)
            if not trained_on or dict(dataset.sha256) == dict(trained_on):
                return dataset
            self._note("The data set at hand is not the one this run was trained on; built again.")
        except GeometricMemoryError:
            pass
        origin = "built again from the settings: the files of the data set are not at hand"
        return replace(draw_dataset(self.config), origin=origin)

    @property
    def graph(self) -> Graph | None:
        """The graph of the data set."""
        return None if self.dataset is None else self.dataset.graph

    @cached_property
    def frames(self) -> Frames | None:
        """The embeddings along the run, read one by one; None where no node has one."""
        if self.dataset is None:
            return None
        if self.config.model.tokenizer == "text":
            self._note("With a text tokenizer a node is several tokens and has no embedding.")
            return None
        history, nodes = self.folder.artifacts / HISTORY, self.dataset.node_count
        frames = self._attempt(lambda: read_frames(history, self.checkpoints, nodes))
        if frames is not None and not frames.tracked:
            self._note(
                "The run did not track its embeddings (--track_embedding_evolution): the steps "
                "shown are those of the checkpoints it kept."
            )
        return frames

    @cached_property
    def provenance(self) -> Mapping[str, Mapping[str, str]]:
        """Rows about what it was made on and with, by heading."""
        environment = self._content(self.folder.environment)
        found = {"Ran on": _flat(environment)}
        command = environment.get("command")
        if isinstance(command, list):
            found["Ran on"]["command"] = shlex.join(str(word) for word in command)
        if self.checkpoint is not None:
            manifest = read_json(self.checkpoint / MANIFEST_FILE)
            sums = {name: record["sha256"] for name, record in manifest["files"].items()}
            found[f"Checkpoint {self.checkpoint.name}, SHA-256"] = sums
        if self.folder.resumes.exists():
            found["Resumes"] = {"count": str(sum(1 for _ in read_rows(self.folder.resumes)))}
        return {heading: rows for heading, rows in found.items() if rows}

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
    def task(self) -> Task:
        """The examples that it was trained and is measured on.

        Raises:
            DataError: if the data set is not there or damaged, or for a run of `geomem tiny`.
        """
        if self.config.task.in_context:
            return context_task(self.config)
        return build_task(read_run_dataset(self.folder, self.config), self.config)

    def network(self, checkpoint: str = "", *, allow_nonfinite: bool = False) -> SequenceModel:
        """Return the model of a checkpoint as it is trained; see `model` for that of a notebook.

        Args:
            checkpoint: a label, a step (its number, or the name of its folder), or a .safetensors
                file anywhere; by default the last whole one.
            allow_nonfinite: whether weights may hold NaN and infinity.

        Raises:
            DataError: for a run of `geomem tiny`, which keeps no weights.
            CheckpointError: if there is no whole checkpoint, or it does not fit.
        """
        if checkpoint.endswith(".safetensors"):
            place = Path(checkpoint)
        elif checkpoint:
            place = CheckpointStore(self.folder.checkpoints).labelled(Path(checkpoint).name)
        elif (place := self.checkpoint) is None:
            raise CheckpointError(f"{self.name}: holds no whole checkpoint")
        model = build_model(self.config, vocabulary_size=self.vocabulary.size)
        load_model(model, place, allow_nonfinite=allow_nonfinite)
        return model

    @cached_property
    def model(self) -> PlainModel:
        """The model of the last whole checkpoint, on the CPU in float32, in evaluation mode.

        `model(tokens)` returns logits (batch, length, vocabulary) for tokens (batch, length);
        `model.hidden_states(tokens)` the residual stream. Hooks of PyTorch work. Weights ask for no
        gradient.

        Raises:
            DataError, CheckpointError: as `network` does.
        """
        return PlainModel(self.network().requires_grad_(False))

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

    def seen(self, *, step: int = -1, components: Sequence[int] = ()) -> "Run":
        """Return the run as pictures are to show it: up to a step, along some components.

        Its embeddings end at the stored step nearest to `step`, -1 for the last; curves, answers
        and weights are those of the whole run.

        Raises:
            DataError: if the run has left no embeddings to stop at.
        """
        found = copy(self)
        found.components = tuple(components)
        if step != -1:
            self.embeddings_at(step)  # raises where there are none
            assert self.frames is not None
            steps = self.frames.steps
            frames = replace(self.frames, steps=steps[steps <= self.frames.nearest(step)])
            vars(found).update(frames=frames, _geometries={})
        return found

    def geometry(self, *, seed: int = 0) -> Geometry:
        """Return whether the embeddings at the end are a map of the graph, and how much is known.

        The same seed gives the same numbers; `Geometry.recovery` is what the run has logged.

        Raises:
            DataError: if there are no embeddings.
            NonFiniteError: if a number is not finite.
        """
        from geometric_memory.analysis.geometry_score import graph_reference, measure_geometry

        if seed not in self._geometries:  # above: scipy waits
            rows, dataset = self.embeddings, self.known_dataset
            reference = graph_reference(dataset.facts, dataset.node_count)
            found = measure_geometry(rows, reference, seed=seed)
            known = self.metrics.get("edge_memorization/top_k_recovery")
            if known is not None and self.frames is not None:
                found = replace(found, recovery=known.at(float(self.frames.steps[-1])) / 100)
                if self.asked_nodes:
                    found = replace(found, recovery_of=f"edges of {self.asked_nodes} nodes")
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

    def asked(self, count: int) -> str:
        """Return "`count`", or "some among `count`" where evaluations ask no more than some."""
        most = self.config.logging.evaluate_at_most
        return f"{most:,} among {count:,}" if 0 < most < count else f"{count:,}"

    @property
    def asked_nodes(self) -> str:
        """How many of the nodes evaluations ask for facts, in words; empty where these are all."""
        if self.command != Run.command or self.config.model.tokenizer == "text":
            return ""
        most = self.config.logging.evaluate_at_most  # before the data set is read
        if not most or self.dataset is None or most >= len(self.dataset.sources):
            return ""
        return self.asked(len(self.dataset.sources))

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

    @property
    def ceiling(self) -> float | None:
        """Percent of held-out paths that the best answers name; None where that is every one."""
        return self.summary.get("ceiling")

    def held_out(self) -> Bool[np.ndarray, " paths"]:
        """Return which of the graph's paths, train before test, were held out."""
        if self.dataset is None:
            return np.zeros(0, dtype=bool)
        counts = (len(self.dataset.train_paths), len(self.dataset.test_paths))
        return np.repeat([False, True], counts)

    def _content(self, path: Path) -> dict[str, Any]:
        content = self._attempt(lambda: read_json(path)) if path.exists() else {}
        return content if isinstance(content, dict) else {}

    def _attempt(self, action: Callable[[], Found]) -> Found | None:
        """Return what `action` returns; a known error becomes a note, and the result None."""
        try:
            return action()
        except GeometricMemoryError as error:
            self._note(str(error))
            return None

    def _note(self, text: str) -> None:
        """Note a sentence once, file names in place of paths: pages name no folder of ours."""
        short = re.sub(r"(?<!\w)(?:/|\./|\w+/)[^\s:,'\"]*/([^\s/:,'\"]+)", r"\1", text)
        if short not in self.notes:
            self.notes.append(short)


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name} ")
        elif not isinstance(value, list):
            found[f"{prefix}{name}"] = str(value)
    return found
