"""Curves along training: loss and floor, accuracy and chance, memorization and geometry."""

import numpy as np

from geometric_memory.analysis.memorization import edge_loss_floor
from geometric_memory.figures.charts import Chart, Level, Line
from geometric_memory.figures.style import PALETTE
from geometric_memory.report.measures import LEVEL, NON_EDGES, RECOVERY, SCORE, Course, level_series
from geometric_memory.report.parts import Part, Picture, Table, chart_picture, number, percent
from geometric_memory.runs.metrics import Series
from geometric_memory.runs.run import Run

LONGEST_LINEAR = 1000
"""Steps up to which the axis is linear: what happens first would vanish on a longer one."""
MOST_POINTS = 2000
EDGE_LOSS, PATH_LOSS = "edge_memorization/loss", "test_forced/loss"
ACCURACY, FITTED = "test/accuracy", "train/accuracy"
PARTS = {
    "hard_token": "hard token: the node after the start",
    "middle": "middle",
    "queried_node": "copy of the node asked for",
}
"""Parts of a path, and what they are called."""
TOKEN_COLORS = (*PALETTE[1:6], "#999999")


def curves_part(run: Run, course: Course | None) -> Part:
    """Return every curve that the run has logged."""
    found = [
        loss_picture(run),
        accuracy_picture(run),
        memorization_picture(run, course),
        rate_picture(run),
    ]
    notes = [] if run.metrics else ["The run has logged no metrics."]
    return Part(
        name="curves",
        title="How it went",
        pictures=[picture for picture in found if picture is not None],
        tables=[table for table in [parts_table(run)] if table is not None],
        notes=notes,
    )


def parts_table(run: Run) -> Table | None:
    """Return the last accuracies by part of a path, held out and trained on."""
    columns = ("test", "test_forced", "train", "train_forced")
    rows = [
        [label, *(_last(run, f"{column}/{part}") for column in columns)]
        for part, label in PARTS.items()
        if any(f"{column}/{part}" in run.metrics for column in columns)
    ]
    if not rows:
        return None
    whole = [_last(run, f"{name}/accuracy_without_copies") for name in ("test", "train")]
    rows.append(["all that the prompt does not hold", whole[0], "", whole[1], ""])
    return Table(
        name="path-parts",
        headings=("part of a path", "held out", "held out, forced", "trained", "trained, forced"),
        rows=rows,
        caption="Paths whose part is right at the last evaluation; forced: the right nodes came "
        "before. Held-out paths that fail say nothing before those trained on are right.",
    )


def _last(run: Run, name: str) -> str:
    return percent(run.metrics[name].last) if name in run.metrics else "-"


def loss_floor(run: Run) -> float:
    """Return the least mean loss of the edge facts, in nats; NaN without a graph."""
    if run.dataset is None:
        return float("nan")
    return edge_loss_floor(run.dataset.facts)


def loss_picture(run: Run) -> Picture | None:
    """Draw the losses over the floor of the edge facts."""
    floor = loss_floor(run)
    lines = [
        line(series, label, color, dash=dash)
        for name, label, color, dash in (
            (EDGE_LOSS, "edge facts", PALETTE[0], "solid"),
            (PATH_LOSS, "held-out paths", PALETTE[1], "solid"),
            *(
                (name, f"training, {_stage(name)}", PALETTE[2 + place], "dash")
                for place, name in enumerate(_ending(run, "/train_loss"))
            ),
        )
        if (series := run.metrics.get(name)) is not None
    ]  # fmt: skip
    if not lines:
        return None
    levels = [Level(label=f"floor of edge facts, {number(floor)}", value=floor)]
    edge = run.metrics.get(EDGE_LOSS)
    last = f" The last loss of edge facts is {number(edge.last)}." if edge else ""
    return chart_picture(
        "loss",
        _chart(run, lines, levels if np.isfinite(floor) else [], "loss (nats)"),
        label=f"Loss over steps; the floor of edge facts is {number(floor)} nats.{last}",
        caption=(
            "Loss. A node has several targets, so the loss of edge facts cannot fall below the "
            "mean logarithm of the out-degree. Training loss of a mixed recipe also counts path "
            "tokens, which have no such floor."
        ),
    )


