"""Commands about runs that exist: list, evaluate, report, plot, verify and convert them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from geometric_memory.config.topics import Device
from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require
from geometric_memory.limits import whole_number

COLUMNS = ("changed", "status", "steps", "edges %", "paths %", "run")
PUBLISHED = (".pt", ".pth", ".safetensors")
"""Endings of files of weights."""
FORMATS = (".png", ".svg", ".pdf")
"""Endings of files of pictures."""
EDGES, PATHS = "edge_memorization/top_k_recovery", "test/accuracy"


def list_runs(argv: Sequence[str]) -> int:
    """Print a row per run, or one JSON list of them."""
    parser = _parser(
        "list",
        "List the runs at or below a folder, the newest first: how each ended, its steps, the "
        "percent of edges memorized and of held-out paths answered, and its path. Where a command "
        "takes a run, latest names the first run of experiment_logs, and FOLDER/latest that of "
        "another folder.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("experiment_logs"), metavar="FOLDER",
        help="where to look (default experiment_logs)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    from geometric_memory.errors import printable
    from geometric_memory.files.whole import json_bytes
    from geometric_memory.report.stored import listed

    rows = listed(options.folder)
    if options.json:
        sys.stdout.write(json_bytes(rows).decode())
        return 0
    if not rows:
        sys.stderr.write(f"no run in {printable(str(options.folder))}\n")
        return 0
    table = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(printable(line.rstrip()) + "\n")
    return 0


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return a run as the text of its columns; one of `geomem tiny` is named with its seed."""
    final, steps = row["final"], row["steps"]
    shares = ("-" if (x := final.get(n)) is None else f"{x:.1f}" for n in (EDGES, PATHS))
    run = row["run"] if row["command"] != "geomem tiny" else f"{row['run']} (seed {row['seed']})"
    run = f"{run}  {row['problem']}" if row["problem"] else run
    return (row["changed"], row["status"], "-" if steps is None else str(steps), *shares, run)


