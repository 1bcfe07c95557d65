"""Rows of settings, one per cell: every combination of a `--grid`, or those of a Python file.

FILE.py is run, knowingly, by who wrote it. It defines `cells`, a list of cells or a function that
returns or yields them. A cell is a mapping of settings, as in `{"preset": "tiny", "seed": 3}`, or a
`RunConfig`.
"""

import math
import re
import runpy
import traceback
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from geometric_memory.config import RunConfig
from geometric_memory.errors import ConfigurationError
from geometric_memory.settings import flatten, settings_of
from geometric_memory.sweeps.cells import list_known_names, without_own
from geometric_memory.synonyms import unknown_name

RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
MOST_CELLS = 1_000_000


def expand(texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the settings of every cell of a grid; the last axis runs fastest.

    Values are separated by commas; those of whole numbers may be ranges such as 0-9.

    Raises:
        ConfigurationError: with every problem of every axis.
    """
    tiny = any(axis_name(text) == "experiment" for text in texts)
    problems = [problem for text in texts for problem in _problems(text, tiny=tiny)]
    names = [axis_name(text) for text in texts]
    problems += [f"--grid {n}: is there twice" for n in dict.fromkeys(names) if names.count(n) > 1]
    if problems:
        raise ConfigurationError(problems)
    axes = {axis_name(text): _values(text.partition("=")[2]) for text in texts}
    count = math.prod(map(len, axes.values()))
    if count > MOST_CELLS:
        raise ConfigurationError([f"--grid: {count} cells are more than {MOST_CELLS}"])
    rows = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [_read_typed(row, tiny=tiny) for row in rows]


def _problems(text: str, *, tiny: bool) -> list[str]:
    name, values = axis_name(text), text.partition("=")[2]
    if not values:
        return [f"--grid {text}: write it as setting=value,value"]
    known = list_known_names(tiny=tiny)
    if name not in known:
        return [f"--grid {text}: {unknown_name(name, known)}"]
    found = _values(values)
    return [f"--grid {text}: a value is there twice"] if len(set(found)) < len(found) else []


def axis_name(text: str) -> str:
    """Return the setting that a `--grid` varies."""
    return text.partition("=")[0].strip().replace("-", "_")


def _values(text: str) -> list[str]:
    values: list[str] = []
    for part in map(str.strip, text.split(",")):
        span = RANGE.fullmatch(part)
        if span:
            values += map(str, range(int(span[1]), int(span[2]) + 1))
        else:
            values.append(part)
    return values


def _read_typed(row: dict[str, str], *, tiny: bool) -> dict[str, Any]:
    """Switches are typed alone on a command line, but have values in a grid."""
    if tiny:
        return dict(row)
    switches = {name for name, setting in settings_of(RunConfig).items() if setting.is_switch}
    words = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
    return {
        name: words.get(value.lower(), value) if name in switches else value
        for name, value in row.items()
    }


def read_cells(path: Path) -> list[dict[str, Any]]:
    """Run the file and return the settings of its cells.

    Raises:
        ConfigurationError: if it cannot be run, or does not define cells.
    """
    if not path.is_file():
        raise ConfigurationError([f"{path}: there is no such file"])
    try:
        found: Any = runpy.run_path(str(path)).get("cells")
        listed: Any = found() if callable(found) else found
        items = None if listed is None else list(listed)
    except Exception as error:  # whatever a user's file may raise
        raise ConfigurationError([f"{_place(path, error)}: {_report(error)}"]) from error
    if items is None:
        raise ConfigurationError([f"{path}: defines no `cells`, a list or a function"])
    problems = [
        f"{path}: cell {number} is {type(item).__name__}, not a mapping of settings or a RunConfig"
        for number, item in enumerate(items, start=1)
        if not isinstance(item, RunConfig)
        and not (isinstance(item, Mapping) and all(isinstance(name, str) for name in item))
    ]
    if problems:
        raise ConfigurationError(problems)
    return [
        without_own(flatten(item)) if isinstance(item, RunConfig) else dict(item) for item in items
    ]


def _place(path: Path, error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"{path}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == path.name]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _report(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}"
