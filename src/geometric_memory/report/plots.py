"""Single figures of a run by their names, for those who want no page."""

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from geometric_memory.errors import ConfigurationError, DataError
from geometric_memory.report.asked import graph_picture
from geometric_memory.report.card import curves_figure
from geometric_memory.report.curves import (
    accuracy_picture,
    loss_picture,
    memorization_picture,
    rate_picture,
)
from geometric_memory.report.embedding import similarity_picture, space_picture, step_captions
from geometric_memory.report.measures import Course, course_of
from geometric_memory.report.parts import Picture
from geometric_memory.report.structure import hops_picture, map_picture, spectrum_picture
from geometric_memory.report.view import View, view_of
from geometric_memory.runs.run import Run
from geometric_memory.synonyms import unknown_name

FRAMES = 20


def _seen(run: Run) -> tuple[Course, View]:
    view = view_of(run)
    course = course_of(run, view, FRAMES)
    if view is None or course is None:
        raise DataError(f"{run.name}: has no embeddings of nodes. {' '.join(run.notes)}")
    return course, view


def _graph(run: Run) -> Picture | None:
    view = view_of(run)
    return None if view is None or run.graph is None else graph_picture(run.graph, view)


def _space(run: Run) -> Picture:
    course, view = _seen(run)
    return space_picture(course, view, step_captions(run, course))


def _cosine(run: Run) -> Picture:
    course, view = _seen(run)
    return similarity_picture(course, view, step_captions(run, course))


def _memorization(run: Run) -> Picture | None:
    return memorization_picture(run, course_of(run, view_of(run), FRAMES))


PLOTS: Mapping[str, Callable[[Run], Picture | None]] = {
    "loss": loss_picture,
    "accuracy": accuracy_picture,
    "memorization": _memorization,
    "rate": rate_picture,
    "graph": _graph,
    "space": _space,
    "cosine": _cosine,
    "hops": hops_picture,
    "spectrum": spectrum_picture,
    "map": map_picture,
}
"""Figures by name, beside `curves`, which are the main ones in a row."""


def plotted(run: Run, kind: str) -> tuple[Figure, str]:
    """Return a figure, and what it shows in words.

    Raises:
        ConfigurationError: if there is no such kind, with the nearest.
        DataError: if the run has not left what it needs.
    """
    if kind == "curves":
        course = course_of(run, view_of(run), FRAMES)
        return curves_figure(run, course), f"loss, memorization and cosines of {run.name}"
    if kind not in PLOTS:
        raise ConfigurationError([unknown_name(kind, ["curves", *PLOTS], "plot")])
    picture = PLOTS[kind](run)
    if picture is None:
        raise DataError(f"{run.name}: has logged nothing that the plot {kind} shows")
    return picture.still, picture.label
