"""`geomem tiny`: the tiny-graph laboratory, `list`, `run EXPERIMENT` and `all`."""

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from geometric_memory.cli.ending import report_command
from geometric_memory.cli.study_options import Places, add_limits, check_limits
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import MissingPackageError, require

if TYPE_CHECKING:
    from geometric_memory.tiny.results import SectionRun
    from geometric_memory.tiny.sections import Section

DESCRIPTION = "Train small models on a path-star, a grid, a cycle and an irregular graph."
RESULTS = Path("experiment_logs/tiny")
SEED = re.compile(r"[0-9]{1,9}")
MOST_SEEDS = 10_000
DRAWING = ("matplotlib", "jinja2")
PLACES = Places(
    results=RESULTS, option="report", within=Path("report/tiny_graphs"),
    public=Path("docs/results/tiny_graphs"),
)  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run one of `list`, `run` and `all`."""
    options = _parser().parse_args(argv)
    return {"list": _list, "run": _run, "all": _all}[options.command](options)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds of a list such as `7` or `0-9,16`.

    Raises:
        ConfigurationError: if it is no such list, or names a seed twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not SEED.fullmatch(first) or (dash and not SEED.fullmatch(last)):
            raise ConfigurationError([f"--seeds {text!r:.80}: write seeds as 7, 0-9 or 0-3,7"])
        named = range(int(first), int(last or first) + 1)
        if len(seeds) + len(named) > MOST_SEEDS:
            raise ConfigurationError([f"--seeds {text!r:.80}: at most {MOST_SEEDS} seeds"])
        seeds += named
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigurationError([f"--seeds {text!r:.80}: every seed once, and at least one"])
    return tuple(seeds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="geomem tiny", description=DESCRIPTION, allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | run | all")
    commands.add_parser("list", help="every experiment, its graphs and its settings")
    run = commands.add_parser("run", help="train one experiment and draw its figures")
    run.add_argument("experiment", help="its name (geomem tiny list)")
    run.add_argument(
        "--graph", default="all", help="star, grid, cycle, irregular, all of them, or a family"
    )
    run.add_argument("--seeds", default="7", help="such as 7 or 0-9 (default 7, the published)")
    run.add_argument("--no-figures", action="store_true", help="train and measure only")
    every = commands.add_parser("all", help="every published section, and the table of all numbers")
    every.add_argument("--seeds", default="0-15", help="default 0-15, the published 7 among them")
    PLACES.add_options(every)
    every.add_argument(
        "--compare-bf16", action="store_true", help="train in bf16 too, where it can matter"
    )
    every.add_argument("--figures", action="store_true", help="draw the figures of all sections")
    run.add_argument("--results", type=Path, default=RESULTS, help=f"default {RESULTS}")
    for command in (run, every):
        command.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
        add_limits(command)
        command.add_argument(
            "--resume",
            action="store_true",
            help="take stored runs of equal settings, and go on with what was killed",
        )
        command.add_argument(
            "--checkpoint-seconds",
            type=float,
            default=20.0,
            help="seconds between two states of what is not finished (default 20)",
        )
    return parser


def _list(_: argparse.Namespace) -> int:
    from geometric_memory.tiny.sections import experiments, graphs_of, section

    for name in experiments():
        graphs = graphs_of(name)
        first = section(name, graphs[0])
        origin = "published" if first.published else "beyond the release"
        sys.stdout.write(f"{name}  ({origin})\n")
        sys.stdout.writelines(f"    {_settings(section(name, graph))}\n" for graph in graphs)
    return 0


def _run(options: argparse.Namespace) -> int:
    from geometric_memory.tiny.sections import graphs_of, section

    graphs = [options.graph] if options.graph != "all" else graphs_of(options.experiment) or [""]
    drawn = not options.no_figures
    try:
        require("a figure", *(DRAWING if drawn else ()))
    except MissingPackageError as error:
        sys.stderr.write(f"note: no figures are drawn: {error}\n")
        drawn = False
    runs = _train([section(options.experiment, graph) for graph in graphs], options)
    if drawn:
        _draw(runs, options.results / "figures")
    from geometric_memory.tiny.report import summary_lines

    sys.stdout.writelines(f"{line}\n" for line in summary_lines(runs))
    folder = options.results / options.precision
    files = [folder / f"{run.section.name}.safetensors" for run in runs]
    sys.stdout.write(f"next: {report_command(*files)}\n")
    return 0


def _all(options: argparse.Namespace) -> int:
    from geometric_memory.files.whole import read_json, write_json
    from geometric_memory.tiny.report import Took, write_report
    from geometric_memory.tiny.sections import published_sections, rounding_matters

    PLACES.settle(options)
    require("--figures", *(DRAWING if options.figures else ()))
    begin = time.perf_counter()
    runs = _train(published_sections(), options)
    took = options.results / options.precision / "took.json"
    if not options.resume:
        seconds = round(time.perf_counter() - begin, 1)
        write_json(
            took, {"seconds": seconds, "cores": float(options.workers or os.cpu_count() or 1)}
        )
    rounded = []
    if options.compare_bf16:
        options.precision = "bf16"
        rounded = _train(rounding_matters(published_sections()), options)
    told = read_json(took, Took) if took.is_file() else None
    write_report(runs, options.report, rounded=rounded, took=told)
    if options.figures:
        _draw(runs, options.results / "figures")
    sys.stdout.write(f"wrote {options.report}.md and {options.report}.json\n")
    return 0


def _train(sections: "Sequence[Section]", options: argparse.Namespace) -> "list[SectionRun]":
    from geometric_memory.tiny.batches import Keeping, run_sections
    from geometric_memory.tiny.results import load_run, save_run
    from geometric_memory.tiny.training import shortened

    seeds = parse_seeds(options.seeds)
    check_limits(options)
    if options.steps is not None:
        sections = [shortened(section, options.steps) for section in sections]
    folder = options.results / options.precision
    found = {
        section: stored
        for section in sections
        if options.resume and (stored := load_run(section, seeds, options.precision, folder))
    }
    begin = time.perf_counter()

    def finished(run: "SectionRun") -> None:
        save_run(run, folder)
        seconds = time.perf_counter() - begin
        sys.stderr.write(f"{seconds:7.1f} s  {run.section.experiment}, {run.section.graph}\n")

    found = run_sections(
        sections,
        seeds,
        precision=options.precision,
        workers=options.workers or None,
        timeout=options.timeout,
        finished=finished,
        keeping=Keeping(folder=folder, interval=options.checkpoint_seconds, resume=options.resume),
        known=found,
    )
    return [found[section] for section in sections]


def _draw(runs: "Sequence[SectionRun]", folder: Path) -> None:
    from geometric_memory.tiny.pictures import draw_section

    for run in runs:
        files = draw_section(run, folder)
        sys.stderr.write(f"{len(files)} figures of {run.section.name} in {folder}\n")


def _settings(section: "Section") -> str:
    switches = [
        name
        for name, on in (
            ("positions", section.positions),
            ("frozen", section.frozen),
            ("self edges", section.self_edges),
            ("forward only", not section.backward),
            ("untied", not section.tied),
            (section.init, section.init != "default"),
            (f"dropout {section.dropout:g}", section.dropout > 0),
            (f"weight decay {section.weight_decay:g}", section.weight_decay > 0),
        )
        if on
    ]
    rate = f"rate {section.learning_rate:g}" + (" to a tenth" if section.decay else "")
    parts = [f"width {section.width}", rate, f"{section.steps} steps", *switches]
    return f"{section.graph:<10} {section.block:<12} {', '.join(parts)}"
