"""The results of a study as one page of HTML, as Markdown with figures, and as JSON.

The HTML page holds its figures and asks nothing of any network.
"""

import base64
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from geometric_memory.extras import load
from geometric_memory.studies.claims.study import Result, Study

INTRO = (
    "Made by `geomem reproduce --scale {scale}`. What each claim asks for was written down before "
    "it was trained. A number is the mean over seeds with the 95 % interval of that mean "
    "(Student's t). It is met when the whole interval keeps the bound, not met when the whole "
    "interval breaks it, open otherwise. A claim holds when every number is met, does not hold "
    "here when none is, controls set aside, and holds in part otherwise."
)


def write_pages(
    study: Study, results: Sequence[Result], report: Path, *, about: Mapping[str, Any]
) -> list[Path]:
    """Write RESULTS/claims.html, and REPORT.json, .md and figures; return the files.

    Raises:
        ConfigurationError: if the extra for figures is not installed.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    page, text, data = (
        study.results / "claims.html",
        _suffixed(report, "md"),
        _suffixed(report, "json"),
    )
    page.write_text(html(study, results), encoding="utf-8")
    content = {"schema": 1, **about, "claims": list(results)}
    data.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    figures = report.parent / report.name
    figures.mkdir(exist_ok=True)
    for result in results:
        drawn = study.results / "claims" / result["name"] / "figure.png"
        copy = figures / f"{result['name']}.png"
        copy.unlink(missing_ok=True)
        if result["verdict"] and drawn.is_file():
            shutil.copyfile(drawn, copy)
    text.write_text(markdown(study, results, about, figures.name), encoding="utf-8")
    return [page, data, text]


def html(study: Study, results: Sequence[Result]) -> str:
    """Return the page, figures inside."""
    jinja2 = load("jinja2", "the page")
    loader = jinja2.PackageLoader("geometric_memory.studies.claims", "")
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("claims.html.jinja")
    claims = [_shown(result) | {"figure": _figure(study, result)} for result in results]
    return template.render(intro=INTRO.format(scale=study.scale.name), claims=claims)


def markdown(
    study: Study, results: Sequence[Result], about: Mapping[str, Any], figures: str
) -> str:
    """Return the same page as Markdown; figures lie in the folder `figures` beside it."""
    parts = [
        "# The paper, claim by claim\n",
        INTRO.format(scale=study.scale.name) + "\n",
        f"The work took {about['core_seconds'] / 60:.1f} minutes of one core; the last call "
        f"{about['seconds'] / 60:.1f} minutes, with {about['workers']} worker processes, on "
        f"{about['machine']['processor']}.\n",
        verdict_table(results),
    ]
    for result in map(_shown, results):
        parts += [
            f"## {result['name']}: {result['shown_verdict']}\n",
            f"{result['statement']} *({result['source']})*\n",
            f"**Setting.** {result['setting']} {result['effort']}\n",
            "| number | asked for | mean | 95 % interval | |\n| --- | --- | --- | --- | --- |\n"
            + "".join(
                f"| {row['text']}{' (control)' * row['control']} | {row['bound']} "
                f"| {row['shown_mean']} | {row['shown_interval']} | {row['outcome']} |\n"
                for row in result["criteria"]
            ),
            *(f"Failed: {error}\n" for error in result["errors"]),
        ]
        if result["verdict"]:
            parts.append(f"![{result['name']}]({figures}/{result['name']}.png)\n")
    return "\n".join(parts)


def verdict_table(results: Sequence[Result]) -> str:
    """Return one line per claim: what the paper says, and what was found."""
    lines = ["| claim | source | verdict |", "| --- | --- | --- |"]
    lines += [
        f"| {result['statement']} | {result['source']} | {result['verdict'] or 'failed'} |"
        for result in results
    ]
    return "\n".join(lines) + "\n"


def _suffixed(report: Path, suffix: str) -> Path:
    return report.with_name(f"{report.name}.{suffix}")


def _shown(result: Result) -> Result:
    styles = {"holds": "holds", "holds in part": "part"}
    effort = (
        f"{result['runs']} trained models, {result['core_seconds'] / 60:.1f} minutes of one core "
        "(work that claims share counts in each)."
        if "core_seconds" in result
        else ""
    )
    return result | {
        "shown_verdict": result["verdict"] or "failed",
        "style": styles.get(result["verdict"], "not"),
        "effort": effort,
        "criteria": [_shown_row(row) for row in result["criteria"]],
    }


def _shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    mean, ends = row.get("mean"), row.get("interval", [None, None])
    return {
        **row,
        "outcome": row.get("outcome", "failed"),
        "style": row.get("outcome", "not").split()[0],
        "shown_mean": "none" if mean is None else f"{mean:.4g}",
        "shown_interval": "" if None in ends else f"{ends[0]:.4g} to {ends[1]:.4g}",
    }


def _figure(study: Study, result: Result) -> str:
    file = study.results / "claims" / result["name"] / "figure.png"
    if not result["verdict"] or not file.is_file():
        return ""
    return base64.b64encode(file.read_bytes()).decode()
