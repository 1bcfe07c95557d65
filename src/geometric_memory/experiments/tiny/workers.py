"""Many sections on all cores: one process per core, each a batch of members that fits its cache."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace

from geometric_memory.experiments.tiny.engine import Precision
from geometric_memory.experiments.tiny.results import SectionRun, joined
from geometric_memory.experiments.tiny.sections import Section
from geometric_memory.experiments.tiny.training import shape, train_batch, training_part

CACHED_WEIGHTS = 1_100_000
"""Weights of one batch: with gradients and both moments of AdamW, 18 MB."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Sections of one shape and some of their seeds: one batch of members."""

    sections: tuple[Section, ...]
    seeds: tuple[int, ...]
    precision: Precision

    @property
    def cost(self) -> float:
        """Arithmetic of the job, up to a factor; small members cost their overhead."""
        members = len(self.sections) * len(self.seeds)
        first = self.sections[0]
        return first.steps * (1e4 + members * weight_count(first))


def run_sections(
    sections: Sequence[Section],
    seeds: Sequence[int],
    *,
    precision: Precision = "fp32",
    workers: int | None = None,
    finished: Callable[[SectionRun], None] = lambda run: None,
) -> dict[Section, SectionRun]:
    """Train every section for every seed; `finished` is called with each complete section.

    Sections that train alike (two notebooks share two of them) are trained once. With one worker
    all is done in this process, with its own number of threads.
    """
    alike: dict[Section, list[Section]] = {}
    for section in sections:
        alike.setdefault(training_part(section), []).append(section)
    parts: dict[Section, dict[tuple[int, ...], SectionRun]] = {}
    results: dict[Section, SectionRun] = {}
    jobs = _jobs([same[0] for same in alike.values()], seeds, precision)
    for job, runs in _completed(jobs, workers or os.cpu_count() or 1):
        for run in runs:
            own = parts.setdefault(run.section, {})
            own[job.seeds] = run
            if sum(map(len, own)) < len(seeds):
                continue
            whole = joined([own[some] for some in sorted(own, key=lambda s: seeds.index(s[0]))])
            for section in alike[training_part(run.section)]:
                results[section] = replace(whole, section=section)
                finished(results[section])
    return {section: results[section] for section in sections}


def weight_count(section: Section) -> int:
    """Return about how many weights a member has."""
    per_width = {"linear": 1, "transformer": 12, "mamba": 12, "node2vec": 0}[section.block]
    return section.width * (per_width * section.width + 25)


def _jobs(sections: Sequence[Section], seeds: Sequence[int], precision: Precision) -> list[Job]:
    """Group sections by shape and cut the seeds, the most costly job first."""
    groups: dict[Section, list[Section]] = {}
    for section in sections:
        groups.setdefault(shape(section), []).append(section)
    jobs = []
    for alike in groups.values():
        members = max(1, CACHED_WEIGHTS // weight_count(alike[0]))
        together = 1 if alike[0].block == "node2vec" else max(1, members // len(seeds))
        for start in range(0, len(alike), together):
            some = tuple(alike[start : start + together])
            for first in range(0, len(seeds), members):
                own = tuple(seeds[first : first + members])
                jobs.append(Job(sections=some, seeds=own, precision=precision))
    return sorted(jobs, key=lambda job: -job.cost)


def _completed(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, list[SectionRun]]]:
    if workers == 1 or len(jobs) == 1:
        for job in jobs:
            yield job, _train(job)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), context, initializer=_one_thread) as pool:
        waiting = {pool.submit(_train, job): job for job in jobs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _train(job: Job) -> list[SectionRun]:
    return train_batch(job.sections, job.seeds, precision=job.precision)
