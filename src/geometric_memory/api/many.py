"""Many trainings as one table: sweeps of `geomem sweep`, experiments of `geomem tiny`."""

import hashlib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.api.table import SEEDS, Table
from geometric_memory.api.train import given_settings, save_graph
from geometric_memory.console import make_console
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require
from geometric_memory.graphs.graph import Graph
from geometric_memory.report.stored import LOGS
from geometric_memory.sweeps.cells import Shared, make_cells, varied
from geometric_memory.sweeps.folder import SweepFolder, read_results
from geometric_memory.sweeps.sweep import run_sweep
from geometric_memory.tiny.engine import Precision
from geometric_memory.tiny.laboratory import train_or_load
from geometric_memory.tiny.results import numbers
from geometric_memory.tiny.sections import graphs_of, section
from geometric_memory.work.local import Local
from geometric_memory.work.processes import core_count

SWEEPS = Path("sweeps")
SHOWN = ("final/test/accuracy", "final/edge_memorization/top_k_recovery", "final/end_recovery",
         "final/end_level_no_self", "steps")  # fmt: skip
"""Columns of a sweep of most interest, where they are there."""
SHOWN_OF_TINY = ("end_recovery", "loss", "end_level_no_self", "non_edge_level")


def sweep(
    graph: Graph | str | None = None,
    *,
    preset: str = "",
    folder: str | Path = "",
    workers: int = 0,
    timeout: float = math.inf,
    quiet: bool = False,
    **settings: Any,
) -> Table:
    """Train every combination of settings, as `geomem sweep` does, and return one table.

    A setting with several values, such as `seed=range(5)` or `embedding_dimension=[32, 64]`, is
    varied. What is there already is not trained again, so that the same call goes on with a sweep
    that was stopped.

    On a graph of one's own without a preset, what is not given suits its size, as in `train`.

    Args:
        graph: what to train on; without one the settings say it.
        preset: named settings to start from.
        folder: folder of the sweep; by default one below `sweeps` that equal sweeps share.
        workers: trainings at once; 0 is one per core, fewer where memory is short.
        timeout: seconds that one training may take.
        quiet: print nothing.
        settings: settings of `geomem train`, or of `geomem tiny` beside an `experiment`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used, at once.
        Interrupted: after a signal; the same call goes on.
    """
    require("a sweep", "pyarrow")
    axes = {name: list(value) for name, value in settings.items() if has_several(value)}
    fixed = {name: value for name, value in settings.items() if name not in axes}
    shared = Shared()
    if "experiment" in settings:
        fixed |= {} if graph is None else {"graph": graph}
        rows = [fixed | point for point in combinations(axes)]
    else:
        if isinstance(graph, str):
            raise ConfigurationError([f"{graph}: give a graph, such as gm.grid(4, 4)"])
        base, problems = given_settings(graph, preset, settings)
        if problems:
            raise ConfigurationError(problems)
        shared = Shared(base=base, typed=fixed)
        if graph is not None and not preset:
            shared = Shared(typed=base | fixed, graph=graph)
        rows = list(combinations(axes))
    cells = make_cells(rows, shared)
    if graph is not None and not isinstance(graph, str) and "graph_file" not in graph.settings:
        save_graph(graph, Path(cells[0].settings["graph_file"]))
    keys = hashlib.blake2b("".join(cell.key for cell in cells).encode(), digest_size=4)
    place = SweepFolder(Path(folder) if folder else SWEEPS / f"sweep-{keys.hexdigest()}")
    place.write_plan(cells)
    local = Local(workers=workers or core_count(), timeout=timeout)
    run_sweep(place, local, make_console(stderr=True, quiet=quiet))
    columns = read_results(place.path).to_pydict()
    columns["run"] = [run and str(place.path / run) for run in columns["run"]]
    return Table(
        columns,
        by=[name for name in varied(cells) if name not in SEEDS],
        shown=[name for name in SHOWN if name in columns],
    )


def tiny(
    experiment: str,
    *,
    graph: str | Sequence[str] = "all",
    seeds: Iterable[int] = (7,),
    steps: int | None = None,
    precision: Precision = "fp32",
    folder: str | Path = LOGS / "tiny",
) -> Table:
    """Train an experiment of `geomem tiny` for some seeds, all at once, and return one table.

    What is stored with equal settings is not trained again. `load` opens the stored run of a seed:
    FOLDER/PRECISION/EXPERIMENT-GRAPH.

    Args:
        experiment: its name (`geomem tiny list`), such as `transformer` or `node2vec`.
        graph: `star`, `grid`, `cycle`, `irregular`, several of them, or `all` there are.
        seeds: of the initial weights; 7 is the published one.
        steps: at most so many updates.
        precision: `fp32` or `bf16`.
        folder: where results are stored.

    Raises:
        ConfigurationError: if there is no such experiment or graph, with the nearest.
    """
    names = [graph] if isinstance(graph, str) else list(graph)
    if names == ["all"]:
        names = list(graphs_of(experiment)) or ["star"]
    sections = [section(experiment, name) for name in names]
    wanted = tuple(int(seed) for seed in seeds)
    rows: list[dict[str, Any]] = []
    for found in sections:
        run = train_or_load(
            found, wanted, Path(folder) / precision, steps=steps, precision=precision
        )
        measured = numbers(run)
        for place, seed in enumerate(run.seeds):
            row = {name: float(values[place]) for name, values in measured.items()}
            known = {"experiment": experiment, "graph": found.graph, "seed": seed}
            rows.append(known | row | {"verdict": run.verdicts[place]})
    columns = {name: [row.get(name) for row in rows] for name in rows[0]}
    return Table(columns, by=["graph"] if len(names) > 1 else [], shown=SHOWN_OF_TINY)


def has_several(value: Any) -> bool:
    """Return whether a setting is given several values."""
    return isinstance(value, list | tuple | range | set | frozenset | np.ndarray)


def combinations(axes: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values of `axes`; the last runs fastest."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))
