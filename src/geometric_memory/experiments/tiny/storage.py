"""Results on disk: FOLDER/SECTION.safetensors with the arrays, SECTION.json with the rest."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from geometric_memory.experiments.tiny.results import SectionRun
from geometric_memory.experiments.tiny.sections import Section

ARRAYS = ("steps", "snapshot_steps", "snapshots")


def save_run(run: SectionRun, folder: Path) -> None:
    """Write `run`, replacing what an earlier run of the section left."""
    folder.mkdir(parents=True, exist_ok=True)
    base = folder / run.section.name
    arrays = {name: getattr(run, name) for name in ARRAYS}
    curves = {f"curve_{name}": values for name, values in run.curves.items()}
    save_file(
        {name: np.ascontiguousarray(array) for name, array in (arrays | curves).items()},
        base.with_suffix(".safetensors"),
    )
    described = _described(run.section, run.seeds, run.precision)
    content = described | {"final": run.final, "verdicts": run.verdicts}
    base.with_suffix(".json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def load_run(
    section: Section, seeds: Sequence[int], precision: str, folder: Path
) -> SectionRun | None:
    """Return the stored run of exactly these settings, or None."""
    base = folder / section.name
    files = [base.with_suffix(suffix) for suffix in (".json", ".safetensors")]
    if not all(file.is_file() for file in files):
        return None
    content = json.loads(files[0].read_text(encoding="utf-8"))
    described = json.loads(json.dumps(_described(section, seeds, precision)))
    if {name: content.get(name) for name in described} != described:
        return None
    arrays = load_file(files[1])
    prefix = "curve_"
    return SectionRun(
        section=section,
        seeds=tuple(seeds),
        precision=precision,
        **{name: arrays[name] for name in ARRAYS},
        curves={n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)},
        final=content["final"],
        verdicts=tuple(content["verdicts"]),
    )


def _described(section: Section, seeds: Sequence[int], precision: str) -> dict[str, Any]:
    exact = "fp32" if section.block == "node2vec" else precision
    return {"section": asdict(section), "seeds": list(seeds), "precision": exact}
