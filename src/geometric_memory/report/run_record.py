"""From the folder of a `geomem train` run to a record."""

import dataclasses
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset, draw_dataset
from geometric_memory.datasets.reader import read_dataset
from geometric_memory.errors import CheckpointError, GeometricMemoryError
from geometric_memory.report.answers import chance_of, read_answers
from geometric_memory.report.record import Record, Series, Snapshots
from geometric_memory.report.snapshots import read_snapshots
from geometric_memory.runs.checkpoints import MANIFEST_FILE, CheckpointStore, step_of
from geometric_memory.runs.files import read_json
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.state import read_state
from geometric_memory.settings import settings_of

NOT_METRICS = ("stage", "epoch", "step", "seconds")


def read_run(path: Path, *, frames: int, ask: bool = True) -> Record:
    """Return the record of the run in folder `path`, with at most `frames` snapshots.

    What is missing, or cannot be read, is left out and told in the notes. Without `ask` the
    checkpoint is not asked for its answers.

    Raises:
        CheckpointError: if it is no run folder, or its settings or metrics are damaged.
    """
    folder = RunFolder(path)
    config = folder.read_config()
    notes: list[str] = []
    summary = _optional(folder.summary, notes)
    failure = _optional(folder.failure, notes)
    environment = _optional(folder.environment, notes)
    checkpoint = _checkpoint(folder, notes)
    dataset, snapshots = None, None
    if config.task.in_context:
        notes.append("In-context training: every prompt brings its own graph, so there is no map.")
    else:
        sums = _trained_on(checkpoint, notes)
        dataset = _attempt(notes, lambda: _read_dataset(config, sums, notes))
    if dataset is not None and config.model.tokenizer == "node":
        count = dataset.node_count
        snapshots = _attempt(notes, lambda: read_snapshots(folder, count, frames, notes))
    elif config.model.tokenizer == "text":
        notes.append("With a text tokenizer a node is several tokens and has no embedding.")
    status, remark = _status(summary, failure, checkpoint)
    settings = settings_of(RunConfig)
    topics = [getattr(config, field.name) for field in dataclasses.fields(config)]
    answers = None
    if dataset is not None and ask:
        found = dataset
        answers = _attempt(notes, lambda: read_answers(folder, config, found, checkpoint, notes))
    return Record(
        name=path.resolve().name,
        command="geomem train",
        status=status,
        remark=remark,
        seed=config.training.seed,
        settings={k: v for topic in topics for k, v in msgspec.to_builtins(topic).items()},
        defaults={name: setting.default for name, setting in settings.items()},
        settings_help={name: setting.help for name, setting in settings.items()},
        series=read_series(folder.metrics) if folder.metrics.exists() else {},
        numbers=_numbers(summary),
        dataset=dataset,
        snapshots=snapshots,
        answers=answers,
        provenance=_provenance(folder, environment, checkpoint, dataset, snapshots),
        notes=notes,
        chance=_chance(summary, dataset),
    )


def read_series(path: Path) -> dict[str, Series]:
    """Return every metric of a metrics.jsonl by its published name.

    Raises:
        CheckpointError: if a row is no row of metrics.
    """
    steps: dict[str, list[float]] = {}
    values: dict[str, list[float]] = {}
    for row in read_rows(path):
        step = row.get("step") if isinstance(row, dict) else None
        if not isinstance(step, int | float):
            raise CheckpointError(f"{path}: holds a row without a step")
        for name, value in row.items():
            if name in NOT_METRICS or not isinstance(value, int | float | None):
                continue
            steps.setdefault(name, []).append(float(step))
            values.setdefault(name, []).append(float("nan") if value is None else float(value))
    return {
        name: Series(steps=np.array(steps[name]), values=np.array(values[name])) for name in steps
    }


def _status(
    summary: Mapping[str, Any], failure: Mapping[str, Any], checkpoint: Path | None
) -> tuple[str, str]:
    """Return a word for how the run ended, and a sentence where it did not simply finish."""
    if failure:
        return "failed", (
            f"A loss or gradient was not finite at step {failure.get('step')} of "
            f"{failure.get('stage')}, at rate {failure.get('rate')}; what is shown was before it."
        )
    if not summary:
        known = f"What is known ends at step {step_of(checkpoint)}." if checkpoint else ""
        return "unfinished", (
            "The run has left no summary: it was interrupted, or is still running. " + known
        ).strip()
    status = str(summary.get("status", "finished"))
    if status != "finished":
        return status, f"Training was stopped after {summary.get('steps')} steps."
    return status, ""


