"""Results of a section: curves and final numbers of every seed, snapshots of one.

They are stored as FOLDER/SECTION.safetensors: arrays, and all else in its metadata. SECTION.json
beside it is a copy of the metadata for readers; nothing is loaded from it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import msgspec
import numpy as np
from jaxtyping import Float, Int
from safetensors import safe_open
from safetensors.numpy import save

from geometric_memory.errors import CheckpointError
from geometric_memory.files.whole import json_bytes, write_whole
from geometric_memory.tiny.measures import Measured
from geometric_memory.tiny.sections import Section, tiny_graph

CURVES = tuple(field.name for field in fields(Measured))
ARRAYS = ("steps", "snapshot_steps", "snapshots")
CURVE = "curve_"


@dataclass(frozen=True, kw_only=True, eq=False)
class SectionRun:
    """A section trained for several seeds. Step s means: after s updates."""

    section: Section
    seeds: tuple[int, ...]
    precision: str
    steps: Int[np.ndarray, " steps"]
    curves: dict[str, Float[np.ndarray, "steps seeds"]]
    """The numbers of `Measured`, by name."""
    snapshot_steps: Int[np.ndarray, " shown"]
    snapshots: Float[np.ndarray, "shown nodes dim"]
    """Node embeddings of the seed that is shown; none in a part of a run without that seed."""
    final: dict[str, list[float]]
    """Numbers of the last state, one per seed; NaN where they have no meaning."""
    verdicts: tuple[str | None, ...]
    """Words of the geometry score; runs of before have others, or none where edges are missing."""

    @property
    def shown_seed(self) -> int:
        """The seed of the snapshots."""
        return shown_seed(self.seeds)

    @property
    def shown(self) -> int:
        """Its place among the seeds."""
        return self.seeds.index(self.shown_seed)

    def curve(self, name: str) -> Float[np.ndarray, " steps"]:
        """Return one curve of the seed that is shown."""
        return self.curves[name][:, self.shown]

    def snapshot(self, step: int) -> tuple[int, Float[np.ndarray, "nodes dim"]]:
        """Return the stored snapshot nearest to `step` (-1 for the last), and its step."""
        wanted = self.snapshot_steps[-1] if step == -1 else step
        index = int(np.abs(self.snapshot_steps - wanted).argmin())
        return int(self.snapshot_steps[index]), self.snapshots[index]

    def complete_step(self) -> int | None:
        """Return the first step at which the seed that is shown recovers every edge."""
        reached = np.flatnonzero(self.curve("published_recovery") >= 1)
        return int(self.steps[reached[0]]) if len(reached) else None


def shown_seed(seeds: Sequence[int]) -> int:
    """Return the published seed if it is there, else the first."""
    return 7 if 7 in seeds else seeds[0]


def joined(parts: Sequence[SectionRun]) -> SectionRun:
    """Join runs of one section over their seeds."""
    seeds = tuple(seed for part in parts for seed in part.seeds)
    shown = next(part for part in parts if shown_seed(seeds) in part.seeds)
    return replace(
        shown,
        seeds=seeds,
        curves={
            name: np.concatenate([part.curves[name] for part in parts], axis=1) for name in CURVES
        },
        final={name: [x for part in parts for x in part.final[name]] for name in shown.final},
        verdicts=tuple(verdict for part in parts for verdict in part.verdicts),
    )


def numbers(run: SectionRun) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Return the numbers of the comparison table, one per seed; NaN where there is none."""
    recovery, level = run.curves["published_recovery"], run.curves["level"]
    every = np.arange(len(run.seeds))
    reached = recovery >= 1
    first = reached.argmax(axis=0)
    never = ~reached.any(axis=0)
    peak = level.argmax(axis=0)
    found = {
        "loss": run.curves["loss"][-1],
        "first_complete": np.where(never, np.nan, run.steps[first]),
        "peak_level": level[peak, every],
        "peak_step": run.steps[peak].astype(np.float64),
        "level_at_complete": np.where(never, np.nan, level[first, every]),
        "end_level": level[-1],
        "end_level_no_self": run.curves["level_without_self"][-1],
        "non_edge_level": run.curves["non_edge_level"][-1],
        "end_recovery": 100 * run.curves["recovery"][-1],
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()} | {
        name: np.array(values) for name, values in run.final.items()
    }


def save_run(run: SectionRun, folder: Path) -> None:
    """Write `run`, whole or not at all, in the place of an earlier run of the section.

    Raises:
        DiskError: if the disk is full, read-only or gone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(run, name) for name in ARRAYS}
    arrays |= {CURVE + name: values for name, values in run.curves.items()}
    exact = _exact(run.section, run.precision)
    content = {"section": asdict(run.section), "seeds": run.seeds, "precision": exact}
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
        if name in ARRAYS[:2] and (array[0] < 0 or (array[1:] <= array[:-1]).any()):
            raise ValueError(f"{name}: do not ascend from 0")
    if any(len(values) != seeds for values in (run.verdicts, *run.final.values())):
        raise ValueError("final numbers and verdicts are not one per seed")


def _exact(section: Section, precision: str) -> str:
    """Return the precision that a section is trained in when `precision` is asked for."""
    return "fp32" if section.block == "node2vec" else precision


def _file(section: Section, folder: Path) -> Path:
    return folder / f"{section.name}.safetensors"
