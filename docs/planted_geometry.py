"""Embeddings of known content, and what the geometry score makes of them.

    python docs/planted_geometry.py --draws 40

writes the tables of docs/geometry_score.md: every planted case against every verdict, and how many
maps are found by noise. A draw is an embedding with its own seed, so that more draws add to fewer.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency
from geometric_memory.analysis.geometry_result import Verdict
from geometric_memory.analysis.geometry_score import graph_reference, measure_geometry
from geometric_memory.graphs.families.irregular import NEIGHBOURS

PAGE = Path(__file__).resolve().parent / "geometry_score.md"
RESULTS = PAGE.parent / "results" / "planted_geometry.json"
BEGIN, END = "<!-- planted -->\n", "<!-- end of planted -->"
VERDICTS = get_args(Verdict)
WIDTHS = (8, 64)
NOISES = (0.0, 0.5, 1.0, 2.0)


class Graph:
    """A graph with what embeddings of it are planted from."""

    def __init__(self, edges: np.ndarray, arms: np.ndarray | None = None) -> None:
        self.edges = edges
        self.count = int(edges.max()) + 1
        adjacency = symmetric_adjacency(edges, self.count)
        self.adjacency = adjacency.toarray()
        hops = hop_distances(adjacency)
        self.connected = bool(np.isfinite(hops).all())
        self.hops = np.where(np.isfinite(hops), hops, 2 * hops[np.isfinite(hops)].max())
        self.depth = np.where(np.isfinite(hops), hops, 0).max(axis=1)
        self.arms = arms
        """Arm of each node of a star, 0 for the root."""
        if arms is not None:
            self.depth = hops[0]
        laplacian = np.diag(self.adjacency.sum(axis=0)) - self.adjacency
        self.frequencies, self.waves = np.linalg.eigh(laplacian)

    @property
    def bipartite(self) -> bool:
        """Whether neighbours always lie an odd number of hops from node 0 apart."""
        parity = self.hops[0] % 2
        return self.connected and bool((parity[self.edges[:, 0]] != parity[self.edges[:, 1]]).all())

    def blocks(self) -> np.ndarray:
        """Return arms, or four stretches of the slowest wave."""
        if self.arms is not None:
            return self.arms
        slowest = self.waves[:, 1].round(9)
        return np.argsort(np.argsort(slowest, kind="stable")) * 4 // self.count


def star(arms: int, length: int) -> Graph:
    """Return a path-star with its root at 0."""
    below = 1 + np.arange(arms * (length - 1)).reshape(arms, -1)
    chains = np.concatenate([np.zeros((arms, 1), dtype=int), below], axis=1)
    edges = np.stack([chains[:, :-1].ravel(), chains[:, 1:].ravel()], axis=1)
    return Graph(edges, np.concatenate([[0], np.repeat(np.arange(arms) + 1, length - 1)]))


def grid(side: int) -> Graph:
    """Return a square grid."""
    nodes = np.arange(side * side).reshape(side, side)
    right = np.stack([nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], axis=1)
    return Graph(np.concatenate([right, np.stack([nodes[:-1].ravel(), nodes[1:].ravel()], axis=1)]))


def cycle(count: int) -> Graph:
    """Return a cycle."""
    return Graph(np.stack([np.arange(count), (np.arange(count) + 1) % count], axis=1))


def line(count: int) -> Graph:
    """Return a line."""
    return Graph(np.stack([np.arange(count - 1), np.arange(1, count)], axis=1))


def irregular() -> Graph:
    """Return the published irregular graph: 16 nodes in two components."""
    return Graph(np.array([(u, v) for u, row in enumerate(NEIGHBOURS) for v in row if u < v]))


GRAPHS: Mapping[str, Callable[[], Graph]] = {
    "star 4x5": lambda: star(4, 5),
    "star 5x5": lambda: star(5, 5),
    "grid 4x4": lambda: grid(4),
    "cycle 15": lambda: cycle(15),
    "irregular": irregular,
}


SIZES: Mapping[str, Callable[[], Graph]] = {
    **{f"line {count}": lambda n=count: line(n) for count in (8, 12, 16)},
    **{f"cycle {count}": lambda n=count: cycle(n) for count in (8, 10, 12)},
    **{f"star {arms}x5": lambda n=arms: star(n, 5) for arms in (2, 3)},
    **{f"grid {side}x{side}": lambda n=side: grid(n) for side in (3, 5)},
}
"""Graphs of other sizes, for how few nodes suffice."""


@dataclass(frozen=True)
class Case:
    """A way to plant an embedding."""

    group: str
    name: str
    plant: Callable[[Graph, np.random.Generator], np.ndarray]
    fits: Callable[[Graph], bool] = lambda graph: True
    noise: float = 0.0
    width: int = 64


def spread(rows: np.ndarray) -> float:
    """Return the root mean square distance of two rows."""
    return float(np.sqrt(2 * np.square(rows - rows.mean(axis=0)).sum() / (len(rows) - 1)))


def noisy(rows: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Add noise: of `noise` times the mean distance between two nodes."""
    scale = noise * spread(rows) / np.sqrt(2 * rows.shape[1])
    return rows + scale * rng.standard_normal(rows.shape)


