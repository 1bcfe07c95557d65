"""Random shortest paths of a given length, for graphs that bring no paths of their own."""

from functools import lru_cache
from random import Random

import numpy as np
from jaxtyping import Int64

from geometric_memory.errors import DataError

Levels = list[dict[int, int]]


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
        self._successors: list[list[int]] = [[] for _ in range(node_count)]
        predecessors: list[list[int]] = [[] for _ in range(node_count)]
        for u, v in edges.tolist():
            self._successors[u].append(v)
            predecessors[v].append(u)
            if not directed:
                self._successors[v].append(u)
                predecessors[u].append(v)
        self._predecessors = predecessors
        # Few starts are visited again soon in a big graph, all of them in a small one.
        self._levels = lru_cache(maxsize=512)(self._search)

    def sample(self, count: int, generator: Random) -> Int64[np.ndarray, "paths length"]:
        """Draw `count` distinct paths, or all there are when there are fewer.

        A start is drawn uniformly, then an end at the right distance, then one of the shortest
        paths between them; what is used up is drawn no more. Raises `DataError` when no shortest
        path is that long.
        """
        if count < 1:
            raise DataError(f"--path_count {count} asks for no path; use 1 or more, or -1")
        starts = list(range(self.node_count))
        drawn: dict[tuple[int, int], set[tuple[int, ...]]] = {}
        paths: list[tuple[int, ...]] = []
        while starts and len(paths) < count:
            place = generator.randrange(len(starts))
            start = starts[place]
            levels = self._levels(start)
            ends = [
                end for end, total in levels[-1].items()
                if len(drawn.get((start, end), ())) < total
            ]  # fmt: skip
            if not ends:
                starts[place] = starts[-1]
                starts.pop()
                continue
            end = generator.choice(ends)
            known = drawn.setdefault((start, end), set())
            path = self._draw(levels, end, generator)
            while path in known:
                path = self._draw(levels, end, generator)
            known.add(path)
            paths.append(path)
        if not paths:
            raise DataError(self._none_that_long())
        return np.array(paths, dtype=np.int64)

    def longest(self) -> int:
        """Return the most nodes that any shortest path has."""
        return max(len(self._search(start, cut=False)) for start in range(self.node_count))

    def _search(self, start: int, cut: bool = True) -> Levels:
        """Return, per distance from `start`, its nodes with their number of shortest paths."""
        levels: Levels = [{start: 1}]
        seen = {start}
        while levels[-1] and not (cut and len(levels) == self.path_length):
            following: dict[int, int] = {}
            for node, total in levels[-1].items():
                for successor in self._successors[node]:
                    if successor not in seen:
                        following[successor] = following.get(successor, 0) + total
            seen.update(following)
            levels.append(following)
        if not cut:
            levels.pop()
        return levels

    def _draw(self, levels: Levels, end: int, generator: Random) -> tuple[int, ...]:
        """Draw one of the shortest paths to `end`, each with the same chance."""
        path = [end]
        for level in reversed(levels[:-1]):
            before = [node for node in self._predecessors[path[-1]] if node in level]
            # Integer arithmetic: the counts of long paths exceed every float.
            ticket = generator.randrange(sum(level[node] for node in before))
            for node in before:
                ticket -= level[node]
                if ticket < 0:
                    path.append(node)
                    break
        return tuple(reversed(path))

    def _none_that_long(self) -> str:
        longest = self.longest()
        if longest < 2:
            return "the graph has no edges, so there is no path to learn"
        return (
            f"the graph has no shortest path of {self.path_length} nodes: the longest has "
            f"{longest}; use --path_length {longest} or less"
        )
