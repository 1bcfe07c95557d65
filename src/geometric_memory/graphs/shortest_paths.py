"""Random shortest paths of a given length, for graphs that bring no paths of their own.

Many starts are searched at once, level by level: a frontier is a sparse matrix (starts x nodes) of
the number of shortest paths to each node, and a step is a product with the adjacency matrix.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geometric_memory.errors import DataError

PROBED = 16
"""Starts that are searched to learn what a search costs."""
CHUNK = 3_000_000
"""Nodes and edges that are met in one batch of searches: some 200 MB."""
BUDGET = 40_000_000, 200
"""Nodes and edges met in a round of draws: so many at least, and so many per path."""
ROUNDS_AT_MOST = 5
"""Budgets that may be spent before what was found is all that is given."""
LEAST = 1e-300
"""Weight of nodes whose share of the paths is below what floats can hold."""
EXACT = 3_000
"""Nodes of a graph of which the longest shortest path is searched from every start."""


class Level(NamedTuple):
    """The nodes at one distance from their starts."""

    keys: Int64[np.ndarray, " met"]
    """Place of the start in the batch * nodes of the graph + node, sorted."""
    weights: Float64[np.ndarray, " met"]
    """The number of shortest paths to each, divided by the largest of the same start."""


@lru_cache(maxsize=1)  # a command that chooses settings by the paths then trains on them
def draw_paths(
    edges: bytes, node_count: int, directed: bool, path_length: int, count: int, seed: int
) -> Int64[np.ndarray, "paths length"]:
    """Draw paths as `ShortestPaths.sample` does; `edges` are the bytes of the array."""
    shortest = ShortestPaths(
        np.frombuffer(edges, dtype=np.int64).reshape(-1, 2),
        node_count=node_count, directed=directed, path_length=path_length,
    )  # fmt: skip
    paths = shortest.sample(count, seed)
    paths.flags.writeable = False  # whoever asks again is given the same array
    return paths


class ShortestPaths:
    """The shortest paths of a graph that have exactly `path_length` nodes."""

    def __init__(
        self,
        edges: Int64[np.ndarray, "edges 2"],
        *,
        node_count: int,
        directed: bool,
        path_length: int,
    ) -> None:
        self.node_count = node_count
        self.path_length = path_length
        self._directed = directed
        pairs = edges if directed else np.concatenate([edges, edges[:, ::-1]])
        shape = (node_count, node_count)
        self._forward: Any = csr_array((np.ones(len(pairs)), tuple(pairs.T)), shape=shape)
        self._forward.data[:] = 1  # an edge that is given in both directions counts once
        self._backward: Any = csr_array(self._forward.T)
        self._work = 0

    def sample(self, count: int, seed: int) -> Int64[np.ndarray, "paths length"]:
        """Draw `count` distinct paths, or all there are when there are fewer.

        A start is drawn uniformly, then an end at the right distance, then one of the shortest
        paths between them; what is used up is drawn no more. Where a start has so many nodes
        around it that searching from every one would take too long, several paths begin at each of
        fewer starts; and where nearly no start has a path, the search ends after some time.

        Raises `DataError` when no shortest path is that long.
        """
        if count < 1:
            raise DataError(f"--path_count {count} asks for no path; use 1 or more, or -1")
        random = np.random.default_rng(seed)
        paths = np.zeros((0, self.path_length), dtype=np.int64)
        alive = np.flatnonzero(np.diff(self._forward.indptr))
        budget = max(BUDGET[0], BUDGET[1] * count)
        cost = self.node_count + self._forward.nnz  # at most
        if cost * len(alive) > budget:
            if self._too_long_for_all(alive, random):
                raise DataError(self._none_that_long())
            self._search(random.choice(alive, PROBED))
            cost, self._work = max(1, self._work // PROBED), 0
        while len(paths) < count and alive.size and self._work < ROUNDS_AT_MOST * budget:
            pool = random.permutation(alive)[: max(PROBED, budget // cost)]
            starts = np.sort(random.choice(pool, count - len(paths)))
            sources = np.unique(starts)
            for some in np.array_split(sources, np.ceil(len(sources) * cost / CHUNK)):
                own = starts[np.searchsorted(starts, some[0]) :]
                own = own[: np.searchsorted(own, some[-1], side="right")]
                drawn, used_up = self._draw(some, own, paths, random)
                alive = alive[~np.isin(alive, used_up)]
                paths = np.concatenate([paths, drawn])
            _, first = np.unique(paths, axis=0, return_index=True)
            paths = paths[np.sort(first)]
        if not len(paths):
            raise DataError(self._none_that_long())
        return random.permutation(paths)

    def answer_counts(
        self, paths: Int64[np.ndarray, "paths length"], *, with_start: bool
    ) -> Float64[np.ndarray, " paths"]:
        """Return how many shortest paths answer the question for each of `paths`.

        They end where it ends and, `with_start`, begin where it begins; infinite beyond floats.
        """
        asked, row = np.unique(paths[:, -1], return_inverse=True)
        counts = np.zeros(len(paths))
        for some, levels, scale in self._searches(asked, self._backward):
            last, nodes = levels[-1], self.node_count
            fitting = last.weights * scale[last.keys // nodes]
            total = np.bincount(last.keys // nodes, fitting, minlength=some.stop - some.start)
            own = np.flatnonzero((row >= some.start) & (row < some.stop))
            place = _places(last.keys, (row[own] - some.start) * nodes + paths[own, 0])
            of_start = np.where(place < 0, 0.0, np.append(fitting, 0.0)[place])
            counts[own] = of_start if with_start else total[row[own] - some.start]
        return counts

    def are_shortest(self, paths: Int64[np.ndarray, "paths length"]) -> Bool[np.ndarray, " paths"]:
        """Return which of `paths`, which may hold anything, are among these shortest paths."""
        nodes = self.node_count
        inside = ((paths >= 0) & (paths < nodes)).all(axis=1) & (paths.shape[1] == self.path_length)
        steps = _places(self._steps, (paths[:, :-1] * nodes + paths[:, 1:]).reshape(-1)) >= 0
        along = np.flatnonzero(inside & steps.reshape(len(paths), -1).all(axis=1))
        found = np.zeros(len(paths), dtype=bool)
        found[along] = self.answer_counts(paths[along], with_start=True) > 0
        return found

    @cached_property
    def _steps(self) -> Int64[np.ndarray, " steps"]:
        """The steps u to v along an edge, as u * nodes + v, sorted; every evaluation asks them."""
        starts = np.repeat(np.arange(self.node_count), np.diff(self._forward.indptr))
        return np.sort(starts * self.node_count + self._forward.indices)

    def _searches(
        self, starts: Int64[np.ndarray, " starts"], step: Any
    ) -> Iterator[tuple[slice, list[Level], Float64[np.ndarray, " some"]]]:
        """Yield the levels around some of `starts` at a time, as many as fit into memory."""
        first, many = 0, 1
        while first < len(starts):
            some, before = slice(first, min(first + many, len(starts))), self._work
            yield some, *self._search(starts[some], step)
            cost = max(1, (self._work - before) // (some.stop - some.start))
            first, many = some.stop, min(2 * many, max(1, CHUNK // cost))

    def _search(
        self, starts: Int64[np.ndarray, " starts"], step: Any = None
    ) -> tuple[list[Level], Float64[np.ndarray, " starts"]]:
        """Return the levels around `starts`, and what the last weights are to be multiplied by."""
        step = self._forward if step is None else step
        rows, nodes = np.arange(len(starts)), self.node_count
        levels = [Level(rows * nodes + starts, np.ones(len(starts)))]
        scale, seen = np.ones(len(starts)), levels[0].keys
        while len(levels) < self.path_length:
            keys, weights = levels[-1]
            begins = np.searchsorted(keys, np.arange(len(starts) + 1) * nodes)
            frontier = csr_array((weights, keys % nodes, begins), shape=(len(starts), nodes))
            reached: Any = frontier @ step
            reached.sort_indices()
            met = np.repeat(rows, np.diff(reached.indptr)) * nodes + reached.indices
            new = _places(seen, met) < 0
            keys, weights = met[new], reached.data[new]
            largest = np.ones(len(starts))
            np.maximum.at(largest, keys // nodes, weights)
            with np.errstate(over="ignore"):  # the counts of long paths exceed every float
                scale = scale * largest
            levels.append(Level(keys, np.maximum(weights / largest[keys // nodes], LEAST)))
            # Where edges have no direction, only the last two levels are near enough to be met.
            known = seen if self._directed else levels[-2].keys
            seen = np.sort(np.concatenate([known, keys]), kind="stable")
            self._work += len(met)
        return levels, scale

    def _draw(
        self,
        sources: Int64[np.ndarray, " sources"],
        starts: Int64[np.ndarray, " draws"],
        paths: Int64[np.ndarray, "paths length"],
        random: np.random.Generator,
    ) -> tuple[Int64[np.ndarray, "draws_with_an_end length"], Int64[np.ndarray, " used_up"]]:
        """Return a path for each of `starts` that has one left, and the sources that have none."""
        levels, scale = self._search(sources)
        nodes, last = self.node_count, levels[-1]
        rows = last.keys // nodes
        pairs, drawn = np.unique(paths[:, 0] * nodes + paths[:, -1], return_counts=True)
        place = _places(pairs, sources[rows] * nodes + last.keys % nodes)
        taken = np.where(place < 0, 0, np.append(drawn, 0)[place])
        with np.errstate(over="ignore"):
            ends = last.keys[taken < last.weights * scale[rows] - 0.5]
        borders = np.searchsorted(ends, np.arange(len(sources) + 1) * nodes)
        choices = np.diff(borders)
        row = np.searchsorted(sources, starts)
        row = row[choices[row] > 0]
        current = ends[borders[row] + (random.random(len(row)) * choices[row]).astype(np.int64)]
        steps = [current]
        for level in reversed(levels[:-1]):
            steps.append(self._step_back(steps[-1], level, random))
        return np.stack(steps[::-1], axis=1) % nodes, sources[choices == 0]

    def _step_back(
        self, keys: Int64[np.ndarray, " draws"], level: Level, random: np.random.Generator
    ) -> Int64[np.ndarray, " draws"]:
        """Draw the step before each of `keys`, each of the shortest paths with the same chance."""
        if not len(keys):
            return keys
        nodes, begins = self.node_count, self._backward.indptr
        # Draws that are at the same node share the look at its neighbours, who may be many.
        here, own = np.unique(keys, return_inverse=True)
        counts = np.diff(begins)[here % nodes]
        node = np.repeat(np.arange(len(here)), counts)
        each = np.arange(len(node)) + (begins[here % nodes] - np.cumsum(counts) + counts)[node]
        before = (here - here % nodes)[node] + self._backward.indices[each]
        place = _places(level.keys, before)
        node, before, place = node[place >= 0], before[place >= 0], place[place >= 0]
        first = np.searchsorted(node, np.arange(len(here)))
        last = np.append(first[1:], len(node)) - 1
        weights = level.weights[place]
        weights /= np.maximum.reduceat(weights, first)[node]
        summed = np.cumsum(weights)
        begin = summed[first] - weights[first]
        ticket = begin[own] + random.random(len(keys)) * (summed[last] - begin)[own]
        chosen = np.searchsorted(summed, ticket, side="right")
        return before[np.clip(chosen, first[own], last[own])]

    def _too_long_for_all(self, alive: np.ndarray, random: np.random.Generator) -> bool:
        """Whether a few searches show that no shortest path of a connected graph is that long."""
        if self._directed:
            return False
        far = dijkstra(self._forward, unweighted=True, indices=random.choice(alive))
        return bool(np.isfinite(far[alive]).all() and 2 * far[alive].max() + 1 < self.path_length)

    def _none_that_long(self) -> str:
        starts = np.flatnonzero(np.diff(self._forward.indptr))
        if not starts.size:
            return "the graph has no edges, so there is no path to learn"
        tried = starts if self.node_count <= EXACT else starts[:PROBED]
        far = dijkstra(self._forward, unweighted=True, indices=tried)
        longest = int(far[np.isfinite(far)].max()) + 1
        of = "" if len(tried) == len(starts) else f" of those from {PROBED} nodes"
        return (
            f"the graph has no shortest path of {self.path_length} nodes: the longest{of} has "
            f"{longest}; use --path_length {longest} or less"
        )


def _places(
    keys: Int64[np.ndarray, " keys"], wanted: Int64[np.ndarray, " wanted"]
) -> Int64[np.ndarray, " wanted"]:
    """Return where each of `wanted` stands among sorted `keys`; -1 for what is not among them."""
    if not len(keys):
        return np.full(len(wanted), -1)
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
