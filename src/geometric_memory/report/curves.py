"""Curves along training: loss and floor, accuracy and chance, memorization and geometry."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from geometric_memory.analysis.measures import list_further
from geometric_memory.analysis.memorization import edge_loss_floor
from geometric_memory.figures.colors import PALETTE
from geometric_memory.figures.page import Note, Section, Table, number, percent
from geometric_memory.figures.picture import Chart, Level, Line, Picture, thin
from geometric_memory.report.view import LEVEL, NON_EDGES, RECOVERY, SCORE, Course, level_series
from geometric_memory.runs.metrics import Series
from geometric_memory.runs.run import Run
from geometric_memory.training.sampling import thin_sources

LONGEST_LINEAR = 1000
"""Steps up to which the axis is linear: what happens first would vanish on a longer one."""
MOST_POINTS = 4000
EDGE_LOSS, PATH_LOSS = "edge_memorization/loss", "test_forced/loss"
ACCURACY, FITTED, SHORTEST = "test/accuracy", "train/accuracy", "test/any_shortest_path"
PARTS = {
    "hard_token": "hard token: the node after the start",
    "middle": "middle",
    "queried_node": "copy of the node asked for",
}
"""Parts of a path, and what they are called."""
TOKEN_COLORS = (*PALETTE[1:6], "#999999")


def curves_section(run: Run, course: Course | None) -> Section:
    """Return every curve that the run has logged."""
    found = [
        loss_picture(run),
        accuracy_picture(run),
        memorization_picture(run, course),
        *measure_pictures(run),
        rate_picture(run),
        parts_table(run),
        None if run.metrics else Note("The run has logged no metrics."),
    ]
    return Section("curves", "How it went", [block for block in found if block is not None])


def parts_table(run: Run) -> Table | None:
    """Return the last accuracies by part of a path, held out and trained on."""

    def last(name: str) -> str:
        return percent(run.metrics[name].last) if name in run.metrics else "-"

    columns = ("test", "test_forced", "train", "train_forced")
    rows = [
        [label, *(last(f"{column}/{part}") for column in columns)]
        for part, label in PARTS.items()
        if any(f"{column}/{part}" in run.metrics for column in columns)
    ]
    if not rows:
        return None
    test, train = (last(f"{name}/accuracy_without_copies") for name in ("test", "train"))
    return Table(
        name="path-parts",
        headings=("part of a path", "held out", "held out, forced", "trained", "trained, forced"),
        rows=[*rows, ["all that the prompt does not hold", test, "", train, ""]],
        caption="Paths whose part is right at the last evaluation; forced: the right nodes came "
        "before. Held-out paths that fail say nothing before those trained on are right.",
    )


def loss_floor(run: Run) -> float:
    """Return the least mean loss of the evaluated edge facts, in nats; NaN without a graph."""
    if run.dataset is None:
        return float("nan")
    facts = run.dataset.facts
    if run.asked_nodes:
        asked = thin_sources(facts[:, 0], run.config.logging.evaluate_at_most)
        facts = facts[np.isin(facts[:, 0], asked)]
    return edge_loss_floor(facts)


def loss_picture(run: Run) -> Picture | None:
    """Draw the losses over the floor of the edge facts."""
    floor, edge = loss_floor(run), run.metrics.get(EDGE_LOSS)
    wanted = [
        (EDGE_LOSS, "edge facts", PALETTE[0], "solid"),
        (PATH_LOSS, "held-out paths", PALETTE[1], "solid"),
        *(
            (name, f"training, {_stage(name)}", PALETTE[2 + place], "dash")
            for place, name in enumerate(_ending(run, "/train_loss"))
        ),
    ]
    lines = [
        line(run.metrics[name], label, color, dash=dash)
        for name, label, color, dash in wanted
        if name in run.metrics
    ]
    last = f" The last loss of edge facts is {number(edge.last)}." if edge else ""
    return _picture(
        "loss", run, lines, "loss (nats)",
        levels=[Level(label=f"floor of edge facts, {number(floor)}", value=floor)],
        label=f"Loss over steps; the floor of edge facts is {number(floor)} nats.{last}",
        caption="Loss. A node has several targets, so the loss of edge facts cannot fall below the "
        "mean logarithm of the out-degree. Training loss of a mixed recipe also counts path "
        "tokens, which have no such floor.",
    )  # fmt: skip


def accuracy_picture(run: Run) -> Picture | None:
    """Draw the accuracy on held-out paths, whole and by position, with chance."""
    whole = run.metrics.get(ACCURACY)
    if whole is None:
        return None
    places = sorted(
        int(name.rpartition("_")[2]) for name in run.metrics if name.startswith("test/token_")
    )
    lines = [
        line(run.metrics[f"test/token_{place}"], f"position {place}",
             TOKEN_COLORS[index % len(TOKEN_COLORS)], width=1.5)
        for index, place in enumerate(places)
    ]  # fmt: skip
    lines.append(line(whole, "whole path", PALETTE[0], width=3.0))
    if FITTED in run.metrics:
        lines.append(line(run.metrics[FITTED], "training paths", PALETTE[0], dash="dot"))
    if SHORTEST in run.metrics:
        lines.append(line(run.metrics[SHORTEST], "any shortest path", PALETTE[0], dash="dash"))
    levels = [Level(label=f"chance, {run.chance:.2g} %", value=run.chance)]
    ceiling, at_best = run.ceiling, ""
    if ceiling is not None:
        levels.append(Level(label=f"best possible, {ceiling:.3g} %", value=ceiling))
        at_best = (
            " Some questions have several right answers, so that no answers can be expected to "
            "name the path wanted in more than the best possible share."
        )
    return _picture(
        "accuracy", run, lines, "held-out paths (%)", y_range=(-3.0, 103.0), levels=levels,
        label=f"Accuracy over steps; at the end {percent(whole.last)} of held-out paths are right, "
        f"chance is {percent(run.chance)}.",
        caption="Answers to held-out paths under greedy decoding. Position 1 is the start of the "
        "path, position 2 the choice of the arm, which is the hard one. Chance knows everything "
        f"but that choice.{at_best}",
    )  # fmt: skip


def memorization_picture(run: Run, course: Course | None) -> Picture | None:
    """Draw the recovered share of edges beside the mean cosine of edges and of non-edges."""
    cosines, recovery = level_series(run, course), run.metrics.get(RECOVERY)
    few = bool(cosines) and len(cosines[LEVEL].steps) < 20
    lines = []
    if recovery is not None:
        share = Series(steps=recovery.steps, values=recovery.values / 100)
        lines.append(line(share, "memorization (share of edges)", PALETTE[4], width=3.0))
    for name, label, color, dash in (
        (LEVEL, "geometric level (edges)", PALETTE[0], "solid"),
        (NON_EDGES, "non-edges", PALETTE[0], "dot"),
        (SCORE, "geometry score", PALETTE[1], "solid"),
    ):
        if name in cosines:
            lines.append(line(cosines[name], label, color, dash=dash, width=2.5, markers=few))
    end = (
        f" At the end the level is {number(cosines[LEVEL].last)}, of non-edges "
        f"{number(cosines[NON_EDGES].last)}."
        if cosines
        else ""
    )
    return _picture(
        "memorization", run, lines, "share, mean cosine",
        y_range=(-1.03 if cosines else -0.03, 1.06),
        levels=[Level(label="no similarity", value=0.0)] if cosines else [],
        label="Memorization beside geometric level over steps." + end,
        caption="Memorization is the share of a node's neighbours among its best guesses. The "
        "geometric level is the mean cosine of neighbours; what rises in non-edges as well is a "
        "common direction and no geometry. The geometry score is 1 where all far nodes are in "
        "order.",
    )  # fmt: skip


def measure_pictures(run: Run) -> list[Picture | None]:
    """Draw every measure of the embedding that has a chart of its own, where it was logged."""
    return [
        _picture(
            each.name, run, [line(run.metrics[each.metric], each.label, PALETTE[0])], each.label,
            label=f"{each.label} over steps.",
        )
        for each in list_further()
        if each.metric in run.metrics
    ]  # fmt: skip


def rate_picture(run: Run) -> Picture | None:
    """Draw the learning rate where it was logged."""
    names = _ending(run, "/learning_rate")
    lines = [
        line(run.metrics[name], _stage(name), PALETTE[place]) for place, name in enumerate(names)
    ]
    return _picture(
        "rate", run, lines, "learning rate", height=260,
        label="Learning rate over steps, at each evaluation.",
        caption="Learning rate at each evaluation.",
    )  # fmt: skip


def main_charts(run: Run, course: Course | None) -> tuple[list[Chart], dict[str, Any]]:
    """Return charts of loss, shares and cosines, and their curves by the names of the metrics."""
    known = dict(run.metrics) | level_series(run, course)
    wanted: list[tuple[tuple[tuple[str, str, str, str], ...], Level | None, str, Any]] = [
        (((EDGE_LOSS, "loss of edge facts", PALETTE[0], "solid"),),
         Level(label="floor", value=loss_floor(run)), "nats", None),
        (((RECOVERY, "memorization", PALETTE[4], "solid"),
          (ACCURACY, "held-out paths", PALETTE[1], "solid")),
         Level(label="chance", value=run.chance / 100), "share", (-0.03, 1.05)),
        (((LEVEL, "geometric level", PALETTE[2], "solid"),
          (NON_EDGES, "non-edges", PALETTE[2], "dot"),
          (SCORE, "geometry score", PALETTE[3], "solid")), None, "mean cosine, score",
         (-1.03, 1.05)),
    ]  # fmt: skip
    charts, arrays = [], {}
    for names, level, title, limits in wanted:
        lines = []
        for name, label, color, dash in names:
            if (series := known.get(name)) is not None:
                if name in (RECOVERY, ACCURACY):
                    series = Series(steps=series.steps, values=0.01 * series.values)
                lines.append(line(series, label, color, dash=dash))
                arrays[name] = {"steps": lines[-1].x, "values": lines[-1].y}
        if lines:
            charts.append(chart_of(run, lines, title, levels=[level] if level else [],
                                   y_range=limits))  # fmt: skip
    return charts, arrays


def line(series: Series, label: str, color: str, **look: Any) -> Line:
    """Return a series as a line of a bounded number of points."""
    kept = thin(len(series.steps), MOST_POINTS)
    return Line(label=label, x=series.steps[kept], y=series.values[kept], color=color, **look)


def chart_of(
    run: Run, lines: Sequence[Line], y_title: str, *, levels: Sequence[Level] = (), **options: Any
) -> Chart:
    """Return lines over the steps of `run`, and those levels that are known."""
    known = [level for level in levels if np.isfinite(level.value)]
    log = run.last_step > LONGEST_LINEAR
    return Chart(lines=lines, levels=known, y_title=y_title, log_x=log, **options)


def _picture(
    name: str, run: Run, lines: Sequence[Line], y_title: str, *, levels: Sequence[Level] = (),
    y_range: tuple[float, float] | None = None, **words: Any,
) -> Picture | None:  # fmt: skip
    """Return one chart as a picture; None without lines."""
    if not lines:
        return None
    chart = chart_of(run, lines, y_title, levels=levels, y_range=y_range)
    return Picture(name=name, panels=[chart], **words)


def _ending(run: Run, ending: str) -> list[str]:
    return [name for name in run.metrics if name.endswith(ending)]


def _stage(name: str) -> str:
    """Return the stage that a logged name begins with, as words."""
    return name.partition("/")[0].replace("_", " ")
