"""Graphs of one's own, trained as `gm.train(graph)` chooses: the table of docs/own_graphs.md.

    python docs/own_graphs.py [--seeds 3] [--graphs karate,kite] [--folder build/own_graphs]

What is in docs/results/own_graphs.json is not trained again.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

import geometric_memory as gm

DOCS = Path(__file__).parent
RESULTS, PAGE = DOCS / "results/own_graphs.json", DOCS / "own_graphs.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
GRAPHS = {
    "kite": ("Krackhardt kite", nx.krackhardt_kite_graph),
    "florentine": ("Florentine families", nx.florentine_families_graph),
    "davis": ("Davis, southern women and events", nx.davis_southern_women_graph),
    "karate": ("Zachary's karate club", nx.karate_club_graph),
    "miserables": ("Les Misérables", nx.les_miserables_graph),
    "binary": ("balanced binary tree, depth 5", lambda: nx.balanced_tree(2, 5)),
    "tree": ("random tree", lambda: nx.random_labeled_tree(100, seed=1)),
    "grid": ("grid 8 x 8", lambda: nx.convert_node_labels_to_integers(nx.grid_2d_graph(8, 8))),
    "ladder": ("circular ladder", lambda: nx.circular_ladder_graph(30)),
    "small_world": ("small world (200, 4, 0.1)", lambda: nx.watts_strogatz_graph(200, 4, 0.1, 1)),
    "scale_free": ("scale-free (200, 2)", lambda: nx.barabasi_albert_graph(200, 2, 1)),
    "random": ("random (100 nodes, 200 edges)", lambda: nx.gnm_random_graph(100, 200, 1)),
    "large_world": ("small world (1000, 4, 0.1)", lambda: nx.watts_strogatz_graph(1000, 4, 0.1, 1)),
    "large_tree": ("random tree (2000)", lambda: nx.random_labeled_tree(2000, seed=1)),
    "larger_world": (
        "small world (2000, 4, 0.1)",
        lambda: nx.watts_strogatz_graph(2000, 4, 0.1, 1),
    ),
    "large_free": ("scale-free (2000, 2)", lambda: nx.barabasi_albert_graph(2000, 2, 1)),
} | {
    f"{kind}_{nodes}": (f"{title} ({nodes}{sizes})", partial(make, nodes))
    for nodes in (5000, 10_000, 20_000)
    for kind, title, sizes, make in (
        ("tree", "random tree", "", lambda n: nx.random_labeled_tree(n, seed=1)),
        ("world", "small world", ", 4, 0.1", lambda n: nx.watts_strogatz_graph(n, 4, 0.1, 1)),
        ("free", "scale-free", ", 2", lambda n: nx.barabasi_albert_graph(n, 2, 1)),
    )
}
"""Name, title and graph."""


def trial(name: str, seed: int) -> dict[str, Any]:
    """Train on a graph with nothing but a seed, and return what became of it."""
    begin = time.process_time()
    run = gm.train(gm.graph(GRAPHS[name][1]()), seed=seed)
    processor = time.process_time() - begin
    summary, graph = run.summary, run.graph
    assert graph is not None
    return {
        "graph": name, "seed": seed, "nodes": graph.node_count, "edges": len(graph.edges),
        "known": run["edge_memorization/top_k_recovery"], "answered": run["test/accuracy"],
        "possible": summary["ceiling"], "shortest": run["test/any_shortest_path"],
        "verdict": run.geometry().verdict, "seconds": summary["seconds"],
        "processor_seconds": processor,
    }  # fmt: skip


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table: a line per graph, means over its seeds."""
    lines = [
        "| graph | nodes, edges | facts known (%) | held-out paths (%) | best possible (%) | any "
        "shortest path (%) | geometry | seconds | seeds |",
        "| --- " * 9 + "|",
    ]
    for name, (title, _) in GRAPHS.items():
        found = [row for row in rows if row["graph"] == name]
        if found:
            mean = {
                key: np.mean([row[key] for row in found])
                for key in ("known", "answered", "possible", "shortest", "seconds")
            }
            verdicts, least = [row["verdict"] for row in found], min(row["known"] for row in found)
            told = ", ".join(
                f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts)
            )
            lines.append(
                f"| {title} | {found[0]['nodes']}, {found[0]['edges']} | "
                f"{'100' if least == 100 else f'{least:.3f}'} | {mean['answered']:.0f} | "
                f"{mean['possible']:.0f} | {mean['shortest']:.0f} | {told} | "
                f"{mean['seconds']:.0f} | {len(found)} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what is missing, and write results and table after each run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--graphs", default=",".join(GRAPHS))
    parser.add_argument("--folder", type=Path, default=DOCS.parent / "build/own_graphs")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for seed in range(options.seeds):
        for name in options.graphs.split(","):
            rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
            if any((row["graph"], row["seed"]) == (name, seed) for row in rows):
                continue
            with chdir(options.folder):
                row = trial(name, seed)
            rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
            RESULTS.write_text(json.dumps([*rows, row], indent=1) + "\n")
            print(row, flush=True)
    rows = json.loads(RESULTS.read_text())
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(rows) + END + rest.partition(END)[2], encoding="utf-8")


if __name__ == "__main__":
    main()