def accuracy_picture(run: Run) -> Picture | None:
    """Draw the accuracy on held-out paths, whole and by position, with chance."""
    whole = run.metrics.get(ACCURACY)
    if whole is None:
        return None
    tokens = sorted(
        (name for name in run.metrics if name.startswith("test/token_")),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    lines = [
        line(run.metrics[name], f"position {name.rpartition('_')[2]}",
             TOKEN_COLORS[place % len(TOKEN_COLORS)], width=1.5)
        for place, name in enumerate(tokens)
    ]  # fmt: skip
    lines.append(line(whole, "whole path", PALETTE[0], width=3.0))
    if FITTED in run.metrics:
        lines.append(line(run.metrics[FITTED], "training paths", PALETTE[0], dash="dot"))
    levels = [Level(label=f"chance, {run.chance:.2g} %", value=run.chance)]
    return chart_picture(
        "accuracy",
        _chart(run, lines, levels if np.isfinite(run.chance) else [], "held-out paths (%)",
               y_range=(-3.0, 103.0)),
        label=f"Accuracy over steps; at the end {percent(whole.last)} of held-out paths are right, "
        f"chance is {percent(run.chance)}.",
        caption=(
            "Answers to held-out paths under greedy decoding. Position 1 is the start of the path, "
            "position 2 the choice of the arm, which is the hard one. Chance knows everything but "
            "that choice."
        ),
    )  # fmt: skip


def memorization_picture(run: Run, course: Course | None) -> Picture | None:
    """Draw the recovered share of edges beside the mean cosine of edges and of non-edges."""
    cosines = level_series(run, course)
    recovery = run.metrics.get(RECOVERY)
    few = bool(cosines) and len(cosines[LEVEL].steps) < 20
    lines = []
    if recovery is not None:
        share = Series(steps=recovery.steps, values=recovery.values / 100)
        lines.append(line(share, "memorization (share of edges)", PALETTE[4], width=3.0))
    if cosines:
        lines.append(
            line(cosines[LEVEL], "geometric level (edges)", PALETTE[0], width=2.5, markers=few)
        )
        lines.append(line(cosines[NON_EDGES], "non-edges", PALETTE[0], dash="dot", markers=few))
    if SCORE in cosines:
        lines.append(line(cosines[SCORE], "geometry score", PALETTE[1], width=2.5, markers=few))
    if not lines:
        return None
    end = (
        f" At the end the level is {number(cosines[LEVEL].last)}, of non-edges "
        f"{number(cosines[NON_EDGES].last)}."
        if cosines
        else ""
    )
    return chart_picture(
        "memorization",
        _chart(run, lines, [Level(label="no similarity", value=0.0)] if cosines else [],
               "share, mean cosine", y_range=(-1.03, 1.06) if cosines else (-0.03, 1.06)),
        label="Memorization beside geometric level over steps." + end,
        caption=(
            "Memorization is the share of a node's neighbours among its best guesses. The "
            "geometric level is the mean cosine of neighbours; what rises in non-edges as well is "
            "a common direction and no geometry. The geometry score is 1 where all far nodes are "
            "in order."
        ),
    )  # fmt: skip


def rate_picture(run: Run) -> Picture | None:
    """Draw the learning rate where it was logged."""
    names = _ending(run, "/learning_rate")
    lines = [
        line(run.metrics[name], _stage(name), PALETTE[place]) for place, name in enumerate(names)
    ]
    if not lines:
        return None
    return chart_picture(
        "rate",
        _chart(run, lines, [], "learning rate"),
        label="Learning rate over steps, at each evaluation.",
        caption="Learning rate at each evaluation.",
        height=260,
    )


def line(
    series: Series,
    label: str,
    color: str,
    *,
    dash: str = "solid",
    width: float = 2.0,
    markers: bool = False,
) -> Line:
    """Return a series as a line of a bounded number of points."""
    kept = np.arange(len(series.steps))
    if len(kept) > MOST_POINTS:
        spread = np.geomspace(1, len(kept), MOST_POINTS).round().astype(int) - 1
        even = np.linspace(0, len(kept) - 1, MOST_POINTS).round().astype(int)
        kept = np.unique(np.concatenate([spread, even]))
    return Line(
        label=label, x=series.steps[kept], y=series.values[kept], color=color, dash=dash,
        width=width, markers=markers,
    )  # fmt: skip


def _chart(
    run: Run,
    lines: list[Line],
    levels: list[Level],
    y_title: str,
    y_range: tuple[float, float] | None = None,
) -> Chart:
    return Chart(
        lines=lines, levels=levels, y_title=y_title, y_range=y_range,
        log_x=run.last_step > LONGEST_LINEAR,
    )  # fmt: skip


def _ending(run: Run, ending: str) -> list[str]:
    return [name for name in run.metrics if name.endswith(ending)]


def _stage(name: str) -> str:
    """Return the stage that a logged name begins with, as words."""
    return name.partition("/")[0].replace("_", " ")
