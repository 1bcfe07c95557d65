"""What claims measure, against closed forms: energies, the null space of C, and least norms."""

from itertools import product

import numpy as np
import pytest
import torch

from geometric_memory.analysis.geometry import hop_distances, symmetric_adjacency
from geometric_memory.console import make_console
from geometric_memory.runs.preparation import prepare
from geometric_memory.settings import changed
from geometric_memory.studies.complexity import associative_norm, geometric_norm, graph_triples
from geometric_memory.studies.memory_claims import EDGE_DIRECTIONS
from geometric_memory.studies.scales import laptop
from geometric_memory.studies.tiny_runs import Watch, train_tiny
from geometric_memory.tiny.engine import State
from geometric_memory.tiny.measures import Measured
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph

CYCLE = section("node2vec", "cycle")


@pytest.fixture
def watch():
    return Watch(CYCLE, tiny_graph(CYCLE))


def test_negative_energy_is_in_units_of_a_code_that_knows_nothing(watch):
    """The identity has equal energy along every eigenvector."""
    nodes = tiny_graph(CYCLE).node_count
    found = watch._measure(np.eye(nodes))
    assert found["negative_energy"] == pytest.approx(1)
    assert found["leading_share"] == pytest.approx(4 / (nodes - 1))  # two eigenspaces of two
    assert found["rank"] == nodes


@pytest.mark.parametrize(("frequency", "negative", "leading"), [(1, 0, 1), (7, 14 / 8, 0)])
def test_waves_on_the_cycle_lie_at_one_end_of_its_spectrum(watch, frequency, negative, leading):
    angles = 2 * np.pi * frequency * np.arange(15) / 15
    order = np.argsort(walk(tiny_graph(CYCLE).facts))
    wave = np.stack([np.cos(angles), np.sin(angles)], axis=1)[order]
    found = watch._measure(wave)
    assert found["negative_energy"] == pytest.approx(negative, abs=1e-9)
    assert found["leading_share"] == pytest.approx(leading, abs=1e-9)
    assert found["rank"] == 2


def walk(facts):
    """Return the nodes of a cycle in order."""
    joined = {int(u): [int(b) for a, b in facts if a == u] for u in np.unique(facts)}
    path = [0, joined[0][0]]
    while len(path) < len(joined):
        path.append(next(node for node in joined[path[-1]] if node != path[-2]))
    return path


def passing(graph, tables):
    """Return the numbers of a watch that sees the same embeddings, all edges known, at 3 steps."""
    watch = Watch(section("neural_network", graph), tiny_graph(section("neural_network", graph)))
    weights = {"token_embedding.weight": torch.from_numpy(tables)}
    measured = Measured(**dict.fromkeys(Measured.__annotations__, torch.ones(len(tables))))
    states = [State(step=step, weights=weights, measured=measured) for step in (0, 1, 2)]
    assert list(watch.states(iter(states))) == states
    return watch.numbers()


def codes(graph):
    """Return random codes, sums of neighbours' codes, and places by hops, of 8 seeds."""
    tiny = tiny_graph(section("neural_network", graph))
    joined = symmetric_adjacency(tiny.facts, tiny.node_count)
    centred = np.eye(tiny.node_count) - 1 / tiny.node_count
    hops = hop_distances(joined, np.arange(tiny.node_count)).clip(max=10)  # two components
    values, vectors = np.linalg.eigh(-0.5 * centred @ np.square(hops) @ centred)
    places = vectors * np.sqrt(values.clip(min=0))
    random = np.random.default_rng(100).normal(size=(8, tiny.node_count, 512))
    noise = 0.1 * random[:, :, : tiny.node_count]
    return random, (joined.toarray() > 0) @ random, places + noise


@pytest.mark.parametrize("graph", GRAPHS)
def test_a_step_of_a_map_is_that_of_the_whole_verdict(graph):
    """Random codes, and sums of those of neighbours, have order by chance alone; a map has it."""
    random, local, places = (passing(graph, tables)["map_step"] for tables in codes(graph))
    assert np.isnan(random).all()
    assert np.isnan(local).sum() >= 7
    assert (places == 0).sum() >= 7


@pytest.mark.parametrize(("graph", "exact"), [("cycle", True), ("grid", False)])
def test_node2vec_stops_and_its_null_space_is_the_fiedler_space_on_the_cycle_alone(
    graph, exact, tmp_path
):
    settings = vars(section("node2vec", graph))
    numbers = train_tiny(settings=settings, seeds=[0, 1], folder=tmp_path)["numbers"]
    assert max(numbers["motion"]) < 1e-3
    assert (max(numbers["null_angle"]) < 0.1) == exact
    assert all(angle < 15 for angle in numbers["null_angle"])


@pytest.mark.parametrize("pairs", [2, 4])
def test_the_least_norm_of_disjoint_edges_is_that_of_a_simplex(pairs):
    """Both ends of an edge share a corner of a simplex: ||V||^2 = 2 (pairs - 1)."""
    nodes = range(2 * pairs)
    triples = [(u, u ^ 1, w) for u, w in product(nodes, nodes) if w not in (u, u ^ 1)]
    lower, upper = geometric_norm(np.array(triples), 2 * pairs)
    assert lower <= np.sqrt(2 * (pairs - 1)) * (1 + 1e-9)
    assert upper == pytest.approx(np.sqrt(2 * (pairs - 1)), rel=1e-3)
    assert lower == pytest.approx(upper, rel=1e-2)


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_least_norm_for_orthogonal_codes_is_known(graph):
    """Of d neighbours and m others a row has d values m / (d + m) and m values -d / (d + m)."""
    triples, count = graph_triples(graph)
    near = [len(set(triples[triples[:, 0] == node, 1])) for node in range(count)]
    wanted = sum(d * (count - 1 - d) / (count - 1) for d in near)
    assert associative_norm(triples, np.eye(count)) == pytest.approx(np.sqrt(wanted))


def test_edges_of_one_direction_or_both_are_trained_on_for_equally_many_updates(tmp_path):
    updates = set()
    for arm in EDGE_DIRECTIONS.arms(laptop()).values():
        prepared = prepare(changed(arm, dataset_root=str(tmp_path)), make_console(quiet=True))
        updates.add(sum(stage.steps for stage in prepared.trainer.stages))
    assert len(updates) == 1
