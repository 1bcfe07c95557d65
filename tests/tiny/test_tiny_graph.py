"""The facts are those that the published models were trained on."""

import json

import numpy as np
import pytest

from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph

DIRECTIONS = {"transformer": ("11", 0), "transformer_forward_only": ("10", 0)}


@pytest.fixture(scope="module")
def golden_graphs(golden):
    return json.loads((golden / "checkpoints" / "graphs.json").read_text())


def key_of(experiment: str, graph: str) -> str:
    self_edges = int(experiment.endswith("self_edges"))
    if experiment.startswith("node2vec"):
        return f"{graph}_canonical_selfedge_{self_edges}"
    directions = "10" if experiment.endswith("forward_only") else "11"
    return f"{graph}_seed7_fb_{directions}_selfedge_{self_edges}"


@pytest.mark.parametrize(
    "experiment",
    [
        "transformer",
        "transformer_forward_only",
        "transformer_self_edges",
        "node2vec",
        "node2vec_self_edges",
    ],
)
def test_facts_equal_the_golden_edges(golden_graphs, experiment):
    compared = 0
    for graph in GRAPHS:
        golden = golden_graphs.get(key_of(experiment, graph))
        if golden is None:
            continue
        ours = tiny_graph(section(experiment, graph))
        expected = np.array(golden["directed_edges"])
        assert ours.node_count == golden["node_count"]
        if experiment.startswith("node2vec"):
            assert set(map(tuple, ours.facts)) == set(map(tuple, expected))
        else:
            assert sorted(map(tuple, ours.facts)) == sorted(map(tuple, expected))
        compared += 1
    assert compared > 0


def test_only_the_published_star_doubles_its_self_edges():
    assert len(tiny_graph(section("transformer_self_edges", "star")).facts) == 66
    assert len(tiny_graph(section("transformer_plus_self_edges", "star")).facts) == 49
    assert len(tiny_graph(section("transformer_self_edges", "grid")).facts) == 64
    assert len(tiny_graph(section("node2vec_self_edges", "star")).facts) == 49


def test_the_star_is_shuffled_for_sequence_models_alone():
    assert tiny_graph(section("transformer", "star")).graph.root == 3
    assert tiny_graph(section("node2vec", "star")).graph.root == 0


def test_sources_of_forward_facts_leave_out_the_leaves():
    assert len(tiny_graph(section("transformer_forward_only", "star")).sources) == 13
