"""`geomem reproduce [CLAIM...]`: the claims of the paper, tried with several seeds."""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from geometric_memory.cli.study_options import Places, add_limits, check_limits
from geometric_memory.cli.tiny import parsed_seeds
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require

if TYPE_CHECKING:
    from geometric_memory.studies.claims.study import Result, Study

DESCRIPTION = (
    "Try the claims of the paper: train with several seeds, hold numbers against criteria that "
    "were written down first, and give a verdict on each. What is there already is not done again."
)
PLACES = Places(
    results=Path("experiment_logs/claims"), option="report", within=Path("report/claims"),
    public=Path("docs/results/claims"),
)  # fmt: skip
FAILED = 1


def main(argv: Sequence[str]) -> int:
    """Try the claims that `argv` names, all of them when it names none."""
    options = _parser().parse_args(argv)
    if options.list:
        return _list()
    study = _study(options)
    require("geomem reproduce", "matplotlib", "jinja2", "networkx")
    begin = time.perf_counter()
    results = _carry_out(study, options)
    seconds = time.perf_counter() - begin
    _write(study, results, options, seconds)
    return FAILED if any(result["errors"] for result in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="geomem reproduce", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("claims", nargs="*", metavar="CLAIM", help="names (--list); default all")
    parser.add_argument("--list", action="store_true", help="list the claims and their sources")
    parser.add_argument(
        "--scale", default="laptop", choices=("laptop", "gpu"),
        help="laptop: two CPU cores, some 45 minutes; gpu: the published sizes, days",
    )  # fmt: skip
    parser.add_argument("--seeds", help="seeds of runs, such as 0-4; default those of the scale")
    add_limits(parser)
    PLACES.add_options(parser)
    return parser


def _list() -> int:
    from geometric_memory.studies.claims.registry import CLAIMS

    for name, claim in CLAIMS.items():
        sys.stdout.write(f"{name}  ({claim.source})\n    {claim.statement}\n")
    return 0


def _study(options: argparse.Namespace) -> "Study":
    check_limits(options)
    PLACES.settle(options)
    from geometric_memory.studies.choice import chosen
    from geometric_memory.studies.claims.registry import CLAIMS
    from geometric_memory.studies.claims.scales import SCALES
    from geometric_memory.studies.claims.study import Study

    scale = SCALES[options.scale]()
    if options.seeds:
        seeds = parsed_seeds(options.seeds)
        scale = replace(scale, seeds=seeds, tiny_seeds=seeds)
    study = Study(
        claims=chosen(options.claims, CLAIMS, word="claim", command="geomem reproduce"),
        scale=scale, results=options.results, steps=options.steps,
    )  # fmt: skip
    if options.publish:
        _check_complete(study)
    return study


def _check_complete(study: "Study") -> None:
    """Refuse to publish a page that would lose claims."""
    from geometric_memory.studies.claims.registry import CLAIMS
    from geometric_memory.studies.claims.study import stored_result

    rest = [claim for claim in CLAIMS.values() if claim not in study.claims]
    missing = [claim.name for claim in rest if stored_result(study, claim) is None]
    if missing:
        raise ConfigurationError(
            [f"--publish: the page would lose {', '.join(missing)}; name no claim to try all"]
        )


def _carry_out(study: "Study", options: argparse.Namespace) -> "list[Result]":
    from geometric_memory.studies.claims.registry import CLAIMS
    from geometric_memory.studies.claims.study import carry_out, stored_result
    from geometric_memory.work.processes import core_count

    begin = time.perf_counter()

    def tell(text: str) -> None:
        sys.stderr.write(f"{time.perf_counter() - begin:7.1f} s  {text}\n")

    found = {}
    for claim, result in carry_out(study, options.workers or core_count(), tell):
        found[claim.name] = result
        verdict = result["verdict"] or "failed"
        tell(f"{claim.name}: {verdict}")
        sys.stdout.write(f"{claim.name}: {verdict}\n")
        sys.stdout.flush()
    # The page tells of every claim, those of earlier calls too.
    for claim in CLAIMS.values():
        if claim.name not in found and (earlier := stored_result(study, claim)):
            found[claim.name] = earlier
    return [found[name] for name in CLAIMS if name in found]


def _write(
    study: "Study", results: "list[Result]", options: argparse.Namespace, seconds: float
) -> None:
    from geometric_memory.runs.environment import describe_machine
    from geometric_memory.studies.claims.pages import write_pages
    from geometric_memory.studies.claims.registry import CLAIMS
    from geometric_memory.work.processes import core_count

    about = {
        "scale": study.scale.name,
        "seconds": round(seconds, 1),
        "core_seconds": round(replace(study, claims=tuple(CLAIMS.values())).core_seconds(), 1),
        "workers": options.workers or core_count(),
        "machine": describe_machine(),
    }
    for file in write_pages(study, results, options.report, about=about):
        sys.stdout.write(f"wrote {file}\n")
