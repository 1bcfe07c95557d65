"""The four graphs as the notebooks trained on them: edge facts, their order, the root."""

from dataclasses import dataclass
from random import Random

import numpy as np
from jaxtyping import Int

from geometric_memory.config import GraphSettings
from geometric_memory.experiments.tiny.sections import PUBLISHED_SEED, Section
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.graph import Graph

SPECIAL_TOKENS = 9
EDGE_TOKEN = 7
"""Place of [EDGE] among the special tokens, which come after the nodes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TinyGraph:
    """A graph and the facts to memorize, in the order of the published files."""

    graph: Graph
    facts: Int[np.ndarray, "facts 2"]

    @property
    def node_count(self) -> int:
        """Nodes of the graph."""
        return self.graph.node_count

    @property
    def vocabulary_size(self) -> int:
        """Nodes and special tokens."""
        return self.node_count + SPECIAL_TOKENS

    @property
    def sources(self) -> Int[np.ndarray, " sources"]:
        """Nodes that have a target."""
        return np.unique(self.facts[:, 0])


def tiny_graph(section: Section) -> TinyGraph:
    """Build the graph of `section` as published: seed 7, star ids shuffled but for Node2Vec.

    The published star with self edges lists each self edge twice (66 rows, not 49), since its file
    was an old one; sequence models were trained on it as it was.
    """
    node2vec = section.block == "node2vec"
    settings = GraphSettings(
        graph_type=section.graph,
        star_degree=4,
        path_length=5,
        grid_rows=4,
        grid_cols=4,
        total_nodes=15 if section.graph == "cycle" else -1,
        random_seed=PUBLISHED_SEED,
        randomize_node_ids=not node2vec,
    )
    graph = build_graph(settings, Random(PUBLISHED_SEED))
    parts = [graph.edges, *[graph.edges[:, ::-1]] * section.backward]
    if section.self_edges:
        itself = np.repeat(np.arange(graph.node_count)[:, None], 2, axis=1)
        doubled = section.graph == "star" and section.published and not node2vec
        parts += [itself] * (2 if doubled else 1)
    return TinyGraph(graph=graph, facts=np.concatenate(parts))