def evaluate(argv: Sequence[str]) -> int:
    """Print the metrics of a run's checkpoint as a table, or as JSON."""
    parser = _parser(
        "evaluate", "Measure the held-out paths and the edge facts of a finished run.",
        device="where to measure (default: that of the run, where this machine has it, else auto)",
    )  # fmt: skip
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of the run, or latest")
    parser.add_argument(
        "--checkpoint", default="final", metavar="NAME",
        help="final, best, STAGE_final, the number of a step, or a .safetensors file "
        "(default final)",
    )  # fmt: skip
    parser.add_argument(
        "--allow_nonfinite", action="store_true", help="measure weights that hold NaN or infinity"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(argv)
    from geometric_memory.files.whole import json_bytes
    from geometric_memory.report.stored import located
    from geometric_memory.runs.measurement import evaluate_run
    from geometric_memory.runs.run import Run

    run = Run(located(options.run, trained=True))
    metrics = evaluate_run(
        run, options.checkpoint, device=options.device, allow_nonfinite=options.allow_nonfinite
    )
    if options.json:
        sys.stdout.write(json_bytes(metrics).decode())
    else:
        width = max(map(len, metrics))
        sys.stdout.writelines(f"{name:<{width}}  {value:.4f}\n" for name, value in metrics.items())
    return 0


def report(argv: Sequence[str]) -> int:
    """Write a page or a card, and print where it is."""
    parser = _parser(
        "report",
        "Write one self-contained HTML page about a run, or about several side by side; with "
        "--plot, one still figure for a paper. RUN is the folder of a training run, or a stored "
        "section of geomem tiny. Nothing in the run is changed.",
        device="where the page asks the model (default cpu, whose answers are always the same)",
    )
    parser.set_defaults(device="cpu")
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="folder of a run, or latest"
    )
    parser.add_argument(
        "--output", type=Path, help="the file to write (default: report.html in the run's folder; "
        "a new comparison.html here for several)",
    )  # fmt: skip
    parser.add_argument(
        "--plot", default="", metavar="KIND",
        help="a still figure, PDF, PNG and the arrays as JSON: card, curves, loss, accuracy, "
        "memorization, rate, graph, space, evolution, umap, cosine, hops, spectrum or map",
    )  # fmt: skip
    parser.add_argument(
        "--card", action="store_const", const="card", dest="plot", help="the same as --plot card"
    )
    parser.add_argument(
        "--step", type=int, default=-1, metavar="N",
        help="show the embedding up to the stored step nearest to N (default: the last)",
    )  # fmt: skip
    parser.add_argument(
        "--components", type=_components, default=(), metavar="2,3,4",
        help="principal components to show the embedding along (default: the widest on which "
        "neighbours lie nearer than two nodes at random)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    seen = {"step": options.step, "components": options.components}
    require("geomem report", "matplotlib", "jinja2")
    from geometric_memory.report.write import report, still

    if options.plot:
        written = still(options.runs, options.output, options.plot, **seen)
    else:
        written = report(options.runs, options.output, device=options.device, **seen)
    sys.stdout.write(f"wrote {written}\n")
    return 0


def plot(argv: Sequence[str]) -> int:
    """Draw metrics of runs along training into a file, or as text."""
    parser = _parser(
        "plot",
        "Draw metrics of runs along training. Runs whose settings differ in the seed alone are one "
        "curve: their mean, with its 95 % interval as a band.",
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN",
        help="run folders, folders of some, sections of geomem tiny, or latest",
    )  # fmt: skip
    parser.add_argument(
        "--metric", action="append", default=[], metavar="NAME",
        help="a metric by the name it is logged under; again for another (default: losses, "
        "accuracies and levels that there are)",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="FILE",
        help="a .png, .svg or .pdf file, with its numbers as .json beside it (default: in the "
        "terminal)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    if options.output and options.output.suffix not in FORMATS:
        raise ConfigurationError(
            [f"--output {options.output}: a file ends in {', '.join(FORMATS)}"]
        )
    require("geomem plot", "matplotlib", "jinja2")
    from geometric_memory.figures.picture import Chart
    from geometric_memory.figures.terminal import draw
    from geometric_memory.report.comparison import metrics_picture
    from geometric_memory.report.stored import located, runs_in, runs_of

    paths = [path for place in options.runs for path in runs_in(located(place))]
    picture = metrics_picture([run for path in paths for run in runs_of(path)], options.metric)
    if options.output:
        sys.stdout.write(f"wrote {picture.save(options.output)}\n")
    else:
        charts = [draw(panel) for panel in picture.panels if isinstance(panel, Chart)]
        sys.stdout.write("\n".join(charts))
    return 0


def _components(text: str) -> tuple[int, ...]:
    found = [whole_number(part.strip()) for part in text.split(",")]
    if None in found:
        raise argparse.ArgumentTypeError(f"{text!r:.60}: write them as 2,3,4")
    return tuple(place for place in found if place is not None)


def verify(argv: Sequence[str]) -> int:
    """Replay some steps of a run and print whether the bits are the same."""
    parser = _parser(
        "verify",
        "Train again from one checkpoint of a run to the next, and compare weights, optimizer and "
        "sums bit for bit. Nothing in the run is changed. Exit code 4 if they differ.",
        device="where to train (default: that of the run, where this machine has it, else auto)",
    )
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of the run, or latest")
    parser.add_argument(
        "--steps", metavar="N", type=int, default=1000,
        help="most steps to train again (default 1000)",
    )  # fmt: skip
    options = parser.parse_args(argv)
    from geometric_memory.console import make_console
    from geometric_memory.report.stored import located
    from geometric_memory.runs.replay import replay
    from geometric_memory.runs.run import Run

    run, console = Run(located(options.run, trained=True)), make_console(stderr=True)
    done = replay(run, options.steps, console, device=options.device)
    steps = f"steps {done.start} to {done.end} trained again: "
    if done.differing:
        names = ", ".join(done.differing[:10])
        sys.stdout.write(
            f"{steps}{len(done.differing)} of {done.tensors} tensors differ: {names}\n"
        )
        return 4
    sys.stdout.write(f"{steps}all {done.tensors} tensors equal, bit for bit\n")
    return 0


def convert(argv: Sequence[str]) -> int:
    """Convert published weights to ours, or what a run holds to a format of other programs."""
    parser = _parser(
        "convert",
        "Convert weights that come in or go out. Published weights (.pt, or .safetensors with the "
        "published names) become safetensors with our names; a .pt file is read as plain tensors "
        "only, in a process of its own. With --to, a run goes out in a format of other programs, "
        "and a .safetensors file of ours as published weights.",
    )
    parser.add_argument(
        "source", metavar="SOURCE", type=Path, help="a file of weights, a run, or latest"
    )
    parser.add_argument(
        "target", nargs="?", metavar="TARGET", type=Path,
        help="what to write (default: a new file or folder in the run, or beside the file)",
    )  # fmt: skip
    parser.add_argument(
        "--to", metavar="FORMAT", default="",
        help="published (a .pt file for the published code), huggingface (a folder that "
        "transformers loads), projector (a folder for TensorBoard), word2vec, npy or csv "
        "(embeddings), card (a model card)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoint", default="", metavar="NAME",
        help="of a run: final, best, STAGE_final, or the number of a step (default: the last)",
    )  # fmt: skip
    parser.add_argument(
        "--trust", action="store_true", help="open a .pt file, although it is a pickle"
    )
    options = parser.parse_args(argv)
    source, target = options.source, options.target
    from geometric_memory.tiny.section_source import is_section

    if (source.suffix in PUBLISHED or source.is_file()) and not is_section(source):
        target = target or source.with_suffix(".pt" if options.to else ".safetensors")
        if options.to not in ("", "published"):
            raise ConfigurationError([f"--to {options.to} is for a run, and {source} is a file"])
        from geometric_memory.models.published import convert_published

        back = options.to == "published"
        count = convert_published(source, target, trust=options.trust, back=back)
        sys.stdout.write(f"wrote {count} tensors to {target}\n")
        return 0
    if not options.to:
        raise ConfigurationError([f"--to FORMAT is missing: what to make of the run {source}"])
    from geometric_memory.api.run import load

    written = load(source).convert(options.to, target, checkpoint=options.checkpoint)
    sys.stdout.write(f"wrote {written}\n")
    return 0


def _parser(name: str, description: str, *, device: str = "") -> argparse.ArgumentParser:
    """Return the parser of a command, with the option `--device` if that has a help text."""
    parser = argparse.ArgumentParser(
        prog=f"geomem {name}", description=description, allow_abbrev=False
    )
    if device:
        parser.add_argument("--device", choices=get_args(Device), default="", help=device)
    return parser
