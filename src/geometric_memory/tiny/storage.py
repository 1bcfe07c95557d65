"""Results on disk: FOLDER/SECTION.safetensors with the arrays, and all else in its metadata.

SECTION.json beside it is a copy of the metadata for readers; nothing is loaded from it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import json_bytes, write_whole
from geometric_memory.tiny.results import CURVES, SectionRun
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.tiny_graph import tiny_graph

ARRAYS = ("steps", "snapshot_steps", "snapshots")
CURVE = "curve_"


def save_run(run: SectionRun, folder: Path) -> None:
    """Write `run`, whole or not at all, in the place of an earlier run of the section.

    Raises:
        DiskError: if the disk is full, read-only or gone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(run, name) for name in ARRAYS}
    arrays |= {CURVE + name: values for name, values in run.curves.items()}
    content = described(run.section, run.seeds, run.precision)
    content |= {"final": run.final, "verdicts": run.verdicts}
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    path = _file(run.section, folder)
    write_whole(path, save(whole, metadata={"run": json.dumps(content)}))
    write_whole(path.with_suffix(".json"), json_bytes(content, indent=0))


def load_run(
    section: Section, seeds: Sequence[int], precision: str, folder: Path
) -> SectionRun | None:
    """Return the stored run of exactly these settings, or None.

    Raises:
        CheckpointError: if the file is damaged.
    """
    path = _file(section, folder)
    if not path.is_file():
        return None
    run = read_run(path)
    wanted = (section, tuple(seeds), _exact(section, precision))
    return run if (run.section, run.seeds, run.precision) == wanted else None


def read_run(path: Path) -> SectionRun:
    """Return the run in a file of `save_run`.

    Raises:
        CheckpointError: if it is missing, damaged, or not named after the section that it holds.
    """
    try:
        with safe_open(path, "numpy") as file:
            stored = msgspec.convert(json.loads((file.metadata() or {})["run"]), _Stored)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        run = SectionRun(
            **{field.name: getattr(stored, field.name) for field in fields(_Stored)},
            **{name: arrays[name] for name in ARRAYS},
            curves={n.removeprefix(CURVE): a for n, a in arrays.items() if n.startswith(CURVE)},
        )
        _check(run)
    except Exception as error:  # damage shows as an error of almost any type
        raise CheckpointError(
            f"{path}: is no stored run ({error}); delete it to train the section again"
        ) from None
    if path.name != _file(run.section, path.parent).name:
        raise CheckpointError(f"{path}: the file is not named after the section it holds")
    return run


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """The metadata of a file."""

    section: Section
    seeds: tuple[int, ...]
    precision: str
    final: dict[str, list[float]]
    verdicts: tuple[str | None, ...]


def _check(run: SectionRun) -> None:
    """Raise ValueError unless everything is there, for as many seeds and steps as are told."""
    seeds, steps, shown = len(run.seeds), len(run.steps), len(run.snapshot_steps)
    nodes = tiny_graph(run.section).node_count
    expected = {
        "steps": (run.steps, (steps,), np.integer),
        "snapshot_steps": (run.snapshot_steps, (shown,), np.integer),
        "snapshots": (run.snapshots, (shown, nodes, run.section.width), np.floating),
        **{name: (run.curves[name], (steps, seeds), np.floating) for name in CURVES},
    }
    if not all((seeds, steps, shown)):
        raise ValueError("it holds no seed, no step or no snapshot")
    for name, (array, shape, kind) in expected.items():
        if array.shape != shape or not np.issubdtype(array.dtype, kind):
            raise ValueError(f"{name}: shape {array.shape} of {array.dtype}")
    if any(len(values) != seeds for values in (run.verdicts, *run.final.values())):
        raise ValueError("final numbers and verdicts are not one per seed")


def described(section: Section, seeds: Sequence[int], precision: str) -> dict[str, Any]:
    """Return what tells one run from another."""
    exact = _exact(section, precision)
    return {"section": asdict(section), "seeds": list(seeds), "precision": exact}


def _exact(section: Section, precision: str) -> str:
    """Return the precision that a section is trained in when `precision` is asked for."""
    return "fp32" if section.block == "node2vec" else precision


def _file(section: Section, folder: Path) -> Path:
    return folder / f"{section.name}.safetensors"
