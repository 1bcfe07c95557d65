"""Write the tables about the claims: what is asked for, and what was found.

    geomem reproduce --publish
    python docs/claim_tables.py

docs/reproduce.md lists every claim with its criteria, from the code. README.md shows the verdicts
and the numbers behind them, from docs/results/claims.json, which the command above writes.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geometric_memory.studies.registry import CLAIMS
from geometric_memory.studies.scales import laptop

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS / "results" / "claims.json"
PAGES = {"reproduce": DOCS / "reproduce.md", "readme": DOCS.parent / "README.md"}
SHOWN_IN_README = {
    "unseen_paths": (0, 1),
    "hardest_token": (0,),
    "in_context": (0,),
    "alignment": (0, 2),
    "frozen_embeddings": (4, 5),
    "staged_training": (0, 1),
}
"""Claims in the README, and which of their criteria give its numbers."""


def main() -> int:
    """Bring the tables of both pages up to date."""
    for name, page in PAGES.items():
        text = page.read_text(encoding="utf-8")
        page.write_text(with_table(text, table(name)), encoding="utf-8")
    return 0


def table(name: str) -> str:
    """Return the table of a page; empty while there are no results for it."""
    if name == "reproduce":
        return criteria_table()
    if not RESULTS.is_file():
        return ""
    return readme_table(json.loads(RESULTS.read_text(encoding="utf-8")))


def with_table(text: str, content: str) -> str:
    """Return `text` with `content` between its two marks; unchanged if it has none."""
    pattern = r"(<!-- claims -->\n).*?(<!-- end of claims -->)"
    return re.sub(pattern, lambda found: found[1] + content + found[2], text, flags=re.DOTALL)


def criteria_table() -> str:
    """Return every claim with its setting and criteria at laptop scale."""
    scale = laptop()
    parts = []
    for name, claim in CLAIMS.items():
        parts.append(f"### {name}\n\n{claim.statement} *({claim.source})*\n\n{claim.setting}\n")
        lines = [
            f"- {each.text}: {each.bound}{' (control)' * each.control}"
            for each in claim.criteria(scale)
        ]
        parts.append("\n".join(lines) + "\n")
        parts += [f"Revised: {claim.revised}\n"] * bool(claim.revised)
    return "\n" + "\n".join(parts) + "\n"


def readme_table(content: Mapping[str, Any]) -> str:
    """Return the verdicts and numbers that the README shows."""
    found = {claim["name"]: claim for claim in content["claims"]}
    lines = ["| the paper says | seen here | verdict |", "| --- | --- | --- |"]
    for name, shown in SHOWN_IN_README.items():
        if name not in found:
            continue
        claim = found[name]
        numbers = "; ".join(number(claim["criteria"][place]) for place in shown)
        lines.append(f"| {CLAIMS[name].statement} | {numbers} | {claim['verdict']} |")
    return "\n" + "\n".join(lines) + "\n\n"


def number(row: Mapping[str, Any]) -> str:
    """Return one number with its interval."""
    if row.get("mean") is None:
        return f"{row['text']}: none"
    low, high = row["interval"]
    return f"{row['text']}: {row['mean']:.3g} [{low:.3g}, {high:.3g}]"


if __name__ == "__main__":
    sys.exit(main())