def _checkpoint(folder: RunFolder, notes: list[str]) -> Path | None:
    """Return the last whole checkpoint."""
    found = CheckpointStore(folder.checkpoints).newest(lambda text: notes.append(_local(text)))
    if found is None:
        notes.append("The run holds no checkpoint, so nothing is known of its embeddings.")
    return found


def _trained_on(checkpoint: Path | None, notes: list[str]) -> Mapping[str, str]:
    """Return the SHA-256 of the data set's files as the checkpoint knows them."""
    if checkpoint is None:
        return {}
    state = _attempt(notes, lambda: read_state(checkpoint))
    return state.origin.dataset if state else {}


def _read_dataset(config: RunConfig, trained_on: Mapping[str, str], notes: list[str]) -> Dataset:
    """Return the data set of a run; `trained_on` holds the sums of its files, if known.

    Files that differ from those sums are not used: a graph is a function of its settings, so that
    it can be built again.

    Raises:
        GeometricMemoryError: if it can be neither read nor built.
    """
    try:
        dataset = read_dataset(config)
    except GeometricMemoryError:
        return _built_again(config)
    if trained_on and dict(dataset.sha256) != dict(trained_on):
        notes.append("The data set at hand is not the one this run was trained on; built again.")
        return _built_again(config)
    return dataset


def _built_again(config: RunConfig) -> Dataset:
    origin = "built again from the settings: the files of the data set are not at hand"
    return dataclasses.replace(draw_dataset(config), origin=origin)


def _optional(path: Path, notes: list[str]) -> dict[str, Any]:
    if not path.exists():
        return {}
    content = _attempt(notes, lambda: read_json(path))
    return content if isinstance(content, dict) else {}


def _attempt(notes: list[str], action: Any) -> Any:
    """Return what `action` returns; a known error becomes a note, and the result None."""
    try:
        return action()
    except GeometricMemoryError as error:
        notes.append(_local(str(error)))
        return None


def _local(text: str) -> str:
    """Return a message with file names in place of whole paths: a page tells no folder of ours."""
    return re.sub(r"(?<!\w)(?:/|\./|\w+/)[^\s:,'\"]*/([^\s/:,'\"]+)", r"\1", text)


def _numbers(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain numbers of summary.json."""
    return {name: value for name, value in summary.items() if isinstance(value, int | float)}


def _chance(summary: Mapping[str, Any], dataset: Dataset | None) -> float:
    stored = summary.get("chance")
    if isinstance(stored, int | float):
        return float(stored)
    return chance_of(dataset) if dataset is not None else float("nan")


def _provenance(
    folder: RunFolder,
    environment: Mapping[str, Any],
    checkpoint: Path | None,
    dataset: Dataset | None,
    snapshots: Snapshots | None,
) -> dict[str, dict[str, str]]:
    found = {"Ran on": _flat(environment)}
    command = environment.get("command")
    if isinstance(command, list):
        found["Ran on"]["command"] = shlex.join(str(word) for word in command)
    if checkpoint is not None:
        manifest = read_json(checkpoint / MANIFEST_FILE)
        sums = {name: record["sha256"] for name, record in manifest["files"].items()}
        found[f"Checkpoint {checkpoint.name}, SHA-256"] = sums
    if dataset is not None:
        found["Data set, SHA-256"] = dict(dataset.sha256) or {"files": dataset.origin}
    if snapshots is not None:
        source = "tracked history" if snapshots.tracked else "kept checkpoints"
        found["Snapshots"] = {source: f"{len(snapshots.steps)} shown of {snapshots.stored}"}
    if folder.resumes.exists():
        found["Resumes"] = {"count": str(sum(1 for _ in read_rows(folder.resumes)))}
    return {heading: rows for heading, rows in found.items() if rows}


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name} ")
        elif not isinstance(value, list):
            found[f"{prefix}{name}"] = str(value)
    return found
