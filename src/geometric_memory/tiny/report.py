"""The table of all published numbers beside ours, as Markdown and as JSON."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, get_args

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry_result import Verdict
from geometric_memory.figures.page import Page, Section, Table, markdown
from geometric_memory.tiny.comparison import QUANTITIES, Row, compare, reason
from geometric_memory.tiny.results import SectionRun, numbers

VERDICTS = get_args(Verdict)
MEANS = {"score": "score", "rho": "rho", "AUC 1": "auc_1", "AUC 2": "auc_2", "AUC 3": "auc_3"}
"""Columns of the table of verdicts: what is written above, and the number below it."""
INTRO = """Made by `geomem tiny all`: {sections} sections trained from scratch, {seeds} seeds each
(seed 7 starts from the published initial weights), precision {precision}.

A published number is one run at one seed. *Seed 7* is ours from the same start. *Mean* comes with
the 95 % interval of the mean, *one run* is the 95 % interval of a single new run, and **x** marks a
published value outside it. *bf16* is that interval for the same training in bfloat16, in which the
published sequence models were trained on a GPU, where embeddings are trained and the run is short
enough. Steps count updates. Levels are mean cosines along the facts; shares are of the embedding's
energy outside the top eigenvector of the graph, whole eigenspaces, so that they do not depend on a
basis."""


class Took(TypedDict):
    """What a training took, as it is stored."""

    seconds: float
    cores: float


def write_report(
    runs: Sequence[SectionRun],
    target: Path,
    *,
    rounded: Sequence[SectionRun] = (),
    took: Took | None = None,
) -> None:
    """Write `target`.md, .json (the comparison) and _seeds.json (every number of every seed).

    `rounded` are runs in bf16, compared as well; `took` tells seconds and cores of the training.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    rows = compare(runs, rounded)
    page = markdown(_page(runs, rows, took))
    target.with_suffix(".md").write_text(page, encoding="utf-8")
    _write(target.with_suffix(".json"), [_compare(run, rows) for run in runs])
    _write(target.with_name(f"{target.name}_seeds.json"), [_by_seed(run) for run in runs])


def _write(path: Path, parts: Sequence[Mapping[str, Any]]) -> None:
    sections = ",\n".join(json.dumps(part, allow_nan=False) for part in parts)
    path.write_text(f'{{"sections": [\n{sections}\n]}}\n', encoding="utf-8")


def summary_lines(runs: Sequence[SectionRun]) -> list[str]:
    """Return what a user reads last: a line per section, shown seed and verdicts."""
    lines = []
    for run in runs:
        values = {name: array[run.shown] for name, array in numbers(run).items()}
        complete = values["first_complete"]
        reached = "never" if math.isnan(complete) else f"at step {complete:.0f}"
        counts = Counter(map(str, run.verdicts))
        lines.append(
            f"{run.section.experiment}, {run.section.graph}: seed {run.shown_seed}: all edges "
            f"{reached}, loss {values['loss']:.4f}, geometric level {values['end_level']:.3f} "
            f"(non-edges {values['non_edge_level']:.3f}); "
            + ", ".join(f"{count} x {verdict}" for verdict, count in counts.items())
        )
    return lines


def _page(runs: Sequence[SectionRun], rows: Sequence[Row], took: Took | None) -> Page:
    precisions = ", ".join(sorted({run.precision for run in runs}))
    seeds = " or ".join(map(str, sorted({len(run.seeds) for run in runs})))
    intro = [INTRO.format(sections=len(runs), seeds=seeds, precision=precisions)]
    if took is not None:
        minutes, cores = took["seconds"] / 60, took["cores"]
        intro.append(f"Training took {minutes:.1f} minutes on {cores:g} core{'s' * (cores != 1)}.")
    most = max(len(run.seeds) for run in runs)  # intervals of sections with fewer are wider
    fewer = [f"{run.section.name} ({len(run.seeds)})" for run in runs if len(run.seeds) < most]
    intro += [f"Fewer seeds than {most}: {', '.join(fewer)}."] * bool(fewer)
    sections = [_summary(rows), *_exact(rows), _verdicts(runs)]
    for experiment in dict.fromkeys(run.section.experiment for run in runs):
        own = [row for row in rows if row.section.experiment == experiment]
        sections += [Section(experiment, experiment, [_table(own)])] * bool(own)
    title = "Tiny graphs: published numbers and ours"
    return Page(title=title, intro="\n\n".join(intro), sections=sections)


def _summary(rows: Sequence[Row]) -> Section:
    outside = [row for row in rows if row.outside]
    explained = [row for row in outside if row.inside_rounded]
    same = [row for row in outside if row.matches_seed]
    text = (
        f"{len(rows)} numbers are compared; {len(outside)} published values lie outside the "
        f"interval of one run in fp32 (one in twenty would by chance: {len(rows) / 20:.0f}). Of "
        f"them, {len(explained)} lie inside the interval of bf16, and {len(same)} are met by ours "
        "at seed 7."
    )
    return Section("summary", "In short", [text])


