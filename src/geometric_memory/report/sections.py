"""All parts of the page of one run, in their order."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from geometric_memory.analysis.geometry_result import Geometry, spelled
from geometric_memory.errors import GeometricMemoryError
from geometric_memory.report.answered import answers_part
from geometric_memory.report.answers import read_answers
from geometric_memory.report.asked import asked_part
from geometric_memory.report.curves import ACCURACY, EDGE_LOSS, curves_part, loss_floor
from geometric_memory.report.embedding import embedding_part
from geometric_memory.report.measures import RECOVERY, Course, course_of
from geometric_memory.report.parts import Part, Picture, Table, number, percent
from geometric_memory.report.structure import (
    arms_part,
    hops_picture,
    spectrum_picture,
    verdict_part,
)
from geometric_memory.report.view import View, view_of
from geometric_memory.runs.run import Run
from geometric_memory.training.precision import EXACT, Arithmetic

Found = TypeVar("Found")
FRAMES = 60
"""Steps of training that a page shows at most."""


def parts_of(run: Run, arithmetic: Arithmetic = EXACT) -> list[Part]:
    """Return the parts of a page about `run`, its model asked for answers with `arithmetic`.

    What cannot be made is told in the notes of the parts.
    """
    notes: list[str] = []
    view = view_of(run)
    course = course_of(run, view, FRAMES)
    geometry = attempt(notes, run.geometry) if course is not None else None
    parts = [
        summary_part(run, course, geometry),
        asked_part(run, view),
        curves_part(run, course),
    ]
    if view is not None and course is not None:
        parts += _geometry_parts(run, view, course, geometry)
    answers = attempt(notes, lambda: read_answers(run, arithmetic))
    if answers is not None:
        parts.append(answers_part(answers))
    parts.append(provenance_part(run, course, notes))
    return parts


def _geometry_parts(run: Run, view: View, course: Course, geometry: Geometry | None) -> list[Part]:
    notes: list[str] = []
    found: list[Picture | None] = [
        attempt(notes, lambda: spectrum_picture(run)),
        attempt(notes, lambda: hops_picture(run)),
    ]
    structure = Part(
        name="structure",
        title="Beyond edges",
        pictures=[picture for picture in found if picture is not None],
        notes=notes,
    )
    arms = attempt(notes, lambda: arms_part(run))
    return [
        embedding_part(run, view, course),
        *([] if geometry is None else [verdict_part(geometry)]),
        structure,
        *([] if arms is None else [arms]),
    ]


def summary_part(run: Run, course: Course | None, geometry: Geometry | None) -> Part:
    """Return the key numbers."""
    return Part(
        name="summary",
        title="At a glance",
        text=run.remark,
        facts=key_numbers(run, course, geometry),
    )


def key_numbers(run: Run, course: Course | None, geometry: Geometry | None) -> dict[str, str]:
    """Return what a reader asks first, by what it is."""
    found = {"status": run.status, "steps": number(run.last_step)}
    series = run.metrics
    if RECOVERY in series:
        found["edges memorized"] = percent(series[RECOVERY].last)
    if EDGE_LOSS in series:
        found["loss of edge facts (floor)"] = (
            f"{number(series[EDGE_LOSS].last)} ({number(loss_floor(run))})"
        )
    if ACCURACY in series:
        found["held-out paths (chance)"] = f"{percent(series[ACCURACY].last)} ({run.chance:.2g} %)"
    if course is not None:
        level = course.levels[-1]
        found["geometric level (non-edges)"] = f"{level.published:+.2f} ({level.non_edges:+.2f})"
    if geometry is not None:
        found["verdict"] = geometry.verdict
        found["geometry score"] = f"{geometry.score:+.2f} [{spelled(geometry.interval, '+.2f')}]"
    return found


def provenance_part(run: Run, course: Course | None, notes: list[str]) -> Part:
    """Return where everything came from, with its sums."""
    tables = [
        Table(
            name=f"provenance-{place}",
            headings=("what", "value"),
            rows=[[name, value] for name, value in rows.items()],
            caption=heading,
        )
        for place, (heading, rows) in enumerate(_provenance(run, course).items())
    ]
    origin = f"The graph is {run.dataset.origin}." if run.dataset is not None else ""
    return Part(
        name="provenance",
        title="Where it came from",
        text=f"Made by {run.command}. {origin}",
        tables=tables,
        notes=[*run.notes, *notes],
    )


def _provenance(run: Run, course: Course | None) -> dict[str, Mapping[str, str]]:
    found = dict(run.provenance)
    if run.dataset is not None and run.command == "geomem train":
        found["Data set, SHA-256"] = dict(run.dataset.sha256) or {"files": run.dataset.origin}
    if course is not None:
        source = "tracked history" if course.frames.tracked else "kept checkpoints"
        found["Snapshots"] = {source: f"{len(course.steps)} shown of {course.frames.stored}"}
    return found


def attempt(notes: list[str], action: Callable[[], Found]) -> Found | None:
    """Return what `action` returns; a known error becomes a note, and the result None."""
    try:
        return action()
    except GeometricMemoryError as error:
        text = str(error)
        notes.append(f"{text[0].upper()}{text[1:]}.")
        return None
