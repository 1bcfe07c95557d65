"""The folder of a run: its place, its unique name, and what lies in it.

EXPERIMENT_LOG_ROOT/DATASET_NAME/RUN_NAME/
  config.json  environment.json  metrics.jsonl  predictions.jsonl  summary.json
  (resumes.jsonl after a resume, failure.json after a number that was not finite)
  dataset/  checkpoints/  artifacts/

The data set is a copy of the files that the run was trained on, small beside one checkpoint:
whatever becomes of the folder of data sets, and of the file of a custom graph, a run can be
measured, verified and gone on with, here or on another machine.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.datasets.files import SPLITS, DatasetFiles, find_dataset, verify_files
from geometric_memory.datasets.manifest import (
    encode_manifest,
    graph_file_sha256,
    read_manifest,
    record_file,
)
from geometric_memory.datasets.reader import read_dataset, read_files
from geometric_memory.errors import CheckpointError, DataError
from geometric_memory.files.whole import (
    disk_error,
    read_json,
    refuse_links,
    write_json,
    write_whole,
)
from geometric_memory.limits import NonNegative
from geometric_memory.settings import assemble, from_json

CONFIG_SCHEMA = 1


class RunFolder:
    """Paths inside one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.json"
        """Every setting of the run."""
        self.environment = path / "environment.json"
        """Versions, device and git state."""
        self.metrics = path / "metrics.jsonl"
        """One JSON row per logged moment."""
        self.predictions = path / "predictions.jsonl"
        """One JSON row per table of predictions."""
        self.summary = path / "summary.json"
        """The result, written at the end."""
        self.failure = path / "failure.json"
        """What happened, when a loss or gradient was not finite."""
        self.resumes = path / "resumes.jsonl"
        """One JSON row per resume: from which step, with which settings changed, on what."""
        self.lock = path / "run.lock"
        """There while a process works in this folder."""
        self.dataset = path / "dataset"
        """Folder of the data set that the run is trained on."""
        self.checkpoints = path / "checkpoints"
        """Folder of checkpoints."""
        self.artifacts = path / "artifacts"
        """Folder of tracked histories."""

    def read_config(self) -> RunConfig:
        """Return the configuration of the run.

        Raises:
            CheckpointError: if this is no run folder.
            ConfigurationError: if its settings cannot be used.
        """
        if not self.config.is_file():
            raise CheckpointError(f"{self.path}: is not a run folder: it holds no config.json")
        return assemble(RunConfig, from_json(RunConfig, read_json(self.config), str(self.config)))

    def read_summary(self) -> dict[str, Any]:
        """Return the result of the run; empty while it has not ended.

        Raises:
            CheckpointError: if it is damaged.
        """
        if not self.summary.exists():
            return {}
        summary = read_json(self.summary)
        try:
            msgspec.convert(summary, _Summary)
        except msgspec.ValidationError as error:
            raise CheckpointError(f"{self.summary}: is not the summary of a run: {error}") from None
        return summary


class _Summary(TypedDict):
    """What is read of a summary elsewhere."""

    steps: NonNegative
    seconds: float
    steps_per_second: float
    test_paths: NonNegative
    chance: float
    ceiling: NotRequired[float]
    ambiguous_questions: NotRequired[NonNegative]
    final: dict[str, float | None]
    best: dict[str, Any]


def create_run_folder(config: RunConfig, now: datetime) -> RunFolder:
    """Create the folder of a new run; two runs never share one.

    Raises:
        DiskError: if it cannot be created.
    """
    logging = config.logging
    parent = Path(logging.experiment_log_root) / config.dataset.dataset_name
    name = logging.run_name or default_run_name(config, now)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = RunFolder(_create_unique(parent, name))
        folder.checkpoints.mkdir()
        folder.artifacts.mkdir()
    except OSError as error:
        raise disk_error(Path(error.filename or parent / name), error) from error
    write_json(folder.config, to_json(config))
    return folder


def to_json(config: RunConfig) -> dict[str, Any]:
    """Return `config` as the content of config.json."""
    return {"schema": CONFIG_SCHEMA, **msgspec.to_builtins(config)}


