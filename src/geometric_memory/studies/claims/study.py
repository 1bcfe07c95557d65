"""A study: the chosen claims at one scale. Plans first, then the work, then a result per claim.

RESULTS/
  claims/NAME/plan.json     statement, setting, criteria: written before the work of the claim
  claims/NAME/result.json   values, intervals, outcomes, verdict, time
  claims/NAME/figure.png
  work/KEY/                 runs, and evidence.json of every finished piece of work
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from geometric_memory.analysis.estimate import Estimate
from geometric_memory.config import RunConfig
from geometric_memory.files.whole import read_json, write_json
from geometric_memory.limits import PathName
from geometric_memory.studies.claims.claim import Claim, Work
from geometric_memory.studies.claims.evidence import Evidence, joined
from geometric_memory.studies.claims.jobs import Job, cut_short, jobs_of
from geometric_memory.studies.claims.scales import Scale
from geometric_memory.studies.claims.verdicts import (
    Outcome,
    Verdict,
    outcome,
    summarized,
    verdict,
)
from geometric_memory.studies.claims.workers import performed

Result = dict[str, Any]


class _Row(TypedDict):
    """A criterion in result.json; what follows `control` is there when all work was done."""

    text: str
    bound: str
    control: bool
    values: NotRequired[list[float | None]]
    mean: NotRequired[float | None]
    interval: NotRequired[tuple[float | None, float | None]]
    outcome: NotRequired[Outcome]


class _Stored(TypedDict):
    """The content of result.json."""

    stated: str
    name: PathName
    source: str
    statement: str
    setting: str
    scale: str
    steps_at_most: int | None
    arms: list[str]
    seeds: dict[str, list[int]]
    criteria: list[_Row]
    errors: list[str]
    verdict: Verdict | None
    runs: int
    core_seconds: NotRequired[float]


LINES = 20
"""That tell how far the work is, from its beginning to its end."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is tried, at which scale, with which seeds, and where it is kept."""

    claims: tuple[Claim, ...]
    scale: Scale
    results: Path
    steps: int | None = None
    """Most updates of any run, for tests and first looks."""

    def jobs(self, claim: Claim) -> dict[str, tuple[Job, ...]]:
        """Return the jobs of every arm of `claim`."""
        return {name: self._jobs(work) for name, work in claim.arms(self.scale).items()}

    def _jobs(self, work: Work) -> tuple[Job, ...]:
        scale = self.scale
        seeds = scale.seeds if isinstance(work, RunConfig) else scale.tiny_seeds
        return jobs_of(cut_short(work, self.steps), seeds)

    def all_jobs(self) -> tuple[Job, ...]:
        """Return every job of the study once, in the order of the claims."""
        every = [job for claim in self.claims for jobs in self.jobs(claim).values() for job in jobs]
        return tuple({job.key: job for job in every}.values())

    def core_seconds(self) -> float:
        """Return the time that all finished work took, shared work counted once."""
        found = [job.stored(self.results) for job in self.all_jobs()]
        return math.fsum(each.seconds for each in found if each is not None)

    def folder(self, claim: Claim) -> Path:
        """Where plan, result and figure of `claim` lie."""
        return self.results / "claims" / claim.name


def carry_out(
    study: Study, workers: int, tell: Callable[[str], None]
) -> Iterator[tuple[Claim, Result]]:
    """Write the plans, do what is missing, and yield the result of each claim when it is there."""
    for claim in study.claims:
        write_plan(study, claim)
    missing = [job for job in study.all_jobs() if job.stored(study.results) is None]
    total = len(study.all_jobs())
    tell(f"{total - len(missing)} of {total} pieces of work are there, {len(missing)} to do")
    errors: dict[str, str] = {}
    left = {job.key for job in missing}
    waiting = list(study.claims)
    for ready in _settled(study, waiting, left):
        yield ready, conclude(study, ready, errors)
    for number, (job, error) in enumerate(performed(missing, study.results, workers), start=1):
        left.discard(job.key)
        if error:
            errors[job.key] = error
            tell(f"failed, seeds {job.seeds}: {error}")
        if number * LINES // len(missing) > (number - 1) * LINES // len(missing):
            tell(f"{number} of {len(missing)} done")
        for ready in _settled(study, waiting, left):
            yield ready, conclude(study, ready, errors)


