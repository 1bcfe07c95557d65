"""Seed 7 starts from the published initial weights."""

import json

import pytest
import torch
from safetensors.torch import load_file

from geometric_memory.models.gpt import GPT
from geometric_memory.tiny.initial import published_weights, stack_weights
from geometric_memory.tiny.sections import section


@pytest.mark.parametrize(
    ("experiment", "graph", "file"),
    [
        ("associative", "star", "base_star_associative_d32"),
        ("associative", "cycle", "base_cycle_associative_d15"),
        ("associative", "irregular", "base_irregular_associative_d16"),
        ("associative_fast", "grid", "base_grid_associative_fast_d512"),
        ("associative_fast_self_edges", "cycle", "self_cycle_associative_fast_d512"),
        ("associative_self_edges", "star", "self_star_associative_d32"),
    ],
)
def test_frozen_tables_are_the_published_ones(golden, experiment, graph, file):
    published = load_file(golden / "checkpoints" / f"{file}.safetensors")
    table = published["embed_tokens.weight"]
    ours = published_weights(section(experiment, graph).model, len(table), 7)
    assert torch.equal(ours["token_embedding.weight"], table)
    if "pos_encoding.weight" in published:
        assert torch.equal(ours["position_embedding.weight"], published["pos_encoding.weight"])


@pytest.mark.parametrize(
    ("experiment", "graph", "file"),
    [
        ("transformer", "star", "base_star_transformer_d32"),
        ("transformer_forward_only", "irregular", "base_irregular_transformer_fb10_d48"),
        ("transformer_self_edges", "grid", "self_grid_transformer_d32"),
    ],
)
def test_positions_that_no_gradient_reaches_are_the_published_ones(golden, experiment, graph, file):
    published = load_file(golden / "checkpoints" / f"{file}.safetensors")
    vocabulary = len(published["embed_tokens.weight"])
    ours = published_weights(section(experiment, graph).model, vocabulary, 7)
    assert torch.equal(ours["position_embedding.weight"][2:], published["pos_encoding.weight"][2:])


def test_linear_weights_are_drawn_in_the_published_order(golden):
    """The map of regularizer 3a hardly moved in 10,000 small steps."""
    name = "reg_cycle_feedforward_plain_d512_non_geometric_lr0p0001_wd0_do0"
    published = load_file(golden / "checkpoints" / f"{name}.safetensors")
    ours = published_weights(section("regularizer_3a", "cycle").model, 24, 7)
    pairs = [
        (ours["layers.0.mlp.inner.linear.weight"], published["layers.0.mlp.fc1.weight"]),
        (ours["token_embedding.weight"], published["embed_tokens.weight"]),
    ]
    for left, right in pairs:
        correlation = torch.corrcoef(torch.stack([left.flatten(), right.flatten()]))[0, 1]
        assert correlation > 0.99


def test_published_norms_of_the_regularizer_series():
    """experiments.md, section 5: |E| 110.61 and |W| 10.27 before training."""
    ours = published_weights(section("regularizer_3a", "cycle").model, 24, 7)
    assert ours["token_embedding.weight"].norm().item() == pytest.approx(110.61, abs=0.006)
    assert ours["layers.0.mlp.inner.linear.weight"].norm().item() == pytest.approx(10.27, abs=0.006)


@pytest.mark.parametrize(
    "experiment", ["transformer", "neural_network", "transformer_untied", "associative_fast"]
)
def test_names_and_shapes_are_those_of_the_ordinary_model(experiment):
    settings = section(experiment, "grid").model
    model = GPT(settings, vocabulary_size=25, block_size=64)
    ours = published_weights(settings, 25, 0)
    assert {n: w.shape for n, w in ours.items()} == {
        n: w.shape for n, w in model.state_dict().items()
    }


def test_members_are_stacked_and_scaled():
    settings = section("transformer", "grid").model
    stacked = stack_weights(settings, 25, [3, 4], [1.0, 0.5])
    single = published_weights(settings, 25, 4)
    name = "token_embedding.weight"
    assert torch.equal(stacked[name][1], 0.5 * single[name])
    name = "position_embedding.weight"
    assert torch.equal(stacked[name][1], single[name])


def test_initial_weights_do_not_touch_global_randomness():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    published_weights(section("transformer", "star").model, 26, 7)
    assert torch.equal(torch.rand(3), expected)


def test_golden_norm_agrees_with_metrics(golden):
    metrics = json.loads((golden / "checkpoints" / "metrics.json").read_text())
    record = metrics["base_star_associative_d32"]["metrics"]
    ours = published_weights(section("associative", "star").model, 26, 7)
    norm = ours["token_embedding.weight"][:17].norm().item()
    assert norm == pytest.approx(record["node_embeddings_frobenius_norm"], rel=1e-6)
