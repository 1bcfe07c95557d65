"""Many sections on all cores: one process per core, each a batch of members that fits its cache."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from threading import Thread
from types import MappingProxyType

from geometric_memory.tiny.engine import Precision
from geometric_memory.tiny.progress import Progress, progress_path
from geometric_memory.tiny.results import SectionRun, joined
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.storage import described
from geometric_memory.tiny.training import shape, train_batch, training_part
from geometric_memory.work.processes import core_count, one_thread_each

CACHED_WEIGHTS = 550_000
"""Weights of one batch: with gradients and both moments of AdamW 9 MB, once per core."""


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


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where unfinished batches are kept, so that a killed command goes on from there."""

    folder: Path
    interval: float
    """Seconds between two states on disk."""
    resume: bool
    """Go on from what is there."""


def run_sections(  # noqa: PLR0913 - each has its default
    sections: Sequence[Section],
    seeds: Sequence[int],
    *,
    precision: Precision = "fp32",
    workers: int | None = None,
    finished: Callable[[SectionRun], None] = lambda run: None,
    keeping: Keeping | None = None,
    known: Mapping[Section, SectionRun] = MappingProxyType({}),
) -> dict[Section, SectionRun]:
    """Train every section for every seed; `finished` is called with each complete section.

    Sections that train alike (two notebooks share two of them) are trained once. With one worker
    all is done in this process, with its own number of threads. `known` runs are not trained again,
    but batches are made as if they were: the bits of a member must not depend on what is known.
    """
    alike: dict[Section, list[Section]] = {}
    for section in sections:
        alike.setdefault(training_part(section), []).append(section)
    jobs = _jobs([same[0] for same in alike.values()], seeds, precision)
    in_processes = len(jobs) > 1 and (workers or core_count()) > 1
    results = {section: known[section] for section in sections if section in known}
    missing = {part for part, same in alike.items() if not known.keys() >= set(same)}
    left = [job for job in jobs if any(training_part(s) in missing for s in job.sections)]
    parts: dict[Section, dict[tuple[int, ...], SectionRun]] = {}
    for job, runs in _completed(left, (workers or core_count()) * in_processes, keeping):
        for run in runs:
            own = parts.setdefault(run.section, {})
            own[job.seeds] = run
            if sum(map(len, own)) < len(seeds):
                continue
            whole = joined([own[some] for some in sorted(own, key=lambda s: seeds.index(s[0]))])
            for section in alike[training_part(run.section)]:
                results[section] = replace(whole, section=section)
                finished(results[section])
        _forget(left, parts, len(seeds), keeping)
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


def _completed(
    jobs: Sequence[Job], processes: int, keeping: Keeping | None
) -> Iterator[tuple[Job, list[SectionRun]]]:
    """Yield every job with its runs: in this process (0 processes), or as they come."""
    if not processes:
        for job in jobs:
            yield job, _train(job, keeping)
        return
    context = multiprocessing.get_context("spawn")
    held, leash = context.Pipe(duplex=False)
    number = max(1, min(processes, len(jobs)))
    pool = ProcessPoolExecutor(number, context, initializer=_start, initargs=(held,))
    with one_thread_each(), pool:
        waiting = {pool.submit(_train, job, keeping): job for job in jobs}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BaseException:
            leash.close()
            raise


def _start(held: Connection) -> None:
    """Let a process end as soon as the other end of `held` is closed.

    So no process outlives the command, however it dies. Ctrl-C is the command's affair.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        wait([held])
        os._exit(1)

    Thread(target=follow, daemon=True).start()


def _train(job: Job, keeping: Keeping | None) -> list[SectionRun]:
    progress = None
    if keeping is not None:
        progress = Progress(
            path=_path(job, keeping), interval=keeping.interval, resume=keeping.resume
        )
    return train_batch(job.sections, job.seeds, precision=job.precision, progress=progress)


def _path(job: Job, keeping: Keeping) -> Path:
    told = [described(section, job.seeds, job.precision) for section in job.sections]
    return progress_path(keeping.folder, told)


def _forget(
    jobs: Sequence[Job],
    parts: Mapping[Section, Mapping[tuple[int, ...], SectionRun]],
    seed_count: int,
    keeping: Keeping | None,
) -> None:
    """Delete the states of batches whose sections are complete, and so are stored."""
    if keeping is None:
        return
    complete = {section for section, own in parts.items() if sum(map(len, own)) == seed_count}
    for job in jobs:
        if complete >= set(job.sections):
            _path(job, keeping).unlink(missing_ok=True)
