"""`geomem train`, and `python train_in_weights.py`: one training run."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from geometric_memory.cli.arguments import Parsed, parse
from geometric_memory.cli.ending import ending
from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from geometric_memory.runs.launch import RunResult
    from geometric_memory.training.processes import Processes

INTERVALS = frozenset(
    {"edge_memorization_eval_interval_epochs", "path_finetuning_eval_interval_epochs"}
)
DESCRIPTION = "Train a model on the edges and paths of a graph, in its weights, and measure it."


def main(argv: Sequence[str]) -> int:
    """Train as the command line says and print the result."""
    presets = {name: preset.config for name, preset in PRESETS.items()}
    parsed = parse(
        RunConfig, argv, program="geomem train", description=DESCRIPTION, presets=presets,
        add_extra=_add_options,
    )  # fmt: skip
    _check_resume(parsed)
    parsed = _obey_intervals(parsed)
    from geometric_memory.training.processes import join_processes, leave_processes

    processes = join_processes()
    try:
        if processes.leads:
            _lead(parsed, processes)
        else:
            from geometric_memory.runs.following import follow_training

            follow_training(processes)
    finally:
        leave_processes()
    return 0


def _lead(parsed: Parsed[RunConfig], processes: "Processes") -> None:
    from geometric_memory.console import make_console, say

    progress = make_console(stderr=True)
    resumes_run = parsed.extra.get("resume", "auto") != "auto"
    for warning in () if resumes_run else parsed.config.warnings(parsed.given):
        say(progress, f"warning: {warning}")
    if parsed.extra.get("dry_run"):
        _report_needs(parsed.config, progress)
        processes.tell((None, "", ""))
        return
    result = _run(parsed, progress, processes)
    say(make_console(), ending(result))


def _report_needs(config: RunConfig, progress: "Console") -> None:
    from geometric_memory.console import make_console, say
    from geometric_memory.runs.dry_run import dry_run

    output = make_console()
    for line in dry_run(config, progress):
        warns = line.startswith("warning:")
        say(progress if warns else output, line)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry_run", action="store_true",
        help="report parameters, shapes, memory, disk, steps and time after a few timed steps, "
        "and write nothing",
    )  # fmt: skip
    _add_resume(parser)


def _add_resume(parser: argparse.ArgumentParser) -> None:
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


def _obey_intervals(parsed: Parsed[RunConfig]) -> Parsed[RunConfig]:
    """Stretch no interval of evaluation if one was typed, unless told to."""
    typed = parsed.given & INTERVALS
    if not typed or "evaluation_share" in parsed.given:
        return parsed
    logging = replace(parsed.config.logging, evaluation_share=0.0)
    return replace(
        parsed,
        config=replace(parsed.config, logging=logging),
        given=parsed.given | {"evaluation_share"},
    )


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


def _run(parsed: Parsed[RunConfig], console: "Console", processes: "Processes") -> "RunResult":
    from geometric_memory.experiments.stored import located
    from geometric_memory.runs import launch
    from geometric_memory.runs.resume import locate, resumed_config

    place = parsed.extra.get("resume", "")
    strict = parsed.extra.get("strict_resume", False)
    if not place:
        return launch.run_training(parsed.config, console, processes=processes)
    if place == "auto":
        return launch.resume_or_start(parsed.config, console, strict=strict, processes=processes)
    folder, checkpoint = locate(located(Path(place), trained=True))
    return launch.resume_training(
        resumed_config(folder, parsed.config, parsed.given), folder, console,
        checkpoint=checkpoint, strict=strict, steal_lock=parsed.extra.get("steal_lock", False),
        processes=processes,
        other_data=parsed.extra.get("other_data", False),
    )  # fmt: skip
