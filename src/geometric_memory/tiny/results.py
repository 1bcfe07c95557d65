"""What a section leaves: curves and final numbers of every seed, snapshots of one."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, Int

from geometric_memory.tiny.measures_by_member import Measured
from geometric_memory.tiny.sections import Section

CURVES = tuple(field.name for field in fields(Measured))


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
