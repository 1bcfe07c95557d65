"""`geomem dataset`, also `python data/build_in_weights_datasets.py`: write a data set."""

import argparse
import sys
from collections.abc import Sequence

from geometric_memory.cli.arguments import parse
from geometric_memory.config import DatasetConfig
from geometric_memory.config.run import dataset_warnings
from geometric_memory.errors import GeometricMemoryError

PUBLISHED_DEFAULTS = {"graph_type": None, "path_length": 5, "grid_rows": 4, "grid_cols": 4}
"""Where this command differs from the training command, as published."""


def main(argv: Sequence[str], *, program: str = "geomem dataset") -> int:
    """Build the data set that `argv` describes; return the exit code."""
    try:
        _build(argv, program)
    except GeometricMemoryError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def _build(argv: Sequence[str], program: str) -> None:
    parsed = parse(
        DatasetConfig,
        argv,
        program=program,
        description="Write the edge facts and the paths of a graph, split into train and test.",
        defaults=PUBLISHED_DEFAULTS,
        add_extra=_add_options,
    )
    # Here, not above: --help and refused options need not wait for numpy.
    from geometric_memory.datasets.writer import build_dataset
    from geometric_memory.graphs.build import draw_graph

    config = parsed.config
    for warning in _warnings(config, parsed.given):
        sys.stderr.write(f"warning: {warning}\n")
    if parsed.extra.get("show"):
        graph = draw_graph(config.graph)
        _print_notes(graph.notes)
        sys.stdout.write(graph.description + "\n")
        return
    files = build_dataset(config, overwrite=parsed.extra.get("overwrite", False))
    _print_notes(files.notes)
    lines = [
        f"{config.graph.graph_type}: {files.manifest.node_count} nodes, "
        f"paths of {config.graph.path_length} nodes, seed {config.graph.random_seed}",
        f"written to {files.pretrain.parent}:",
        *(f"  {record.name}  {record.lines} lines" for record in files.manifest.files),
        draw_graph(config.graph).description,
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _print_notes(notes: Sequence[str]) -> None:
    for note in notes:
        sys.stderr.write(f"warning: {note}\n")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--show", action="store_true",
        help="print what the graph is (nodes, edges, direction, parts, first edges), write nothing",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the files of this data set if they exist"
    )


def _warnings(config: DatasetConfig, given: frozenset[str]) -> list[str]:
    found = dataset_warnings(config, given)
    found += [
        f"--{name} changes no file: both variants are always written, and training selects one"
        for name in ("add_self_edges", "self_edges")
        if name in given
    ]
    return found
