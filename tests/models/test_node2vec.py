"""Node2Vec: gradients against autograd, the published loop, golden embeddings, seeds, walks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from geometric_memory.errors import ConfigurationError, NonFiniteError
from geometric_memory.models.node2vec import (
    FullSoftmax,
    NegativeSampling,
    Node2VecSettings,
    Node2VecTables,
    edge_targets,
    initial_tables,
    normalize_rows,
    train_node2vec,
)
from geometric_memory.models.node2vec_walks import WalkSettings, random_walks, walk_targets

GOLDEN_RUNS = [
    "base_star_node2vec",
    "self_irregular_node2vec",
    pytest.param("base_cycle_node2vec", marks=pytest.mark.slow),
    pytest.param("base_grid_node2vec", marks=pytest.mark.slow),
    pytest.param("self_cycle_node2vec", marks=pytest.mark.slow),
]
SMALL = Node2VecSettings(dimension=6, epochs=30, snapshot_interval=10)


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny matrices lose time to the start of threads, a lot of it on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def cycle_edges(count: int) -> np.ndarray:
    forward = np.stack([np.arange(count), (np.arange(count) + 1) % count], 1)
    return np.concatenate([forward, forward[:, ::-1]])


def final(edges: np.ndarray, nodes: int, seeds: list[int], settings: Node2VecSettings):
    generators = [torch.Generator().manual_seed(100 + seed) for seed in seeds]
    tables = initial_tables(seeds, nodes, settings)
    return list(train_node2vec(edge_targets(edges, nodes), tables, settings, generators))[-1]


@pytest.mark.parametrize("name", GOLDEN_RUNS)
def test_published_settings_reproduce_the_golden_embeddings(name, golden):
    folder = golden / "checkpoints"
    record = json.loads((folder / "metrics.json").read_text())[name]
    graph = json.loads((folder / "graphs.json").read_text())[record["graph_key"]]
    published = load_file(folder / f"{name}.safetensors")["weight"]
    edges = np.array(graph["directed_edges"])
    state = final(edges, graph["node_count"], [7], Node2VecSettings())
    assert (state.tables.nodes[0] - published).norm() < 1e-4 * published.norm()
    assert (state.tables.nodes[0] - published).abs().max() < 1e-4
    assert state.loss[0].item() == pytest.approx(record["metrics"]["edge_loss_node_mean"], abs=5e-6)


def per_node_loss(edges: np.ndarray, nodes: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
    """The definition: sum over nodes of the mean over neighbours of -log softmax."""
    loss = torch.zeros((), dtype=nodes.dtype)
    for node in np.unique(edges[:, 0]):
        targets = np.unique(edges[edges[:, 0] == node, 1])
        logarithms = torch.log_softmax(contexts @ nodes[node], 0)
        loss = loss - logarithms[torch.from_numpy(targets)].mean()
    return loss


@pytest.mark.parametrize("tied", [True, False])
def test_a_step_is_gradient_descent_on_the_per_node_definition(tied):
    edges = np.array([[0, 1], [0, 1], [1, 2], [2, 0], [2, 3], [2, 2]])  # 3 has no target
    drawn = torch.randn(2, 1, 4, 5, generator=torch.Generator().manual_seed(0)).double()
    nodes = drawn[0].requires_grad_()
    contexts = nodes if tied else drawn[1].requires_grad_()
    per_node_loss(edges, nodes[0], contexts[0]).backward()
    tables = Node2VecTables(nodes=nodes.detach(), contexts=contexts.detach())
    if tied:
        tables = replace(tables, contexts=tables.nodes)
    objective = FullSoftmax(edge_targets(edges, 4).double())
    moved = tables.descend(objective.gradient(tables.scores()), 0.1)
    assert moved.tied == tied
    torch.testing.assert_close(moved.nodes, nodes.detach() - 0.1 * nodes.grad)
    torch.testing.assert_close(moved.contexts, contexts.detach() - 0.1 * contexts.grad)


def test_the_loss_is_the_mean_of_the_per_node_definition_over_source_nodes():
    edges = np.array([[0, 1], [1, 2], [2, 0], [2, 3]])
    nodes = torch.randn(1, 4, 5, generator=torch.Generator().manual_seed(0))
    scores = Node2VecTables(nodes=nodes, contexts=nodes).scores()
    expected = per_node_loss(edges, nodes[0], nodes[0]) / 3
    torch.testing.assert_close(FullSoftmax(edge_targets(edges, 4)).loss(scores)[0], expected)


class FixedNegatives(NegativeSampling):
    """Negative sampling with one draw kept, so that it has a derivative to compare."""

    def sampled(self):
        if not hasattr(self, "kept"):
            self.kept = super().sampled()
        return self.kept


def test_negative_sampling_gradient_against_autograd():
    targets = edge_targets(cycle_edges(8), 8).double()
    objective = FixedNegatives(targets, 2, [torch.Generator().manual_seed(3)])
    scores = torch.randn(1, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    scores.requires_grad_()
    negatives = objective.sampled()
    attraction = targets * torch.log(torch.sigmoid(scores) + 1e-8)
    repulsion = negatives * torch.log(torch.sigmoid(-scores) + 1e-8)
    (-(attraction + repulsion).sum()).backward()
    torch.testing.assert_close(objective.gradient(scores.detach()), scores.grad)


def test_negatives_are_distinct_non_neighbours_and_as_many_as_asked():
    edges = np.array([[0, v] for v in range(1, 6)] + [[1, 0], [2, 0], [2, 3]])
    objective = NegativeSampling(
        edge_targets(edges, 6), 3, [torch.Generator().manual_seed(s) for s in range(5)]
    )
    drawn = objective.sampled() > 0
    linked = edge_targets(edges, 6) > 0
    assert not (drawn & (linked | torch.eye(6, dtype=torch.bool))).any()
    # 0 is linked to all others and 3, 4, 5 have no target: both kinds are left out
    assert (drawn.sum(2) == torch.tensor([0, 3, 3, 0, 0, 0])).all()
    assert not torch.equal(drawn[0], drawn[1])
    torch.testing.assert_close(objective.sampled().sum(2)[0], torch.tensor([0.0, 1, 1, 0, 0, 0]))


@pytest.mark.parametrize("objective", ["softmax", "negative_sampling"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_seed_trains_alike_alone_and_in_company(objective, tied):
    settings = replace(SMALL, objective=objective, tied=tied)
    alone = final(cycle_edges(8), 8, [5], settings)
    company = final(cycle_edges(8), 8, [3, 5, 9], settings)
    torch.testing.assert_close(alone.tables.nodes[0], company.tables.nodes[1])
    torch.testing.assert_close(alone.loss[0], company.loss[1])


@pytest.mark.parametrize("objective", ["softmax", "negative_sampling"])
def test_training_lowers_the_loss(objective):
    settings = replace(SMALL, objective=objective, epochs=400, learning_rate=0.05)
    tables = initial_tables([1, 2], 8, settings)
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    targets = edge_targets(cycle_edges(8), 8)
    states = list(train_node2vec(targets, tables, settings, generators))
    assert (states[-1].loss < states[0].loss).all()


def test_steps_count_updates_and_first_and_last_are_there():
    settings = replace(SMALL, epochs=25)
    states = list(
        train_node2vec(edge_targets(cycle_edges(8), 8), initial_tables([1], 8, settings), settings)
    )
    assert [state.step for state in states] == [0, 10, 20, 25]
    assert torch.equal(states[0].tables.nodes, initial_tables([1], 8, settings).nodes)
    after_ten = final(cycle_edges(8), 8, [1], replace(settings, epochs=10))
    assert torch.equal(states[1].tables.nodes, after_ten.tables.nodes)


def test_divergence_stops_with_the_step():
    settings = replace(SMALL, learning_rate=1e18)
    with pytest.raises(NonFiniteError, match="after 10 updates; lower the learning rate"):
        final(cycle_edges(8), 8, [1], settings)


def test_all_bad_settings_are_reported_together():
    with pytest.raises(ConfigurationError) as caught:
        Node2VecSettings(dimension=0, epochs=-1, learning_rate=float("nan"))
    assert len(caught.value.problems) == 3


def test_negative_sampling_asks_for_its_generators():
    settings = replace(SMALL, objective="negative_sampling")
    tables = initial_tables([1], 8, settings)
    with pytest.raises(ConfigurationError, match="one generator per seed"):
        next(train_node2vec(edge_targets(cycle_edges(8), 8), tables, settings))


def test_walks_follow_edges_and_end_where_there_is_no_target():
    edges = np.array([[0, 1], [1, 2], [2, 3], [4, 0]])
    walks = random_walks(edges, 5, WalkSettings(walk_length=6), np.random.default_rng(0))
    assert walks.shape == (50, 6)
    assert (walks[:10] == [0, 1, 2, 3, -1, -1]).all()
    assert (walks[40:] == [4, 0, 1, 2, 3, -1]).all()


def test_a_walk_turns_with_the_weights_of_p_and_q():
    # from 0 to 1; 1 leads back to 0, to 2 (a neighbour of 0) and to 3 (not one)
    edges = np.array([[0, 1], [1, 0], [1, 2], [1, 3], [0, 2], [2, 0], [3, 1]])
    settings = WalkSettings(
        walks_per_node=20_000, walk_length=3, return_parameter=4.0, in_out_parameter=0.5
    )
    walks = random_walks(edges, 4, settings, np.random.default_rng(0))
    through = walks[(walks[:, 0] == 0) & (walks[:, 1] == 1), 2]
    shares = np.bincount(through, minlength=4) / len(through)
    np.testing.assert_allclose(shares, np.array([0.25, 0, 1, 2]) / 3.25, atol=0.02)


def test_walk_targets_within_a_window_of_one_are_the_one_hop_targets_of_a_cycle():
    settings = WalkSettings(walks_per_node=2000, walk_length=10, window=1)
    walks = random_walks(cycle_edges(6), 6, settings, np.random.default_rng(0))
    targets = walk_targets(walks, 6, settings.window)
    torch.testing.assert_close(targets, edge_targets(cycle_edges(6), 6), atol=0.02, rtol=0)
    assert (walk_targets(walks, 6, 2).diagonal() == 0).all()
    assert (walk_targets(walks, 6, 2)[0, [2, 4]] > 0.1).all()


def test_rows_without_counts_stay_empty():
    rows = normalize_rows(torch.tensor([[0.0, 0.0], [1.0, 3.0]]))
    torch.testing.assert_close(rows, torch.tensor([[0.0, 0.0], [0.25, 0.75]]))