def default_run_name(config: RunConfig, now: datetime) -> str:
    """Return a name made of graph, model, recipe, batches, rates, switches and time.

    What is rarely changed is named only where it is: another prompt (`sd`, `task`), another split.
    """
    training, dataset, task = config.training, config.dataset, config.task
    batches = f"bs{training.edge_memorization_batch_size}x{training.path_finetuning_batch_size}"
    rates = (
        f"lr{training.edge_memorization_learning_rate:g}x{training.path_finetuning_learning_rate:g}"
    )
    switches = (
        f"tl{int(task.use_teacherless_inputs)}-rev{int(task.reverse_path_targets)}"
        f"-fb{int(dataset.forward_edges)}{int(dataset.backward_edges)}"
        f"-selfedge{int(dataset.has_self_edges)}-seed{training.seed}"
    )
    bits = (dataset.include_start_node_in_path_finetuning, dataset.use_directional_edge_pretraining)
    split = f"split{dataset.train_split_ratio:g}" + "-subtrees" * dataset.split_subtree_holdout
    rare = {
        "leaves": dataset.self_edges == "leaves",
        "in_context": task.in_context,
        f"sd{int(bits[0])}{int(bits[1])}": any(bits),
        "task0": not task.include_task_token_in_prefix,
        split: split != "split0.75",
    }
    parts = [
        _graph_label(config), _model_label(config), training.training_recipe,
        batches, rates, switches, *(part for part, named in rare.items() if named),
        now.strftime("%Y%m%d-%H%M%S"),
    ]  # fmt: skip
    return "_".join(parts)


def _graph_label(config: RunConfig) -> str:
    """Return a short name of the graph, such as star-d5000-b1-l5."""
    family = config.graph.family
    return f"{family.name}-{family.text(family.label)}-l{family.path_length}"


def _model_label(config: RunConfig) -> str:
    """Return a short name of the model, such as transformer-L12-D384-H8."""
    model = config.model
    return (
        f"{model.architecture}-L{model.transformer_layer_count}"
        f"-D{model.embedding_dimension}-H{model.attention_head_count}"
    )


def _create_unique(parent: Path, name: str) -> Path:
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path


MANIFEST = "manifest.json"


def keep_dataset(folder: RunFolder, config: RunConfig, sha256: dict[str, str]) -> None:
    """Copy the data set of `config` into the run, which trains on the files with these sums.

    Raises:
        DataError: if the files have changed since they were read.
        DiskError: if they cannot be written.
    """
    files = find_dataset(config)
    if files is None or files.sha256 != sha256:
        raise DataError("the files of the data set changed while the run was prepared; start again")
    folder.dataset.mkdir(exist_ok=True)
    refuse_links(folder.dataset)
    manifest = folder.dataset / MANIFEST
    manifest.unlink(missing_ok=True)
    records = []
    for split in SPLITS:
        content = getattr(files, split).read_bytes()
        write_whole(folder.dataset / f"{split}.txt", content)
        self_edges = config.dataset.has_self_edges
        records.append(record_file(f"{split}.txt", split, content, self_edges=self_edges))
    write_whole(manifest, encode_manifest(replace(files.manifest, files=tuple(records))))


def read_run_dataset(folder: RunFolder, config: RunConfig) -> Dataset:
    """Return the data set of a run: its own copy or, without one, that of its settings.

    Raises:
        CheckpointError: if its own copy is a symbolic link.
        DataError: if there is none, or its files are damaged.
    """
    own = own_files(folder, config)
    return read_dataset(config) if own is None else read_files(own, config)


def own_files(folder: RunFolder, config: RunConfig) -> DatasetFiles | None:
    """Return the run's own copy of its data set; None in runs of older versions.

    Raises:
        CheckpointError: if it is a symbolic link.
        DataError: if it is damaged.
    """
    manifest = folder.dataset / MANIFEST
    if not manifest.exists():
        return None
    refuse_links(folder.dataset)
    links = [path for path in folder.dataset.iterdir() if path.is_symlink()]
    if links:
        raise CheckpointError(f"{links[0]}: is a symbolic link, which is not followed here")
    self_edges = config.dataset.has_self_edges
    return verify_files(folder.dataset, read_manifest(manifest), self_edges=self_edges)


def graph_has_changed(folder: RunFolder, config: RunConfig) -> bool:
    """Whether the graph file of `config` holds another graph than the run was trained on."""
    manifest = folder.dataset / MANIFEST
    if config.graph.graph_type != "custom" or not manifest.exists():
        return False
    return read_manifest(manifest).graph_file_sha256 != graph_file_sha256(config.graph)
