"""The pieces of work behind the claims, each stored under a key made of its settings.

Claims that ask for the same work share it. A killed run goes on from its last checkpoint, and work
that is stored is not done again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from geometric_memory.config import RunConfig
from geometric_memory.settings import flatten
from geometric_memory.studies.claims.claim import Work
from geometric_memory.studies.claims.evidence import Evidence, load_evidence, save_evidence
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.training import shortened, training_part
from geometric_memory.tiny.workers import CACHED_WEIGHTS, weight_count


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work for some seeds: one for a run, several for a section."""

    work: Work
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """A name that is the same exactly when the work is."""
        settings = asdict(self.work) if isinstance(self.work, Section) else flatten(self.work)
        text = json.dumps([settings, self.seeds], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

    def folder(self, results: Path) -> Path:
        """Where the work leaves what it makes."""
        return results / "work" / self.key

    def stored(self, results: Path) -> Evidence | None:
        """Return what an earlier process found, None if the work is still to be done."""
        file = self.folder(results) / "evidence.json"
        return load_evidence(file) if file.is_file() else None


def jobs_of(work: Work, seeds: Sequence[int]) -> tuple[Job, ...]:
    """Return the jobs that `work` takes for `seeds`: as many at once as fit the cache of a core."""
    if isinstance(work, Section):
        together = max(1, CACHED_WEIGHTS // weight_count(work))
        parts = (tuple(seeds[i : i + together]) for i in range(0, len(seeds), together))
        return tuple(Job(work=training_part(work), seeds=part) for part in parts)
    return tuple(Job(work=work, seeds=(seed,)) for seed in seeds)


def cut_short(work: Work, steps: int | None) -> Work:
    """Return `work` with at most `steps` updates, for tests and first looks."""
    if steps is None:
        return work
    if isinstance(work, Section):
        return shortened(work, steps)
    return replace(work, training=replace(work.training, max_steps=steps))


def perform(job: Job, results: Path) -> None:
    """Do the work of `job` and store what it shows.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    from geometric_memory.studies.claims.path_evidence import train_and_measure
    from geometric_memory.studies.claims.tiny_evidence import train_tiny

    if isinstance(job.work, RunConfig):
        evidence = train_and_measure(job.work, job.seeds[0], job.folder(results))
    else:
        evidence = train_tiny(job.work, job.seeds)
    save_evidence(evidence, job.folder(results) / "evidence.json")
