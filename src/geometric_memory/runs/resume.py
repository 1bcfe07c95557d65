"""Which run to go on with, from which checkpoint, and whether its settings allow it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from geometric_memory.config import RunConfig
from geometric_memory.errors import (
    CheckpointError,
    ConfigurationError,
    DataError,
    GeometricMemoryError,
)
from geometric_memory.files.lock import is_locked
from geometric_memory.models.interface import SequenceModel
from geometric_memory.runs.checkpoints import CheckpointStore, load_model, step_of
from geometric_memory.runs.folder import RunFolder, graph_has_changed
from geometric_memory.runs.run import Run
from geometric_memory.runs.state import Origin
from geometric_memory.settings import changed, flatten
from geometric_memory.training.trainer import Position, Trainer

CHANGEABLE = frozenset(
    {
        "max_steps", "edge_memorization_epochs", "path_finetuning_epochs", "device",
        "checkpoint_interval_epochs", "checkpoint_interval_steps", "keep_checkpoints",
        "edge_memorization_eval_interval_epochs", "path_finetuning_eval_interval_epochs",
        "evaluated_epochs", "evaluation_share", "evaluate_at_most",
        "prediction_logging_multiplier", "prediction_rows",
        "enable_wandb", "wandb_project", "wandb_entity", "wandb_group",
        "wandb_tags", "wandb_mode", "dataset_root",
    }
)  # fmt: skip
"""Settings that a resumed run may change: how long it goes on, where, and what it logs."""


UNNOTED = {"processes": "1"}
"""What was so before checkpoints noted it."""


def changes(before: RunConfig, after: RunConfig) -> dict[str, str]:
    """Return `before -> after` for every setting that differs."""
    old, new = flatten(before), flatten(after)
    return {name: f"{old[name]} -> {new[name]}" for name in old if old[name] != new[name]}


def load_edges(model: SequenceModel, config: RunConfig) -> None:
    """Load the memorized edges that a skipped edge stage starts from.

    Raises:
        CheckpointError: if they are missing or do not fit; it names the settings that differ.
    """
    place = Path(config.training.edge_memorization_checkpoint_path)
    try:
        load_model(model, place)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_differing_settings(place, config)}") from None


def _differing_settings(place: Path, config: RunConfig) -> str:
    """Return, as lines, how graph and model of the run that `place` lies in are others."""
    runs = [RunFolder(folder) for folder in (place, *place.parents[:3])]
    try:
        stored = next(run for run in runs if run.config.is_file()).read_config()
    except (StopIteration, GeometricMemoryError):
        return ""
    names = {*vars(config.graph), *vars(config.model)}
    found = changes(stored, config).items()
    return "".join(f"\n  --{name} {change}" for name, change in found if name in names)


def check_origin(
    stored: Origin, now: Origin, warn: Callable[[str], None], *, other_data: bool = False
) -> None:
    """Compare what a checkpoint was made with to what is there now.

    Raises:
        DataError: if the data set is another, and `other_data` does not allow it.
    """
    changed = [name for name, found in now.dataset.items() if stored.dataset.get(name) != found]
    if changed:
        lines = [
            f"  {name}: SHA-256 {stored.dataset.get(name)} when saved, {now.dataset[name]} now"
            for name in changed
        ]
        text = "the data set is not the one of the checkpoint:\n" + "\n".join(lines)
        if not other_data:
            raise DataError(text + "\n--other_data goes on all the same, and notes it in the run")
        warn(text)
    for name, value in now.arithmetic.items():
        before = stored.arithmetic.get(name, UNNOTED.get(name, "unknown"))
        if before != value:
            warn(f"{name} was {before} and is {value}: the bits may differ from a run of one piece")


def check_length(before: RunConfig, trainer: Trainer, reached: Position, run: Path) -> None:
    """Check that what is asked for does not end before the position `reached`.

    Raises:
        ConfigurationError: naming every setting that does.
    """
    limit, problems = trainer.settings.max_steps, []
    if 0 < limit < reached.step:
        problems.append(f"--max_steps {limit}: this run has made {reached.step} updates")
    for index, stage in enumerate(trainer.stages[: reached.stage + 1]):
        setting = f"{stage.topic}_epochs"
        planned = flatten(before)[setting]
        if index < reached.stage and stage.epochs != planned:
            problems.append(f"--{setting} {stage.epochs}: this stage has ended, after {planned}")
        if index == reached.stage and stage.steps < reached.stage_step:
            epoch = -(-reached.stage_step // stage.steps_per_epoch)
            problems.append(f"--{setting} {stage.epochs}: this run is in epoch {epoch} already")
    if problems:
        way = f"ask for more, or go back with --resume {run}/checkpoints/step-..."
        raise ConfigurationError([f"{problem}; {way}" for problem in problems])


def find_unfinished(config: RunConfig) -> Run | None:
    """Return the run with the configuration `config` that came furthest without finishing.

    Runs that another process holds, and runs without a checkpoint, do not count. Time plays no
    part, so a clock that jumps does no harm.
    """
    root = Path(config.logging.experiment_log_root) / config.dataset.dataset_name
    best, best_step = None, -1
    for path in sorted(root.glob("*/config.json")):
        with suppress(GeometricMemoryError):
            run = Run(path.parent)
            step = _find_unfinished_step(run, config)
            if step > best_step and not is_locked(run.folder.lock):
                best, best_step = run, step
    return best


def _find_unfinished_step(run: Run, config: RunConfig) -> int:
    """Return the step of the last valid checkpoint, or -1 if the run cannot be gone on with."""
    with suppress(CheckpointError):  # a damaged summary is written again
        if run.folder.read_summary():
            return -1
    differing = set(changes(run.config, config)) - {"experiment_log_root"}
    if config.training.precision == "auto":  # which the start of a run may settle
        differing -= {"precision"}
    if differing or graph_has_changed(run.folder, config):
        return -1
    newest = CheckpointStore(run.folder.checkpoints).newest(lambda warning: None)
    return -1 if newest is None else step_of(newest)


def locate(place: Path) -> tuple[Run, Path | None]:
    """Return the run, and the checkpoint if one was named, that `--resume PLACE` means.

    Raises:
        CheckpointError: if there is none.
    """
    if place.parent.name == "checkpoints" and place.name.startswith("step-"):
        if not place.is_dir():
            raise CheckpointError(f"{place}: there is no such checkpoint")
        return Run(place.parent.parent), place
    return Run(place), None


def change_config(run: Run, asked: RunConfig, given: frozenset[str]) -> RunConfig:
    """Return the configuration of `run` with the settings `given` of `asked`.

    Raises:
        ConfigurationError: naming every setting that may not change.
    """
    wanted = flatten(asked)
    config = changed(run.config, **{name: wanted[name] for name in given})
    refused = [
        f"--{name} {change}: a resumed run cannot change this"
        for name, change in changes(run.config, config).items()
        if name not in CHANGEABLE
    ]
    if refused:
        raise ConfigurationError(refused)
    return config
