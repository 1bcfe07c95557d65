"""Batches of members as pieces of work: sections of one shape by seeds, as many as fit a cache.

Unfinished batches lie under FOLDER/unfinished/, so that a killed command goes on from there.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from geometric_memory.tiny.engine import Precision
from geometric_memory.tiny.recording import Progress
from geometric_memory.tiny.results import SectionRun, joined
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.training import shape, train_batch, training_part
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Failure, Piece, Store
from geometric_memory.work.processes import core_count

CACHED_WEIGHTS = 550_000
"""Weights of one batch: with gradients and both moments of AdamW 9 MB, once per core."""


@dataclass(frozen=True, kw_only=True)
class Keeping(Store):
    """The store of batches: how far they are; what they end with is for the caller to keep."""

    folder: Path | None = None
    """None keeps nothing."""
    interval: float = 20.0
    """Seconds between two states on disk."""
    resume: bool = False
    """Go on from what is there."""

    def complete(self, piece: Piece) -> list[SectionRun]:
        return piece.function(**piece.arguments, progress=self.progress(piece))

    def progress(self, piece: Piece) -> Progress | None:
        """Return where a batch stands."""
        if self.folder is None:
            return None
        path = self.folder / "unfinished" / f"{piece.key}.safetensors"
        return Progress(path=path, interval=self.interval, resume=self.resume)


def run_sections(  # noqa: PLR0913 - each has its default
    sections: Sequence[Section],
    seeds: Sequence[int],
    *,
    precision: Precision = "fp32",
    workers: int | None = None,
    timeout: float = math.inf,
    finished: Callable[[SectionRun], None] = lambda run: None,
    keeping: Keeping = Keeping(),
    known: Mapping[Section, SectionRun] = MappingProxyType({}),
) -> dict[Section, SectionRun]:
    """Train every section for every seed; `finished` is called with each complete section.

    Sections that train alike (two notebooks share two of them) are trained once. A batch that fails
    does not stop the others. With one worker and no `timeout` (seconds that a batch may take) all
    is done in this process, with its own number of threads. `known` runs are not trained again, but
    batches are made as if they were: the bits of a member must not depend on what is known.

    Raises:
        Failure: of the first batch that failed, after all others.
        Interrupted: if a signal came.
    """
    alike: dict[Section, list[Section]] = {}
    for section in sections:
        alike.setdefault(training_part(section), []).append(section)
    missing = {part for part, same in alike.items() if not known.keys() >= set(same)}
    pieces = [
        Piece(
            function=train_batch,
            arguments={"sections": some, "seeds": own, "precision": precision},
            name=f"{some[0].name}, {len(some) * len(own)} members",
        )
        for some, own in sorted(batches([same[0] for same in alike.values()], seeds), key=_cost)
        if missing & set(map(training_part, some))
    ]
    results = {section: known[section] for section in sections if section in known}
    parts: dict[Section, list[SectionRun]] = {}
    failures = []
    count = max(1, min(workers or core_count(), len(pieces)))
    for _, found in perform(pieces, keeping, workers=count, timeout=timeout):
        if isinstance(found, Failure):
            failures.append(found)
            continue
        for run in found:
            own = parts.setdefault(run.section, [])
            own.append(run)
            if sum(len(part.seeds) for part in own) == len(seeds):
                whole = joined(sorted(own, key=lambda part: seeds.index(part.seeds[0])))
                for section in alike[training_part(run.section)]:
                    results[section] = replace(whole, section=section)
                    finished(results[section])
        _forget(pieces, parts, len(seeds), keeping)
    for failure in failures:
        raise failure
    return {section: results[section] for section in sections}


def batches(
    sections: Sequence[Section], seeds: Sequence[int]
) -> Iterator[tuple[tuple[Section, ...], tuple[int, ...]]]:
    """Yield sections and seeds that make one batch: of one shape, and fit into a cache."""
    groups: dict[Section, list[Section]] = {}
    for section in sections:
        groups.setdefault(shape(section), []).append(section)
    for alike in groups.values():
        members = max(1, CACHED_WEIGHTS // _weight_count(alike[0]))
        together = 1 if alike[0].block == "node2vec" else max(1, members // len(seeds))
        for start in range(0, len(alike), together):
            for first in range(0, len(seeds), members):
                yield tuple(alike[start : start + together]), tuple(seeds[first : first + members])


def _weight_count(section: Section) -> int:
    """Return about how many weights a member has."""
    per_width = {"linear": 1, "transformer": 12, "mamba": 12}
    return section.width * (per_width.get(section.block, 0) * section.width + 25)


def _cost(batch: tuple[tuple[Section, ...], tuple[int, ...]]) -> float:
    """Return less the more arithmetic a batch takes; small members cost their overhead."""
    (first, *more), seeds = batch
    members = (1 + len(more)) * len(seeds)
    return -first.steps * (1e4 + members * _weight_count(first))


def _forget(
    pieces: Iterable[Piece],
    parts: Mapping[Section, Sequence[SectionRun]],
    seed_count: int,
    keeping: Keeping,
) -> None:
    """Delete the states of batches whose sections are complete, and so are stored."""
    complete = {s for s, own in parts.items() if sum(len(part.seeds) for part in own) == seed_count}
    for piece in pieces:
        progress = keeping.progress(piece)
        if progress and complete >= set(piece.arguments["sections"]):
            progress.path.unlink(missing_ok=True)
