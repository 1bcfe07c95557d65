"""Results on disk: FOLDER/SECTION.safetensors with the arrays, and all else in its metadata.

SECTION.json beside it is a copy of the metadata for readers; nothing is loaded from it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from geometric_memory.errors import CheckpointError
from geometric_memory.experiments.tiny.results import SectionRun
from geometric_memory.experiments.tiny.sections import Section
from geometric_memory.runs.files import write_whole

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
    write_whole(path.with_suffix(".json"), json.dumps(content).encode() + b"\n")


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
    try:
        with safe_open(path, "numpy") as file:
            content = json.loads((file.metadata() or {})["run"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"{path}: is no stored run ({error}); delete it to train the section again"
        ) from None
    wanted = json.loads(json.dumps(described(section, seeds, precision)))
    if {name: content.get(name) for name in wanted} != wanted:
        return None
    return SectionRun(
        section=section,
        seeds=tuple(seeds),
        precision=precision,
        **{name: arrays[name] for name in ARRAYS},
        curves={n.removeprefix(CURVE): a for n, a in arrays.items() if n.startswith(CURVE)},
        final=content["final"],
        verdicts=tuple(content["verdicts"]),
    )


def described(section: Section, seeds: Sequence[int], precision: str) -> dict[str, Any]:
    """Return what tells one run from another."""
    exact = "fp32" if section.block == "node2vec" else precision
    return {"section": asdict(section), "seeds": list(seeds), "precision": exact}


def _file(section: Section, folder: Path) -> Path:
    return folder / f"{section.name}.safetensors"
