"""`geomem findings [NAME...]`: what the paper leaves open, answered with intervals."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from geometric_memory.cli.study_options import Places, add_limits, check_limits
from geometric_memory.cli.tiny import parsed_seeds
from geometric_memory.extras import require

if TYPE_CHECKING:
    from geometric_memory.studies.findings.finding import Effort, Finding

DESCRIPTION = (
    "Answer questions that the paper leaves open: train, measure, and write a page for each, with "
    "figure, table and limits. Work that is stored is not done again."
)
PLACES = Places(
    results=Path("experiment_logs/findings"), option="pages", within=Path("pages"),
    public=Path("docs/findings"),
)  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Make the pages that `argv` names, all of them when it names none."""
    options = _parser().parse_args(argv)
    from geometric_memory.studies.choice import chosen
    from geometric_memory.studies.findings.registry import FINDINGS

    findings = chosen(options.findings, FINDINGS, word="finding", command="geomem findings")
    if options.list:
        sys.stdout.writelines(f"{each.name}\n    {each.question}\n" for each in findings)
        return 0
    effort = _effort(options)
    require("geomem findings", "matplotlib")
    for finding in findings:
        _make(finding, effort, options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="geomem findings", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("findings", nargs="*", metavar="NAME", help="names (--list); default all")
    parser.add_argument("--list", action="store_true", help="list the findings and their questions")
    parser.add_argument("--seeds", help="seeds such as 0-3, of every training; default 4 and 8")
    add_limits(parser)
    PLACES.add_options(parser)
    return parser


def _effort(options: argparse.Namespace) -> "Effort":
    check_limits(options)
    PLACES.settle(options)
    from geometric_memory.studies.findings.finding import Effort

    effort = Effort(steps=options.steps)
    if options.seeds:
        seeds = parsed_seeds(options.seeds)
        effort = replace(effort, path_seeds=seeds, tiny_seeds=seeds)
    return effort


def _make(finding: "Finding", effort: "Effort", options: argparse.Namespace) -> None:
    from geometric_memory.runs.environment import describe_machine
    from geometric_memory.studies.findings.pages import write_page
    from geometric_memory.studies.findings.pieces import answered, core_minutes
    from geometric_memory.work.processes import core_count

    begin = time.perf_counter()

    def tell(text: str) -> None:
        sys.stderr.write(f"{time.perf_counter() - begin:7.1f} s  {finding.name}: {text}\n")

    pieces = finding.pieces(effort)
    answers = answered(pieces, options.results, workers=options.workers or core_count(), tell=tell)
    outcome = finding.conclude(pieces, answers)
    about = {
        "core_minutes": round(core_minutes(pieces, options.results), 2),
        "machine": describe_machine(),
    }
    for file in write_page(finding, outcome, options.pages, effort=effort, about=about):
        sys.stdout.write(f"wrote {file}\n")
