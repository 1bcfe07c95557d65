"""A picture of a run: a figure with the arrays that it was drawn from, its name and its files."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from geometric_memory.tiny.results import SectionRun
from geometric_memory.tiny.sections import Section

Arrays = Mapping[str, Any]
PUBLISHED_MODEL_NAMES = {"transformer": "gpt", "neural_network": "neuralnet"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A figure and the arrays it was drawn from."""

    figure: Figure
    arrays: Arrays

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows."""
        buffer = BytesIO()
        self.figure.savefig(buffer, format="png", bbox_inches="tight", dpi=90)
        return buffer.getvalue()


def save_picture(picture: Picture, base: Path) -> list[Path]:
    """Write BASE.pdf, BASE.png and BASE.json; equal pictures give equal files."""
    base.parent.mkdir(parents=True, exist_ok=True)
    files = [base.parent / f"{base.name}.{suffix}" for suffix in ("pdf", "png", "json")]
    picture.figure.savefig(files[0], bbox_inches="tight", metadata={"CreationDate": None})
    picture.figure.savefig(files[1], bbox_inches="tight", dpi=150)
    plain = {name: _plain(values) for name, values in picture.arrays.items()}
    files[2].write_text(json.dumps(plain) + "\n", encoding="utf-8")
    return files


def file_stem(section: Section) -> str:
    """Return the published beginning of a figure's name: graph, model, what sets it apart."""
    model = section.experiment.removesuffix("_self_edges").removesuffix("_forward_only")
    parts = [section.graph, PUBLISHED_MODEL_NAMES.get(model, model)]
    parts += ["forward_only"] * (not section.backward)
    parts += [f"init_{section.init}"] * (section.init != "default")
    parts.append(f"lr_{section.learning_rate:g}")
    parts += [f"dropout_{section.dropout:g}"] * (section.dropout > 0)
    parts += [f"weight_decay_{section.weight_decay:g}"] * (section.weight_decay > 0)
    parts += ["self_edges"] * section.self_edges
    return "__".join(parts)


def named(run: SectionRun) -> str:
    """Return experiment and graph in words."""
    return f"{run.section.experiment.replace('_', ' ')}, {run.section.graph}"


def _plain(values: Any) -> Any:
    array = np.asarray(values)
    return array.round(6).tolist() if array.dtype.kind == "f" else array.tolist()
