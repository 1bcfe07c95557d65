"""`geomem train`, and `python train_in_weights.py`: one training run."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geometric_memory.cli.arguments import Parsed, parse
from geometric_memory.cli.ending import ending
from geometric_memory.config import RunConfig
from geometric_memory.config.own_graph import fit_settings, is_open, outcome
from geometric_memory.config.presets import PRESETS
from geometric_memory.config.run import obey_intervals
from geometric_memory.errors import ConfigurationError

if TYPE_CHECKING:
    from geometric_memory.training.processes import Processes

DESCRIPTION = (
    "Train a model on the edges and paths of a graph, in its weights, and measure it. With a graph "
    "of your own and no --preset or --config, sizes, rate and length that are not given suit it."
)

PUBLISHED_DEFAULTS = {
    "keep_checkpoints": "all", "evaluated_epochs": "published", "evaluation_share": 0.0,
}  # fmt: skip
"""Where `python train_in_weights.py` differs from `geomem train`, as published."""


def published(argv: Sequence[str]) -> int:
    """Train with the defaults of the published script."""
    return main(argv, program="train_in_weights.py", defaults=PUBLISHED_DEFAULTS)


def main(
    argv: Sequence[str], *, program: str = "geomem train",
    defaults: Mapping[str, Any] | None = None,
) -> int:  # fmt: skip
    """Train as the command line asks and print the result."""
    parsed = parse(
        RunConfig, with_graph_type(argv), program=program, description=DESCRIPTION, presets=PRESETS,
        add_extra=_add_options, defaults=defaults,
    )  # fmt: skip
    _check_resume(parsed)
    from geometric_memory.training.processes import join_processes, leave_processes

    processes = join_processes()
    try:
        if processes.leads:
            _lead(parsed, processes)
        else:
            from geometric_memory.runs.train import follow_training

            follow_training(processes)
    finally:
        leave_processes()
    return 0


def with_graph_type(argv: Sequence[str]) -> Sequence[str]:
    """Return `argv` with the type of the graph that `--graph FILE` names."""
    named = any(word.partition("=")[0] == "--graph" for word in argv)
    return ["--graph_type", "custom", *argv] if named else argv


def add_graph(parser: argparse.ArgumentParser) -> None:
    """Add `--graph FILE`."""
    parser.add_argument(
        "--graph", dest="graph_file", nargs="?", const=None, metavar="FILE",
        help="train on a graph of your own: --graph_type custom --graph_file FILE",
    )  # fmt: skip


def _lead(parsed: Parsed[RunConfig], processes: "Processes") -> None:
    from geometric_memory.console import make_console, say

    options, progress = dict(parsed.extra), make_console(stderr=True)
    chooses = (
        is_open(parsed.config, parsed.given)
        and not {"preset", "config"} & {*options}
        and options.get("resume", "auto") == "auto"
    )
    if chooses:
        from geometric_memory.graphs.build import draw_graph
        from geometric_memory.work.processes import core_count

        graph = draw_graph(parsed.config.graph)
        config, line = fit_settings(parsed.config, parsed.given, graph, cores=core_count())
        parsed = replace(parsed, config=config)
        say(progress, line)
    if options.pop("dry_run", False):
        _report_needs(parsed)
        processes.broadcast((None, "", ""))
        return
    for source in ("preset", "config"):
        options.pop(source, None)
    from geometric_memory.report.media import draw_media
    from geometric_memory.runs.train import train

    if options.get("resume", "auto") != "auto":
        from geometric_memory.report.stored import located

        options["resume"] = located(Path(options["resume"]), trained=True)
    run = train(
        parsed.config, given=parsed.given, processes=processes, ends_process=True,
        draw=draw_media, **options,
    )  # fmt: skip
    say(make_console(), ending(run))
    if chooses:
        say(progress, outcome(run.config, run.summary))


def _report_needs(parsed: Parsed[RunConfig]) -> None:
    from geometric_memory.console import make_console, say
    from geometric_memory.runs.needs import dry_run

    progress, output = make_console(stderr=True), make_console()
    config, given = obey_intervals(parsed.config, parsed.given)
    for warning in config.warnings(given):
        say(progress, f"warning: {warning}")
    for line in dry_run(config, progress):
        warns = line.startswith("warning:")
        say(progress if warns else output, line)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_graph(parser)
    parser.add_argument(
        "--dry_run", action="store_true",
        help="report parameters, shapes, memory, disk, steps and time after a few timed steps, "
        "and write nothing",
    )  # fmt: skip
    group = parser.add_argument_group("Going on with a run that was stopped")
    group.add_argument(
        "--resume", nargs="?", const=None, metavar="RUN",
        help="folder of a run or of a checkpoint, or latest; or auto: the unfinished run with "
        "these settings, or a new one",
    )  # fmt: skip
    group.add_argument(
        "--strict_resume", action="store_true",
        help="refuse a damaged last checkpoint, instead of taking the one before it",
    )  # fmt: skip
    group.add_argument(
        "--steal_lock", action="store_true",
        help="go on although a process of another machine left its lock in the run folder",
    )  # fmt: skip
    group.add_argument(
        "--other_data", action="store_true",
        help="go on though the data set is not that of the checkpoint; resumes.jsonl notes it",
    )  # fmt: skip


def _check_resume(parsed: Parsed[RunConfig]) -> None:
    extra = parsed.extra
    problems = []
    if "resume" in extra and extra["resume"] in (None, ""):
        problems.append("--resume needs a value: the folder of a run, or auto")
    if extra.get("resume", "auto") != "auto":
        problems += [
            f"--{name}: --resume RUN takes its settings from the run"
            for name in ("preset", "config", "dry_run")
            if name in extra
        ]
    if problems:
        raise ConfigurationError(problems)
