"""Cells: what a sweep is made of, each one run of `geomem train` or one member of `geomem tiny`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import msgspec

from geometric_memory.config import RunConfig
from geometric_memory.config.own_graph import fit_settings, is_open
from geometric_memory.config.presets import preset_settings
from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.graphs.build import draw_graph
from geometric_memory.graphs.graph import Graph
from geometric_memory.graphs.settings import PUBLISHED_SEED
from geometric_memory.limits import PathName
from geometric_memory.settings import assemble, flatten, settings_of
from geometric_memory.tiny.sections import GRAPHS, SeededSection, section
from geometric_memory.topic import read_values, settings_of_topic
from geometric_memory.work.piece import key_of

PLACES = ("experiment_log_root", "run_name", "dataset_root")
"""Settings that say where something lies; a cell is the same wherever that is."""
OWN = ("experiment_log_root", "run_name")
"""Settings of `geomem train` that the sweep itself gives to every run."""
Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run, told completely by its settings."""

    kind: Literal["train", "tiny"]
    key: PathName
    """Hash of kind and settings: equal cells have equal keys, in every sweep."""
    settings: dict[str, Any]

    @property
    def seed(self) -> int:
        """Seed of the training."""
        return self.settings["seed"]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What cells of `geomem train` share, from the options typed beside them."""

    base: Settings = field(default_factory=dict)
    """Of a preset or a configuration file; a preset of the cell itself goes before it."""
    typed: Settings = field(default_factory=dict)
    """Typed one by one; only a cell's own settings go before them."""
    graph: Graph | None = None
    """The graph of every cell, where it is drawn already."""


NOTHING_SHARED = Shared()


def without_own(settings: Settings) -> dict[str, Any]:
    """Return `settings` without those that the sweep itself gives."""
    return {name: value for name, value in settings.items() if name not in OWN}


def make_cell(given: Settings, shared: Shared = NOTHING_SHARED) -> Cell:
    """Return the cell of some settings; those that name an `experiment` are of `geomem tiny`.

    Raises:
        ConfigurationError: with every problem of the settings.
    """
    return _tiny_cell(given) if "experiment" in given else _training_cell(given, shared)


def make_cells(rows: Iterable[Settings], shared: Shared = NOTHING_SHARED) -> tuple[Cell, ...]:
    """Return the cells of many settings.

    Raises:
        ConfigurationError: with every problem of every cell, each told once.
    """
    cells: dict[str, Cell] = {}
    problems: dict[str, list[str]] = {}
    for number, given in enumerate(rows, start=1):
        try:
            cell = make_cell(given, shared)
            if cell.key in cells:
                raise ConfigurationError(["the same cell is there twice"])
            cells[cell.key] = cell
        except ConfigurationError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(f"cell {number} ({_show(given)})")
    if problems:
        raise ConfigurationError(
            [_report_once(problem, where) for problem, where in problems.items()]
        )
    if not cells:
        raise ConfigurationError(["a sweep needs at least one cell: give --grid or a FILE.py"])
    return tuple(cells.values())


def training_config(cell: Cell, **places: str) -> RunConfig:
    """Return the configuration of a cell of `geomem train`, its runs lying where `places` say."""
    return assemble(RunConfig, cell.settings | places)


def varied(cells: Sequence[Cell]) -> tuple[str, ...]:
    """Return the names of the settings in which cells differ, in the order of the settings."""
    names = dict.fromkeys(name for cell in cells for name in cell.settings)
    return tuple(
        name for name in names if len({json.dumps(cell.settings.get(name)) for cell in cells}) > 1
    )


def _training_cell(given: Settings, shared: Shared) -> Cell:
    own = dict(given)
    problems = [f"--{name}: the sweep sets this itself" for name in OWN if name in own]
    preset, base = own.pop("preset", None), shared.base
    if preset is not None:
        base, unknown = preset_settings(str(preset))
        problems += unknown
    values = without_own({**base, **shared.typed, **own})
    config = assemble(RunConfig, values, problems=problems)
    if not base and is_open(config, values):
        try:
            graph = shared.graph or draw_graph(config.graph)
            config, _ = fit_settings(config, values, graph, cores=1)
        except DataError as error:
            raise ConfigurationError([str(error)]) from error
    settings = without_own(flatten(config))
    return Cell(kind="train", key=cell_key("train", settings), settings=settings)


def _tiny_cell(given: Settings) -> Cell:
    found, problems = read_values(settings_of_topic(SeededSection), _put_on_base(given), typed=True)
    if "graph" not in given:
        problems = ["graph is required beside experiment: star, grid, cycle or irregular"]
    if problems:
        raise ConfigurationError(problems)
    settings = msgspec.to_builtins(asdict(SeededSection(**found)))
    return Cell(kind="tiny", key=cell_key("tiny", settings), settings=settings)


def misfit(cell: Cell) -> str:
    """Return why the settings of a tiny cell are not those of one; empty if they are."""
    found, problems = read_values(settings_of_topic(SeededSection), cell.settings)
    try:
        if not problems:
            SeededSection(**found)
    except ConfigurationError as error:
        problems += error.problems
    return next(iter(problems), "")


def _put_on_base(given: Settings) -> Settings:
    """Return the settings of the section that `given` names, and in place of some, its own."""
    named = str(given["experiment"]), str(given.get("graph", GRAPHS[0]))
    return asdict(section(*named)) | {"seed": PUBLISHED_SEED, "precision": "fp32"} | dict(given)


def list_known_names(*, tiny: bool) -> tuple[str, ...]:
    """Return the names that a grid may vary."""
    if not tiny:
        return (*settings_of(RunConfig), "preset")
    return tuple(settings_of_topic(SeededSection))


def cell_key(kind: str, settings: Settings) -> str:
    """Return the key of a cell: a hash of kind and settings, places left out."""
    return key_of([kind, {n: v for n, v in settings.items() if n not in PLACES}], size=8)


def _show(given: Settings) -> str:
    text = " ".join(f"{name}={value}" for name, value in given.items())
    return text if len(text) <= 120 else text[:117] + "..."


def _report_once(problem: str, where: Sequence[str]) -> str:
    more = f" and {len(where) - 1} more" if len(where) > 1 else ""
    return f"{problem}; {where[0]}{more}"
