"""FILE.py: cells told by a Python file of the user, who runs it knowingly.

It defines `cells`, a list of cells or a function that returns or yields them. A cell is a mapping
of settings, as in `{"preset": "tiny", "seed": 3}`, or a `RunConfig`.
"""

import runpy
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from geometric_memory.config import RunConfig
from geometric_memory.errors import ConfigurationError
from geometric_memory.settings import flatten
from geometric_memory.sweeps.cells import OWN


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
        raise ConfigurationError([f"{_place(path, error)}: {_said(error)}"]) from error
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
    return [_settings(item) for item in items]


def _settings(item: Mapping[str, Any] | RunConfig) -> dict[str, Any]:
    if isinstance(item, RunConfig):
        return {name: value for name, value in flatten(item).items() if name not in OWN}
    return dict(item)


def _place(path: Path, error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f"{path}:{error.lineno}"
    frames: Iterable[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).name == path.name]
    return f"{path}:{lines[-1]}" if lines else str(path)


def _said(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}"
