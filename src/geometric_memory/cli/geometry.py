"""`geomem geometry EMBEDDINGS GRAPH`: whether vectors in a file are a map of a graph."""

import argparse
import sys
from collections.abc import Sequence

from geometric_memory.cli.arguments import parse
from geometric_memory.config import GraphConfig

DESCRIPTION = (
    "Print whether vectors are a map of a graph: score with 95 % interval, verdict and reason, and "
    "distance and order by hops. In Python: gm.geometry(embeddings, graph)."
)


def main(argv: Sequence[str]) -> int:
    """Print the geometry of a file of vectors, as text or as JSON."""
    parsed = parse(
        GraphConfig, argv, program="geomem geometry", description=DESCRIPTION,
        defaults={"graph_type": "custom"}, add_extra=_add_options,
    )  # fmt: skip
    from geometric_memory.api.geometry import geometry
    from geometric_memory.files.whole import json_bytes
    from geometric_memory.graphs.build import draw_graph

    graph = draw_graph(parsed.config.graph)
    sys.stderr.writelines(f"warning: {note}\n" for note in graph.notes)
    found = geometry(parsed.extra["embeddings"], graph)
    if parsed.extra.get("json"):
        sys.stdout.write(json_bytes(found).decode())
    else:
        sys.stdout.write(f"{graph.description}\n{found}\n")
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.usage = "geomem geometry EMBEDDINGS [GRAPH] [options]"
    parser.add_argument(
        "embeddings", metavar="EMBEDDINGS",
        help="vectors, a row per node in the order of the nodes, or by name: .npy, .npz, "
        ".safetensors, .csv, or word2vec text",
    )  # fmt: skip
    parser.add_argument(
        "graph_file", nargs="?", metavar="GRAPH", default=argparse.SUPPRESS,
        help="file of the graph, in any format of geomem dataset; leave it out for the graph of a "
        "family, such as --graph_type grid",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
