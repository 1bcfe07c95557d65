"""The graphs of tiny models: a small one of each family, four of them published."""

from random import Random

import numpy as np

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.graphs.build import build_graph
from geometric_memory.graphs.settings import tiny_settings
from geometric_memory.tiny.sections import Section


def tiny_graph(section: Section) -> Dataset:
    """Build the graph of `section` as published: seed 7, star ids shuffled but for Node2Vec.

    The published star with self edges lists each self edge twice (66 rows, not 49), since its file
    was an old one; sequence models were trained on it as it was.
    """
    node2vec = section.block == "node2vec"
    settings = tiny_settings(section.graph, randomize_node_ids=not node2vec)
    graph = build_graph(settings, Random(settings.random_seed))
    facts = graph.facts(backward=section.backward, self_edges=section.self_edges)
    if section.self_edges and section.graph == "star" and section.published and not node2vec:
        facts = np.concatenate([facts, facts[-graph.node_count :]])
    none = np.zeros((0, graph.paths.shape[1]), dtype=np.int64)
    return Dataset(
        settings=settings,
        graph=graph,
        facts=facts,
        train_paths=graph.paths,
        test_paths=none,
        origin="the graph that tiny models of its family are trained on",
    )