def turned(rows: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Turn rows into `width` dimensions at random; of more axes than that the largest are kept."""
    largest = np.argsort(-np.square(rows).sum(axis=0), kind="stable")[:width]
    return rows[:, largest] @ np.linalg.qr(rng.standard_normal((width, len(largest))))[0].T


def scaling(graph: Graph) -> np.ndarray:
    """Return the classical scaling of hops: the embedding whose distances are nearest to them."""
    centre = np.eye(graph.count) - 1 / graph.count
    values, vectors = np.linalg.eigh(-centre @ np.square(graph.hops) @ centre / 2)
    kept = values > 1e-9
    return vectors[:, kept] * np.sqrt(values[kept])


def heat(graph: Graph) -> np.ndarray:
    """Return waves that fade with their frequency, the constant ones left out."""
    kept = graph.frequencies > 1e-9
    slowest = graph.frequencies[kept].min()
    return graph.waves[:, kept] * np.exp(-graph.frequencies[kept] / (4 * slowest))


def laplacian_axes(graph: Graph) -> np.ndarray:
    """Return the two slowest waves."""
    first = int((graph.frequencies < 1e-9).sum())
    return graph.waves[:, first : first + 2]


def arms_by_depth(graph: Graph, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a direction for every arm, times depth."""
    directions = rng.standard_normal((graph.blocks().max() + 1, width)) / np.sqrt(width)
    return directions[graph.blocks()] * graph.depth[:, None]


def local_code(
    graph: Graph, kind: str, own: bool, width: int, rng: np.random.Generator
) -> np.ndarray:
    """Return codes of nodes made of codes of their neighbours, or of their edges."""
    codes = rng.standard_normal((graph.count, width))
    if kind == "edges":
        sides = rng.standard_normal((len(graph.edges), width))
        rows = np.zeros((graph.count, width))
        np.add.at(rows, graph.edges[:, 0], sides)
        np.add.at(rows, graph.edges[:, 1], sides)
        return rows + own * codes
    sums = graph.adjacency @ codes
    if kind == "mean":
        sums /= graph.adjacency.sum(axis=1, keepdims=True)
    return sums + own * codes


def depth_code(graph: Graph, kind: str, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return what tells depth or degree alone."""
    if kind == "norm":
        return rng.standard_normal((graph.count, width)) * (1 + graph.depth[:, None])
    if kind == "line":
        return graph.depth[:, None] * rng.standard_normal(width)
    classes = graph.depth if kind == "depth" else graph.adjacency.sum(axis=0)
    _, place = np.unique(classes, return_inverse=True)
    return rng.standard_normal((place.max() + 1, width))[place]


def random_code(graph: Graph, kind: str, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return what has no relation to the graph."""
    rows = rng.standard_normal((graph.count, width))
    if kind == "skewed":
        return rows * np.geomspace(1, 1e-3, width)
    if kind == "duplicated":
        return rows[rng.integers(graph.count // 2, size=graph.count)]
    if kind == "collapsed":
        return 10 * rows[0] + 1e-9 * rows
    return rows


def cases() -> Iterator[Case]:
    """Yield all ways of planting."""
    for width in WIDTHS:
        for kind in ("sum", "mean", "edges"):
            for own in (False, True):
                yield Case(
                    "local codes", f"{kind}{' and own' * own}",
                    lambda g, r, k=kind, o=own, w=width: local_code(g, k, o, w, r), width=width,
                )  # fmt: skip
        for kind in ("norm", "line", "depth", "degree"):
            for noise in (0.0, 0.3):
                yield Case(
                    "depth alone", kind,
                    lambda g, r, k=kind, n=noise, w=width: noisy(depth_code(g, k, w, r), n, r),
                    lambda g, k=kind: k != "degree" or len(set(g.adjacency.sum(axis=0))) > 1,
                    noise, width,
                )  # fmt: skip
        for kind in ("gaussian", "skewed", "duplicated", "collapsed"):
            yield Case("random, collapsed", kind,
                       lambda g, r, k=kind, w=width: random_code(g, k, w, r),
                       width=width)  # fmt: skip
        for noise in (0.3, 0.5, 1.0):
            yield Case(
                "clusters", "a code for every block",
                lambda g, r, n=noise, w=width: noisy(r.standard_normal((9, w))[g.blocks()], n, r),
                noise=noise, width=width,
            )  # fmt: skip
        yield from map_cases(width)


def map_cases(width: int) -> Iterator[Case]:
    """Yield maps, and maps with the sign turned at every odd hop."""
    plain: dict[str, Callable[[Graph, np.random.Generator], np.ndarray]] = {
        "scaling": lambda g, r, w=width: turned(scaling(g), w, r),
        "heat kernel": lambda g, r, w=width: turned(heat(g), w, r),
        "two Laplacian axes": lambda g, r, w=width: turned(laplacian_axes(g), w, r),
        "arms times depth": lambda g, r, w=width: arms_by_depth(g, w, r),
    }
    for name, plant in plain.items():
        fits = (lambda g: g.arms is not None) if "arms" in name else (lambda g: True)
        for noise in NOISES:
            yield Case("maps", name, lambda g, r, p=plant, n=noise: noisy(p(g, r), n, r),
                       fits, noise, width)  # fmt: skip
        for noise in NOISES[:2]:
            yield Case(
                "folded", name,
                lambda g, r, p=plant, n=noise: folded(g, noisy(p(g, r), n, r)),
                lambda g, f=fits: g.bipartite and f(g), noise, width,
            )  # fmt: skip


def folded(graph: Graph, rows: np.ndarray) -> np.ndarray:
    """Turn the sign of nodes an odd number of hops from node 0."""
    return (rows - rows.mean(axis=0)) * (1 - 2 * (graph.hops[0] % 2))[:, None]


def verdicts(case: Case, graph: Graph, draws: int) -> Counter[str]:
    """Return the verdicts on `draws` planted embeddings, the first ones whatever their number."""
    reference = graph_reference(graph.edges, graph.count)
    return Counter(
        measure_geometry(case.plant(graph, np.random.default_rng(draw)), reference).verdict
        for draw in range(draws)
    )


def measured(draws: int) -> list[dict[str, Any]]:
    """Return the verdicts on every case and graph; of other sizes, on maps by scaling alone."""
    rows = []
    for graph_name, build in {**GRAPHS, **SIZES}.items():
        graph = build()
        for case in cases():
            known = graph_name in GRAPHS or (case.group, case.name) == ("maps", "scaling")
            if known and case.fits(graph):
                found = verdicts(case, graph, draws)
                rows.append({"graph": graph_name, "group": case.group, "case": case.name,
                             "noise": case.noise, "width": case.width, "draws": draws,
                             "verdicts": dict(found)})  # fmt: skip
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def tables(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return every planted group against every verdict, and how many maps are found by noise."""
    groups: dict[str, Counter[str]] = {}
    power: dict[str, dict[tuple[str, int], dict[float, Counter[str]]]] = {}
    for row in rows:
        if row["graph"] in GRAPHS:
            groups.setdefault(row["group"], Counter()).update(row["verdicts"])
        if row["group"] == "maps":
            kinds = ["scaling"] if row["case"] == "scaling" else []
            for kind in ["all"] * (row["graph"] in GRAPHS) + kinds:
                levels = power.setdefault(kind, {}).setdefault((row["graph"], row["width"]), {})
                levels.setdefault(row["noise"], Counter()).update(row["verdicts"])
    lines = [
        "| planted | draws | " + " | ".join(VERDICTS) + " |",
        "| --- " * (len(VERDICTS) + 2) + "|",
    ]
    for group, counts in groups.items():
        cells = [group, f"{counts.total():,}", *(f"{counts[word]:,}" for word in VERDICTS)]
        lines.append(f"| {' | '.join(cells)} |")
    for kind, title in {"all": "maps of all kinds", "scaling": "maps by scaling"}.items():
        lines += [
            "",
            f"| {title} | width | " + " | ".join(f"noise {noise:g}" for noise in NOISES) + " |",
            "| --- " * (len(NOISES) + 2) + "|",
        ]
        for (graph, width), levels in power[kind].items():
            shares = [f"{levels[n]['map'] / levels[n].total():.0%}" for n in NOISES]
            lines.append(f"| {graph} | {width} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Plant, measure and write the tables of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    told = "embeddings of a case and a graph; 0 only writes the tables anew"
    parser.add_argument("--draws", type=int, default=24, help=told)
    draws = parser.parse_args().draws
    if draws:
        rows = [json.dumps(row) for row in measured(draws)]
        RESULTS.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    stored = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(f"{before}{BEGIN}{tables(stored)}{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