def _exact(rows: Sequence[Row]) -> list[Section]:
    """Return how closely the runs that must repeat do so: frozen embeddings and Node2Vec."""
    exact = [r for r in rows if r.section.frozen or r.section.block == "node2vec"]
    if not exact or all(math.isnan(row.same_seed) for row in exact):
        return []
    off = [row for row in exact if not row.matches_seed]
    names = "; ".join(
        f"{row.section.experiment} {row.section.graph}, {QUANTITIES[row.quantity]}: "
        f"{row.published_text} published, {_number(row.same_seed)} here"
        for row in off
    )
    text = f"Frozen embeddings and Node2Vec: {len(exact)} numbers, "
    text += f"{len(exact) - len(off)} equal at seed 7 to half a percent or half a digit."
    return [Section("exact", "Runs that must repeat", [text, f"Not equal: {names}." * bool(off)])]


def _verdicts(runs: Sequence[SectionRun]) -> Section:
    text = (
        "Seeds by verdict on the last state ([what the words mean](../geometry_score.md)), and how "
        "many of them miss an edge. Then means over seeds: the score; Spearman's rho of distance "
        "with hops over pairs at three hops and more; the chance that a node at 1, 2, 3 hops is "
        "nearer than an equally placed one farther away."
    )
    rows = []
    for run in runs:
        counts, found = Counter(run.verdicts), numbers(run)
        missing = int((found["end_recovery"] < 100).sum())
        cells = [*(counts[verdict] for verdict in VERDICTS), missing]
        means = [_mean(found.get(name)) for name in MEANS.values()]
        names = [run.section.experiment, run.section.graph]
        rows.append([*names, *(str(cell or "") for cell in cells), *means])
    table = Table(headings=["experiment", "graph", *VERDICTS, "edges missing", *MEANS], rows=rows)
    return Section("verdicts", "Verdicts of the geometry score", [text, table])


def _mean(values: Float[np.ndarray, " seeds"] | None) -> str:
    """Return the mean of what is known; runs of before lack numbers."""
    known = np.zeros(0) if values is None else values[np.isfinite(values)]
    return f"{known.mean():.2f}" if len(known) else "-"


def _table(rows: Sequence[Row]) -> Table:
    headings = ("graph", "number", "published", "seed 7", "mean", "one run", "bf16", "", "why")
    most = max(row.here.count for row in rows)
    cells = []
    for row in rows:
        here = row.here
        fewer = f" ({here.count} of {most} seeds)" if here.count < most else ""
        cells.append([
            row.section.graph,
            QUANTITIES[row.quantity],
            row.published_text,
            _number(row.same_seed),
            f"{_number(here.mean)} [{_interval(here.interval)}]{fewer}",
            _interval(here.run_interval),
            "" if row.rounded is None else _interval(row.rounded_interval),
            "**x**" if row.outside else "",
            reason(row) if row.outside else "",
        ])  # fmt: skip
    return Table(headings=headings, rows=cells)


def _interval(bounds: tuple[float, float]) -> str:
    return f"{_number(bounds[0])}, {_number(bounds[1])}"


def _number(value: float) -> str:
    """Return four significant digits, and at least as many as whole numbers need."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}" if abs(value) >= 1 else f"{value:.4f}"


def _compare(run: SectionRun, rows: Sequence[Row]) -> dict[str, Any]:
    return _name_section(run) | {
        "settings": asdict(run.section),
        "verdicts": dict(Counter(map(str, run.verdicts))),
        "comparison": {
            row.quantity: {
                "published": row.published,
                "seed_7": _exactly(row.same_seed),
                "mean": _exactly(row.here.mean),
                "mean_interval": [_exactly(x) for x in row.here.interval],
                "run_interval": [_exactly(x) for x in row.here.run_interval],
                "run_interval_bf16": [_exactly(x) for x in row.rounded_interval],
                "outside": row.outside,
                "why": reason(row) if row.outside else "",
            }
            for row in rows
            if row.section == run.section
        },
    }


def _by_seed(run: SectionRun) -> dict[str, Any]:
    """Return the numbers that a section has, one per seed."""
    values = {
        name: [_exactly(x) for x in array.tolist()]
        for name, array in numbers(run).items()
        if np.isfinite(array).any()
    }
    return _name_section(run) | {"seeds": list(run.seeds), "verdicts": list(run.verdicts), **values}


def _name_section(run: SectionRun) -> dict[str, Any]:
    section = run.section
    return {
        "experiment": section.experiment,
        "graph": section.graph,
        "precision": run.precision,
    }


def _exactly(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None
