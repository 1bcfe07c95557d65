"""A finding as a page: question, method, figure, table, limits, and the command that makes it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometric_memory.studies.findings.finding import Effort, Finding, Outcome, Table

DOTS_PER_INCH = 110


def write_page(
    finding: Finding,
    outcome: Outcome,
    folder: Path,
    *,
    effort: Effort,
    about: Mapping[str, Any],
) -> list[Path]:
    """Write NAME.md, NAME.json and NAME.png into `folder`; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    page, data, picture = (folder / f"{finding.name}.{kind}" for kind in ("md", "json", "png"))
    picture.write_bytes(outcome.draw().drawn(".png", DOTS_PER_INCH))
    content = {
        "schema": 1,
        "finding": finding.name,
        "question": finding.question,
        "answer": list(outcome.answer),
        "seeds": {"path_stars": list(effort.path_seeds), "tiny": list(effort.tiny_seeds)},
        "steps_at_most": effort.steps,
        **about,
        "numbers": outcome.numbers,
    }
    data.write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
    page.write_text(markdown(finding, outcome, effort, about), encoding="utf-8")
    return [page, data, picture]


def markdown(finding: Finding, outcome: Outcome, effort: Effort, about: Mapping[str, Any]) -> str:
    """Return the page."""
    shortened = (
        f"\n**A trial, not a result:** every training was cut at {effort.steps} updates.\n"
        if effort.steps is not None
        else ""
    )
    parts = [
        f"# {finding.title}\n{shortened}",
        f"**Question.** {finding.question}\n",
        "**Answer.** " + " ".join(outcome.answer) + "\n",
        f"![{finding.title}]({finding.name}.png)\n",
        f"**Method.** {finding.method} Seeds: {_seeds(effort)}.\n",
        *map(_table, outcome.tables),
        f"**Limits.** {finding.limits}\n",
        f"**Command.** {about['core_minutes']:.0f} minutes of one core in all "
        f"({about['machine']['processor']}); numbers in `{finding.name}.json`.\n",
        f"```bash\ngeomem findings {finding.name}\n```\n",
    ]
    return "\n".join(parts)


def _seeds(effort: Effort) -> str:
    return (
        f"{len(effort.path_seeds)} for path-stars trained one by one, "
        f"{len(effort.tiny_seeds)} for small models trained as one batch"
    )


def _table(table: Table) -> str:
    lines = [
        f"*{table.caption}; mean [95 % interval]*\n",
        "| " + " | ".join(table.columns) + " |",
        "|" + " --- |" * len(table.columns),
        *("| " + " | ".join(row) + " |" for row in table.rows),
    ]
    return "\n".join(lines) + "\n"
