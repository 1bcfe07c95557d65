"""`geomem sweep`: many runs as one, every combination of settings, or the cells of a file."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from geometric_memory.cli.arguments import Parsed, parse
from geometric_memory.cli.train import add_graph, with_graph_type
from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import ConfigurationError, printable
from geometric_memory.extras import require
from geometric_memory.settings import flatten
from geometric_memory.work.processes import core_count

if TYPE_CHECKING:
    from geometric_memory.sweeps.cells import Cell, Shared
    from geometric_memory.sweeps.sweep import SweepResult
    from geometric_memory.work.piece import Place

Result = TypeVar("Result")
DESCRIPTION = (
    "Run every combination of --grid, or the cells of FILE.py (it defines `cells`), beside the "
    "settings of geomem train below. The same command again goes on with what is missing."
)
FOLDER = "sweeps/sweep"
SHARD = re.compile(r"([0-9]{1,9})/([1-9][0-9]{0,8})")
ENGINES = ("process", "ray", "slurm")
OWNERS = {"address": "ray", "gpus": "ray", "shards": "slurm", "slurm": "slurm"}
"""Options of one engine alone."""
SHOWN_FAILURES = 10


def main(argv: Sequence[str]) -> int:
    """Plan and run a sweep; 0 if every cell that was asked for is finished, 1 if one is not."""
    parsed = parse(
        RunConfig, with_graph_type(argv), program="geomem sweep [FILE.py]", description=DESCRIPTION,
        presets=PRESETS, add_extra=_add_options, more_from=("grid", "file"),
    )  # fmt: skip
    problems: list[str] = []
    found = _noting(problems, lambda: _check_options(parsed.extra))
    cells = _noting(problems, lambda: _cells(parsed))
    if problems or found is None:
        raise ConfigurationError(problems)
    from geometric_memory.console import make_console, say
    from geometric_memory.sweeps.folder import SweepFolder
    from geometric_memory.sweeps.sweep import run_sweep

    require("a sweep", "pyarrow")
    console = make_console(stderr=True)
    shard, place = found
    folder = SweepFolder(Path(parsed.extra.get("folder", FOLDER)))
    for warning in _warnings(parsed, cells or ()):
        say(console, f"warning: {warning}")
    for problem in folder.write_plan(cells) if cells else []:
        say(console, f"warning: {problem}; the plan is written again")
    result = run_sweep(folder, place, console, shard=shard)
    sys.stdout.write(_summary(result))
    return 1 if result.left else 0


def _noting(problems: list[str], call: Callable[[], Result]) -> Result | None:
    """Return what `call` returns; note its problems, so that all are told at once."""
    try:
        return call()
    except ConfigurationError as error:
        problems += error.problems
        return None


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_graph(parser)
    group = parser.add_argument_group("The sweep")
    group.add_argument("file", nargs="?", metavar="FILE.py", help="Python file of cells")
    for name, metavar, text in (
        ("folder", "FOLDER", f"folder of the sweep (default {FOLDER}); alone, goes on with it"),
        ("engine", "{" + ",".join(ENGINES) + "}", "what runs the cells (default process)"),
        ("workers", "N", "cells at once on a machine (default one per core)"),
        ("timeout", "SECONDS", "end a cell that takes longer, and go on with the others"),
        ("shard", "I/N", "only every N-th job from the I-th on, counted from 0"),
        ("address", "ADDRESS", "Ray cluster to use; without it one is started here"),
        ("gpus", "SHARE", "GPUs that Ray sets aside for a cell, such as 0.25 (default 0)"),
        ("shards", "N", "jobs of the Slurm array (default 8)"),
    ):
        group.add_argument(f"--{name}", nargs="?", const="", metavar=metavar, help=text)
    for name, metavar, text in (
        ("grid", "SETTING=A,B,C", "values of a setting (whole numbers also 0-9); repeat it"),
        ("slurm", "NAME=VALUE", "what Slurm is asked for, such as partition=cpu; repeat it"),
    ):
        group.add_argument(
            f"--{name}", nargs="?", const="", action="append", metavar=metavar, help=text
        )


def _check_options(extra: Mapping[str, Any]) -> "tuple[tuple[int, int], Place]":
    """Return shard and place.

    Raises:
        ConfigurationError: with every problem of the options of the sweep itself.
    """
    problems = [
        f"--{n} needs a value"
        for n, value in extra.items()
        if value in ("", []) or value[-1:] == [""]
    ]
    shard = SHARD.fullmatch(extra.get("shard", "0/1"))
    if not shard or int(shard[1]) >= int(shard[2]):
        problems.append(f"--shard {extra.get('shard')}: write I/N with I from 0 to N - 1")
    problems += _engine_problems(extra)
    workers = _number(extra, "workers", int, core_count(), problems)
    shards = _number(extra, "shards", int, 8, problems)
    gpus = _number(extra, "gpus", float, 0.0, problems)
    timeout = _number(extra, "timeout", float, 0.0, problems) or math.inf
    asked = dict(text.partition("=")[::2] for text in extra.get("slurm", []))
    problems += [f"--slurm {n}: write it as name=value" for n, value in asked.items() if not value]
    if problems or not shard:
        raise ConfigurationError(problems)
    own = int(shard[1]), int(shard[2])
    if extra.get("engine") == "ray":
        from geometric_memory.work.ray import Ray

        return own, Ray(address=extra.get("address", ""), workers=workers, gpus=gpus)
    if extra.get("engine") == "slurm":
        from geometric_memory.work.slurm import Slurm

        folder = Path(extra.get("folder", FOLDER)) / "slurm"
        return own, Slurm(
            folder=folder, workers=workers, shards=shards, timeout=timeout, asked=asked
        )
    from geometric_memory.work.local import Local

    return own, Local(workers=workers, timeout=timeout)


def _engine_problems(extra: Mapping[str, Any]) -> list[str]:
    name = extra.get("engine", "process")
    problems = []
    if name not in ENGINES:
        problems.append(f"--engine {name}: one of {', '.join(ENGINES)}")
    if "timeout" in extra and name == "ray":
        problems.append("--timeout is not for --engine ray")
    if "shard" in extra and name != "process":
        problems.append("--shard needs no engine; leave --engine out")
    problems += [
        f"--{option} is for --engine {owner}"
        for option, owner in OWNERS.items()
        if option in extra and name != owner
    ]
    return problems


def _number(
    extra: Mapping[str, Any], option: str, kind: type, default: int | float, problems: list[str]
) -> Any:
    least = 0 if kind is float else 1
    try:
        found = kind(extra.get(option, default))
    except (TypeError, ValueError):
        found = -1
    if not least <= found < 10**6:
        problems.append(f"--{option} {extra.get(option)}: must be a number, at least {least}")
    return found


def _cells(parsed: Parsed[RunConfig]) -> "tuple[Cell, ...]":
    """Return the cells that are asked for; none with a folder alone, whose own plan stands.

    Raises:
        ConfigurationError: with every problem.
    """
    from geometric_memory.sweeps.cells import OWN, make_cells
    from geometric_memory.sweeps.rows import expand, read_cells

    texts, file = parsed.extra.get("grid", []), parsed.extra.get("file")
    typed = parsed.given | ({"preset", "config"} & set(parsed.extra))
    if not texts and not file:
        if typed or "folder" not in parsed.extra:
            raise ConfigurationError(["a sweep needs --grid, FILE.py, or --folder alone to go on"])
        return ()
    problems = [f"--{name}: the sweep sets this itself" for name in OWN if name in parsed.given]
    rows = (_noting(problems, lambda: expand(texts)) if texts else [{}]) or []
    if file:
        own = _noting(problems, lambda: read_cells(Path(file))) or []
        rows = [cell | point for cell in own for point in rows]
    if typed and any("experiment" in row for row in rows):
        problems.append(
            "cells of geomem tiny (with an experiment) take no settings of geomem train"
        )
    if problems:
        raise ConfigurationError(problems)
    return make_cells(rows, _find_shared(parsed))


def _warnings(parsed: Parsed[RunConfig], cells: "Sequence[Cell]") -> list[str]:
    """Return what was typed without effect on any of the cells, as sentences."""
    from geometric_memory.sweeps.cells import training_config
    from geometric_memory.sweeps.rows import axis_name

    axes = set(map(axis_name, parsed.extra.get("grid", [])))
    found: dict[str, None] | None = None
    for cell in cells:
        if cell.kind == "tiny":
            return []
        warned = training_config(cell).warnings(parsed.given | axes)
        found = dict.fromkeys(w for w in warned if found is None or w in found)
        if not found:
            return []
    return list(found or ())


def _find_shared(parsed: Parsed[RunConfig]) -> "Shared":
    from geometric_memory.sweeps.cells import Shared, without_own

    values = without_own(flatten(parsed.config))
    return Shared(
        base=values if {"preset", "config"} & set(parsed.extra) else {},
        typed={name: values[name] for name in parsed.given},
    )


def _summary(result: "SweepResult") -> str:
    lines = [f"failed: {key}: {printable(error)}" for key, error in result.failed.items()]
    more = [f"and {len(lines) - SHOWN_FAILURES} more"] if len(lines) > SHOWN_FAILURES else []
    missing = f", {result.missing} still missing" if result.missing else ""
    counts = f"{result.finished} finished, {len(result.failed)} failed{missing}"
    last = f"{result.cells} cells: {counts}; table: {result.folder.table}"
    return "\n".join([*lines[:SHOWN_FAILURES], *more, last]) + "\n"