def _settled(study: Study, waiting: list[Claim], left: set[str]) -> list[Claim]:
    """Take out of `waiting`, and return, the claims that need nothing that is left to do."""
    ready = [
        claim
        for claim in waiting
        if not left & {job.key for jobs in study.jobs(claim).values() for job in jobs}
    ]
    for claim in ready:
        waiting.remove(claim)
    return ready


def plan(study: Study, claim: Claim) -> Result:
    """Return what is decided before the work: statement, setting, criteria, seeds."""
    return {
        "name": claim.name,
        "source": claim.source,
        "statement": claim.statement,
        "setting": claim.setting,
        "scale": study.scale.name,
        "steps_at_most": study.steps,
        "arms": list(claim.arms(study.scale)),
        "seeds": {"runs": list(study.scale.seeds), "tiny": list(study.scale.tiny_seeds)},
        "criteria": [
            {"text": each.text, "bound": str(each.bound), "control": each.control}
            for each in claim.criteria(study.scale)
        ],
    }


def stored_result(study: Study, claim: Claim) -> Result | None:
    """Return what an earlier study found for `claim`, if it was planned just as now."""
    file = study.folder(claim) / "result.json"
    if not file.is_file():
        return None
    result, wanted = {**read_json(file, _Stored)}, plan(study, claim)
    wanted["criteria"] = [
        {**row, **own} for row, own in zip(result["criteria"], wanted["criteria"], strict=False)
    ]
    return result if {name: result.get(name) for name in wanted} == wanted else None


def write_plan(study: Study, claim: Claim) -> None:
    """Write the plan of `claim` with the time; an equal one that is there keeps its time."""
    file = study.folder(claim) / "plan.json"
    wanted = plan(study, claim)
    if file.is_file():
        before = read_json(file, Result)
        if {name: before.get(name) for name in wanted} == wanted:
            return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"stated": datetime.now(UTC).isoformat(timespec="seconds"), **wanted})


def conclude(study: Study, claim: Claim, errors: dict[str, str]) -> Result:
    """Return and store the result of a claim whose work is done; errors of its jobs are told."""
    from geometric_memory.studies.claims.pictures import draw_claim

    jobs = study.jobs(claim)
    failed = {job.key: errors[job.key] for own in jobs.values() for job in own if job.key in errors}
    stated = read_json(study.folder(claim) / "plan.json")
    result: Result = {**stated, "errors": list(failed.values()), "verdict": None, "runs": 0}
    if not failed:
        evidence = {name: _evidence(study, own) for name, own in jobs.items()}
        criteria = claim.criteria(study.scale)
        values = [each.value(evidence) for each in criteria]
        found = list(map(summarized, values))
        outcomes: list[Outcome] = [
            outcome(f, c.bound) for f, c in zip(found, criteria, strict=True)
        ]
        for row, own, estimate, decided in zip(
            result["criteria"], values, found, outcomes, strict=True
        ):
            row |= {**_numbers(estimate, own.tolist()), "outcome": decided}
        result["verdict"] = verdict(outcomes, [criterion.control for criterion in criteria])
        result["runs"] = sum(len(each.seeds) for each in evidence.values())
        result["core_seconds"] = round(sum(each.seconds for each in evidence.values()), 1)
        draw_claim(claim, result, evidence, study.folder(claim) / "figure.png")
    write_json(study.folder(claim) / "result.json", result)
    return result


def _evidence(study: Study, jobs: Sequence[Job]) -> Evidence:
    parts = [job.stored(study.results) for job in jobs]
    return joined([part for part in parts if part is not None])


def _numbers(estimate: Estimate, values: list[float]) -> Result:
    def plain(value: float) -> float | None:
        return round(float(value), 6) if value == value else None

    return {
        "values": [plain(value) for value in values],
        "mean": plain(estimate.mean),
        "interval": [plain(end) for end in estimate.interval],
    }
