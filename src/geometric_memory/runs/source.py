"""Where a run is read from: the folder of a run of `geomem train`; other commands store others."""

import dataclasses
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset, draw_dataset
from geometric_memory.errors import GeometricMemoryError
from geometric_memory.files.lock import is_running
from geometric_memory.files.whole import read_json
from geometric_memory.runs.checkpoints import MANIFEST_FILE, CheckpointStore, is_valid, step_of
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.frames import HISTORY, Frames, read_frames
from geometric_memory.runs.metrics import Metrics, read_metrics, read_rows
from geometric_memory.runs.own_data import read_run_dataset
from geometric_memory.runs.state import read_state
from geometric_memory.settings import settings_of

Found = TypeVar("Found")


class Source(ABC):
    """Where a run is read from. Methods read; what they cannot read is None, and noted."""

    path: Path
    name: str
    command: str
    """The command that made it."""
    seed: int
    settings: Mapping[str, Any]
    """Every setting by name."""
    defaults: Mapping[str, Any]
    """What to compare the settings with."""
    settings_help: Mapping[str, str]
    notes: list[str]
    """What is missing and why, as sentences."""

    @abstractmethod
    def status(self) -> str:
        """Return a word for how the run ended."""

    def remark(self) -> str:
        """Return a sentence about the status where the run did not simply finish."""
        return ""

    @abstractmethod
    def summary(self) -> Mapping[str, Any]:
        """Return what the run has written about itself at its end, by name."""

    @abstractmethod
    def metrics(self) -> Metrics:
        """Return every curve by its published name."""

    @abstractmethod
    def dataset(self) -> Dataset | None:
        """Return the graph, and what was trained on and held out."""

    @abstractmethod
    def frames(self, node_count: int) -> Frames | None:
        """Return the embeddings of the nodes along the run."""

    @abstractmethod
    def provenance(self) -> dict[str, dict[str, str]]:
        """Return rows about what it was made on and with, by heading."""


class TrainingSource(Source):
    """The folder of a run of `geomem train`."""

    command = "geomem train"

    def __init__(self, path: Path) -> None:
        """Read the settings.

        Raises:
            CheckpointError: if it is no run folder, or its settings are damaged.
        """
        self.path, self.name = path, path.resolve().name
        self.folder = RunFolder(path)
        self.config = self.folder.read_config()
        self.seed = self.config.training.seed
        topics = [getattr(self.config, field.name) for field in dataclasses.fields(self.config)]
        self.settings = {k: v for topic in topics for k, v in msgspec.to_builtins(topic).items()}
        known = settings_of(RunConfig)
        self.defaults = {name: setting.default for name, setting in known.items()}
        self.settings_help = {name: setting.help for name, setting in known.items()}
        self.notes: list[str] = []

    def status(self) -> str:
        if self._content(self.folder.failure):
            return "failed"
        if self.folder.summary.exists():
            return str(self.summary().get("status", "finished"))
        return "running" if is_running(self.folder.lock) else "unfinished"

    def remark(self) -> str:
        failure, status = self._content(self.folder.failure), self.status()
        if failure:
            return (
                f"A loss or gradient was not finite at step {failure.get('step')} of "
                f"{failure.get('stage')}, at rate {failure.get('rate')}; what is shown was before "
                "it."
            )
        if status in ("unfinished", "running"):
            last = self.checkpoint
            known = f" What is known ends at step {step_of(last)}." if last else ""
            why = "it is still running." if status == "running" else "it was interrupted."
            return f"The run has left no summary: {why}{known}"
        if status != "finished":
            return f"Training was stopped after {self.summary().get('steps')} steps."
        return ""

    def summary(self) -> Mapping[str, Any]:
        return self._content(self.folder.summary)

    def metrics(self) -> Metrics:
        return read_metrics(self.folder.metrics)

    def dataset(self) -> Dataset | None:
        if self.config.task.in_context:
            self._note(
                "In-context training: every prompt brings its own graph, so there is no map."
            )
            return None
        sums: Mapping[str, str] = {}
        if self.checkpoint is not None:
            last = self.checkpoint
            state = self._attempt(lambda: read_state(last))
            sums = state.origin.dataset if state else {}
        return self._attempt(lambda: self._read_dataset(sums))

    def _read_dataset(self, trained_on: Mapping[str, str]) -> Dataset:
        """Return the data set; `trained_on` holds the sums of its files, if known.

        Files that differ from those sums are not used: a graph is a function of its settings, so
        that it can be built again.
        """
        try:
            dataset = read_run_dataset(self.folder, self.config)
        except GeometricMemoryError:
            return _built_again(self.config)
        if trained_on and dict(dataset.sha256) != dict(trained_on):
            self._note("The data set at hand is not the one this run was trained on; built again.")
            return _built_again(self.config)
        return dataset

    def frames(self, node_count: int) -> Frames | None:
        if self.config.model.tokenizer == "text":
            self._note("With a text tokenizer a node is several tokens and has no embedding.")
            return None
        history = self.folder.artifacts / HISTORY
        frames = self._attempt(lambda: read_frames(history, self.checkpoints, node_count))
        if frames is not None and not frames.tracked:
            self._note(
                "The run did not track its embeddings (--track_embedding_evolution): the steps "
                "shown are those of the checkpoints it kept."
            )
        return frames

    @cached_property
    def checkpoints(self) -> list[Path]:
        """Whole checkpoint folders, earliest first."""
        return [path for path in CheckpointStore(self.folder.checkpoints).all() if is_valid(path)]

    @cached_property
    def checkpoint(self) -> Path | None:
        """The last whole checkpoint."""
        found = CheckpointStore(self.folder.checkpoints).newest(self._note)
        if found is None:
            self._note("The run holds no checkpoint, so nothing is known of its embeddings.")
        return found

    def provenance(self) -> dict[str, dict[str, str]]:
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


def _built_again(config: RunConfig) -> Dataset:
    origin = "built again from the settings: the files of the data set are not at hand"
    return dataclasses.replace(draw_dataset(config), origin=origin)


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name} ")
        elif not isinstance(value, list):
            found[f"{prefix}{name}"] = str(value)
    return found
