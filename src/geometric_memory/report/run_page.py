"""The page of one run, its card, and its figures one by one."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from geometric_memory.analysis.geometry_result import ENOUGH_FACTS, MEANING, Geometry, spelled
from geometric_memory.errors import ConfigurationError, DataError, GeometricMemoryError
from geometric_memory.figures.camera import clear_view
from geometric_memory.figures.page import Note, Page, Section, Table, number, percent
from geometric_memory.figures.picture import MOST_LABELS, Panel, Picture, Words
from geometric_memory.report.answers import answers_section, read_answers
from geometric_memory.report.curves import (
    ACCURACY,
    EDGE_LOSS,
    accuracy_picture,
    curves_section,
    loss_floor,
    loss_picture,
    main_charts,
    memorization_picture,
    rate_picture,
)
from geometric_memory.report.embedding import (
    arms_section,
    embedding_section,
    evolution_picture,
    graph_picture,
    hops_picture,
    map_picture,
    similarity_picture,
    space_picture,
    spectrum_picture,
    umap_picture,
    verdict_section,
)
from geometric_memory.report.view import RECOVERY, Course, View, course_of, frames_in_space, view_of
from geometric_memory.runs.run import Run
from geometric_memory.synonyms import unknown_name
from geometric_memory.training.precision import EXACT, Arithmetic

Found = TypeVar("Found")
FRAMES = 60
"""Steps of training that a page shows at most."""
PLOT_FRAMES = 20
"""Steps of training that a single figure is made of."""
CARD_NODES = 128
NOT_ASKED = ("run_name", "experiment_log_root", "view", "graph_view", "evolution_steps",
             "heatmap_step", "published")  # fmt: skip
"""Settings that say where a run lies and how it is drawn."""


def run_page(run: Run, arithmetic: Arithmetic = EXACT) -> Page:
    """Return the page about `run`, its model asked for answers with `arithmetic`.

    What cannot be made is said in the notes of the sections.
    """
    notes: list[str] = []
    view = view_of(run)
    course = course_of(run, view, FRAMES)
    geometry = attempt(notes, run.geometry) if course is not None else None
    numbers = key_numbers(run, course, geometry)
    embedding: list[Section] = []
    structure: list[Section] = []
    if run.graph is not None and view is not None and course is not None:
        embedding.append(embedding_section(run, run.graph, view, course))
        missing: list[str] = []
        pictures = [attempt(missing, lambda make=make: make(run))
                    for make in (spectrum_picture, hops_picture)]  # fmt: skip
        arms = attempt(missing, lambda: arms_section(run))
        beyond = [*(p for p in pictures if p is not None), *map(Note, missing)]
        structure = [Section("structure", "Beyond edges", beyond)]
        structure += [] if arms is None else [arms]
    answers = attempt(notes, lambda: read_answers(run, arithmetic))
    sections = [
        Section("summary", "At a glance", [run.remark, finding(run, geometry), numbers]),
        *embedding,
        *([] if answers is None else [answers_section(answers)]),
        curves_section(run, course),
        *([] if geometry is None else [verdict_section(geometry)]),
        *structure,
        make_asked_section(run, view),
        provenance_section(run, course, notes),
    ]
    return Page(title=run.name, subtitle=f"Report of a run, {run.command}", sections=sections)


def finding(run: Run, geometry: Geometry | None) -> str:
    """Return what came of the run in a sentence; empty where nothing was measured.

    Whether the embedding is a map is asked only when all but a few facts are known.
    """
    last = {name: series.last for name, series in run.metrics.items()}
    clauses = []
    known = last.get(RECOVERY, float("nan"))
    if RECOVERY in last and run.dataset is not None:
        share = "all" if known == 100 else f"{percent(known)} of the"
        facts = f"{len(run.dataset.facts):,} facts"
        if run.asked_nodes:
            facts = f"facts of {run.asked_nodes} nodes"
        clauses.append(f"knows {share} {facts}")
    if ACCURACY in last:
        count = run.summary.get("test_paths")
        paths = "paths"
        if count is not None:
            paths = "one path" if count == 1 else f"{run.asked(count)} paths"
        clauses.append(
            f"answers {percent(last[ACCURACY])} of the {paths} it never saw "
            f"(chance {run.chance:.2g} %)"
        )
    if geometry is not None and known >= ENOUGH_FACTS:
        score = f"score {geometry.score:+.2f} among nodes three hops apart and more"
        meaning = {
            "map": f"its embedding is a map of the graph ({score}), though nobody trained for one",
            "undecided": f"whether its embedding is a map is undecided: {geometry.reason}",
        }
        clauses.append(
            meaning.get(
                geometry.verdict,
                f"its embedding is no map ({score}): {MEANING[geometry.verdict]}",
            )
        )
    text = "; ".join(clauses)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def key_numbers(run: Run, course: Course | None, geometry: Geometry | None) -> dict[str, str]:
    """Return what a reader asks first, by what it is."""
    found = {"status": run.status, "steps": number(run.last_step)}
    last = {name: series.last for name, series in run.metrics.items()}
    if RECOVERY in last:
        whose = f", of {run.asked_nodes} nodes" if run.asked_nodes else ""
        found[f"edges memorized{whose}"] = percent(last[RECOVERY])
    if EDGE_LOSS in last:
        floor = number(loss_floor(run))
        found["loss of edge facts (floor)"] = f"{number(last[EDGE_LOSS])} ({floor})"
    if ACCURACY in last:
        found["held-out paths (chance)"] = f"{percent(last[ACCURACY])} ({run.chance:.2g} %)"
    if run.ceiling is not None:
        found["best possible, held-out paths"] = percent(run.ceiling)
    if course is not None:
        level = course.levels[-1]
        found["geometric level (non-edges)"] = f"{level.published:+.2f} ({level.non_edges:+.2f})"
    if geometry is not None:
        found["verdict"] = geometry.verdict
        found["geometry score"] = f"{geometry.score:+.2f} [{spelled(geometry.interval, '+.2f')}]"
    return found


def make_asked_section(run: Run, view: View | None) -> Section:
    """Return the settings, those that differ from the defaults first, and the graph drawn."""
    changed = {name: pair for name, pair in run.changed.items() if name not in NOT_ASKED}
    tiny = run.command == "geomem tiny"
    against = "the Transformer of the same graph" if tiny else "default"
    rows = [
        [name, shown(value), shown(default), run.settings_help.get(name, "")]
        for name, (value, default) in changed.items()
    ]
    others = [
        [name, shown(value), run.settings_help.get(name, "")]
        for name, value in run.settings.items()
        if name not in changed and name not in NOT_ASKED
    ]
    facts: dict[str, str] = {}
    if run.dataset is not None:
        sizes = {
            "nodes": run.dataset.node_count,
            "edge facts": len(run.dataset.facts),
            "train paths": len(run.dataset.train_paths),
            "held-out paths": len(run.dataset.test_paths),
        }
        family = run.dataset.graph.family.replace("_", " ")
        facts = {"graph": family} | {
            n: number(v) for n, v in sizes.items() if v or n != "held-out paths"
        }
    drawn = [] if view is None or run.graph is None else [graph_picture(run.graph, view)]
    return Section("asked", "What was asked", [
        facts,
        *drawn,
        Table(name="changed", headings=("setting", "here", against, "meaning"), rows=rows,
              caption="Settings that differ"),
        Table(name="others", headings=("setting", "value", "meaning"), rows=others, folded=True,
              caption=f"The other {len(others)} settings"),
    ])  # fmt: skip


def provenance_section(run: Run, course: Course | None, notes: list[str]) -> Section:
    """Return where everything came from, with its sums."""
    found: dict[str, Mapping[str, str]] = dict(run.provenance)
    origin = ""
    if run.dataset is not None:
        origin = f" The graph is {run.dataset.origin}."
        if run.command == "geomem train":
            sums = dict(run.dataset.sha256) or {"files": run.dataset.origin}
            found["Data set, SHA-256"] = sums
    if course is not None:
        source = "tracked history" if course.frames.tracked else "kept checkpoints"
        found["Snapshots"] = {source: f"{len(course.steps)} shown of {course.frames.stored}"}
    tables = [
        Table(name=f"provenance-{place}", headings=("what", "value"), rows=list(rows.items()),
              caption=heading)
        for place, (heading, rows) in enumerate(found.items())
    ]  # fmt: skip
    text = f"Made by {run.command}.{origin}"
    if run.command == Run.command:
        text += f" To do it again: {run.command} --config FOLDER, the folder of this run."
    missing = map(Note, [*run.notes, *notes])
    return Section("provenance", "Where it came from", [text, *tables, *missing])


def card(run: Run) -> Picture:
    """Return the graph, its embedding, curves and key numbers as one still picture."""
    view = view_of(run, CARD_NODES)
    course = course_of(run, view, FRAMES)
    numbers = key_numbers(run, course, attempt([], run.geometry))
    name = run.name if len(run.name) <= 42 else run.name[:41] + "…"
    panels: list[Panel] = []
    arrays: dict[str, Any] = {"numbers": numbers}
    if view is not None:
        title = "graph" if view.whole else f"graph ({len(view.nodes)} nodes of it)"
        panels.append(view.space(view.layout, title=title, labels=MOST_LABELS // 2))
        arrays |= {"nodes": view.nodes, "edges": view.edges, "layout": view.layout}
    if view is not None and course is not None:
        last, step = frames_in_space(course.shown[-1:], view)[0][0], course.steps[-1]
        seen = clear_view(last, view.edges)
        few, title = MOST_LABELS // 2, f"embedding after {step:,} steps"
        panels.append(view.space(last, title=title, labels=few, view=seen))
        arrays |= {"coordinates": last, "coordinates_step": step}
    panels.append(Words(title=name, numbers=numbers))
    curves = curves_picture(run, course)
    arrays |= curves.numbers or {}
    panels += [Words(title="", numbers={})] * (-len(panels) % 3)
    return Picture(panels=[*panels, *curves.panels], label=f"Card of {run.name}", columns=3,
                   size=(11.0, 6.2), heights=(1.5, 1.0), numbers=arrays)  # fmt: skip


def curves_picture(run: Run, course: Course | None) -> Picture:
    """Return the main curves in a row."""
    charts, arrays = main_charts(run, course)
    return Picture(panels=charts, size=(11.0, 2.8), numbers=arrays,
                   label=f"loss, memorization and cosines of {run.name}")  # fmt: skip


def _of_view(draw: Callable[[Run, View, Course], Picture]) -> Callable[[Run], Picture]:
    def drawn(run: Run) -> Picture:
        view = view_of(run)
        course = course_of(run, view, PLOT_FRAMES)
        if view is None or course is None:
            raise DataError(f"{run.name}: has no embeddings of nodes. {' '.join(run.notes)}")
        return draw(run, view, course)

    return drawn


def _with_course(draw: Callable[[Run, Course | None], Picture | None]) -> Callable[[Run], Any]:
    return lambda run: draw(run, course_of(run, view_of(run), PLOT_FRAMES))


def _graph(run: Run) -> Picture | None:
    view = view_of(run)
    return None if view is None or run.graph is None else graph_picture(run.graph, view)


PLOTS: Mapping[str, Callable[[Run], Picture | None]] = {
    "curves": _with_course(curves_picture),
    "loss": loss_picture,
    "accuracy": accuracy_picture,
    "memorization": _with_course(memorization_picture),
    "rate": rate_picture,
    "graph": _graph,
    "space": _of_view(space_picture),
    "cosine": _of_view(similarity_picture),
    "hops": hops_picture,
    "spectrum": spectrum_picture,
    "map": map_picture,
    "evolution": _of_view(evolution_picture),
    "umap": _of_view(umap_picture),
}
"""Figures by name; `curves` are the main ones in a row."""
ALONG_COMPONENTS = ("space", "map", "evolution")
"""Those that show principal components."""


def plot(run: Run, kind: str) -> Picture:
    """Return one of PLOTS.

    Raises:
        ConfigurationError: if there is no such kind, with the nearest, or it shows no components.
        DataError: if the run has not left what it needs.
    """
    if kind not in PLOTS:
        raise ConfigurationError([unknown_name(kind, PLOTS, "plot")])
    if run.components and kind not in ALONG_COMPONENTS:
        shown = ", ".join(ALONG_COMPONENTS)
        raise ConfigurationError([f"the plot {kind} shows no components; these do: {shown}"])
    picture = PLOTS[kind](run)
    if picture is None:
        raise DataError(f"{run.name}: has logged nothing that the plot {kind} shows")
    return picture


def attempt(notes: list[str], action: Callable[[], Found]) -> Found | None:
    """Return what `action` returns; a known error becomes a note, and the result None."""
    try:
        return action()
    except GeometricMemoryError as error:
        text = str(error)
        notes.append(f"{text[0].upper()}{text[1:]}.")
        return None


def shown(value: Any) -> str:
    """Return a setting as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
