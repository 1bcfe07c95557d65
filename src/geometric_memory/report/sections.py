"""All parts of the page of one record, in their order."""

from collections.abc import Callable
from typing import TypeVar

from geometric_memory.analysis.geometry import GeometricLevel
from geometric_memory.errors import GeometricMemoryError
from geometric_memory.report.answered import answers_part
from geometric_memory.report.asked import asked_part
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, curves_part, loss_floor
from geometric_memory.report.embedding import embedding_part
from geometric_memory.report.measures import RECOVERY, Judgement, judged, levels_along
from geometric_memory.report.parts import Part, Picture, Table, number, percent
from geometric_memory.report.record import Record
from geometric_memory.report.structure import (
    arms_part,
    hops_picture,
    spectrum_picture,
    verdict_part,
)
from geometric_memory.report.view import View, view_of

Found = TypeVar("Found")


def parts_of(record: Record) -> list[Part]:
    """Return the parts of a page about `record`; what cannot be made is told in their notes."""
    notes: list[str] = []
    view, levels = view_of(record), levels_along(record)
    judgement = attempt(notes, lambda: judged(record)) if record.snapshots is not None else None
    parts = [
        summary_part(record, levels, judgement),
        asked_part(record, view),
        curves_part(record, levels),
    ]
    if view is not None and record.snapshots is not None:
        parts += _geometry_parts(record, view, levels, judgement)
    if record.answers is not None:
        parts.append(answers_part(record.answers))
    parts.append(provenance_part(record, notes))
    return parts


def _geometry_parts(
    record: Record, view: View, levels: list[GeometricLevel], judgement: Judgement | None
) -> list[Part]:
    notes: list[str] = []
    found: list[Picture | None] = [
        attempt(notes, lambda: spectrum_picture(record)),
        attempt(notes, lambda: hops_picture(record)),
    ]
    structure = Part(
        name="structure",
        title="Beyond edges",
        pictures=[picture for picture in found if picture is not None],
        notes=notes,
    )
    arms = attempt(notes, lambda: arms_part(record))
    return [
        embedding_part(record, view, levels),
        *([] if judgement is None else [verdict_part(judgement)]),
        structure,
        *([] if arms is None else [arms]),
    ]


def summary_part(record: Record, levels: list[GeometricLevel], judgement: Judgement | None) -> Part:
    """Return the key numbers."""
    return Part(
        name="summary",
        title="At a glance",
        text=record.remark,
        facts=key_numbers(record, levels, judgement),
    )


def key_numbers(
    record: Record, levels: list[GeometricLevel], judgement: Judgement | None
) -> dict[str, str]:
    """Return what a reader asks first, by what it is."""
    found = {"status": record.status, "steps": number(record.last_step)}
    series = record.series
    if RECOVERY in series:
        found["edges memorized"] = percent(series[RECOVERY].last)
    if EDGE_LOSS in series:
        found["loss of edge facts (floor)"] = (
            f"{number(series[EDGE_LOSS].last)} ({number(loss_floor(record))})"
        )
    if ACCURACY in series:
        found["held-out paths (chance)"] = (
            f"{percent(series[ACCURACY].last)} ({record.chance:.2g} %)"
        )
    if levels:
        found["geometric level (non-edges)"] = (
            f"{levels[-1].published:+.2f} ({levels[-1].non_edges:+.2f})"
        )
    if judgement is not None:
        low, high = judgement.score.correlation.interval
        found["verdict"] = judgement.verdict or "none yet"
        found["rank correlation with hops"] = (
            f"{judgement.score.correlation.value:.2f} [{low:.2f}, {high:.2f}]"
        )
    return found


def provenance_part(record: Record, notes: list[str]) -> Part:
    """Return where everything came from, with its sums."""
    tables = [
        Table(
            name=f"provenance-{place}",
            headings=("what", "value"),
            rows=[[name, value] for name, value in rows.items()],
            caption=heading,
        )
        for place, (heading, rows) in enumerate(record.provenance.items())
    ]
    origin = f"The graph is {record.dataset.origin}." if record.dataset is not None else ""
    return Part(
        name="provenance",
        title="Where it came from",
        text=f"Made by {record.command}. {origin}",
        tables=tables,
        notes=[*record.notes, *notes],
    )


def attempt(notes: list[str], action: Callable[[], Found]) -> Found | None:
    """Return what `action` returns; a known error becomes a note, and the result None."""
    try:
        return action()
    except GeometricMemoryError as error:
        text = str(error)
        notes.append(f"{text[0].upper()}{text[1:]}.")
        return None
