"""Runs that must repeat do: Node2Vec to 1e-4, frozen embeddings to what bf16 changed."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

from geometric_memory.tiny.results import numbers
from geometric_memory.tiny.sections import section
from geometric_memory.tiny.training import train_section


@pytest.fixture(scope="module")
def checkpoints(golden):
    return golden / "checkpoints"


@pytest.mark.parametrize(
    ("experiment", "graph"),
    [
        ("node2vec", "star"),
        pytest.param("node2vec", "grid", marks=pytest.mark.slow),
        pytest.param("node2vec", "cycle", marks=pytest.mark.slow),
        pytest.param("node2vec_self_edges", "cycle", marks=pytest.mark.slow),
        pytest.param("node2vec_self_edges", "irregular", marks=pytest.mark.slow),
    ],
)
def test_node2vec_ends_at_the_published_embedding(checkpoints, experiment, graph):
    collection = "self" if experiment.endswith("self_edges") else "base"
    file = f"{collection}_{graph}_node2vec.safetensors"
    published = load_file(checkpoints / file)["weight"]
    run = train_section(section(experiment, graph), [7])
    ours = run.snapshots[-1]
    assert np.linalg.norm(ours - published) <= 1e-4 * np.linalg.norm(published)
    record = json.loads((checkpoints / "metrics.json").read_text())[file.split(".")[0]]["metrics"]
    assert run.curves["loss"][-1, 0] == pytest.approx(record["edge_loss_node_mean"], rel=1e-4)
    assert run.curves["level"][-1, 0] == pytest.approx(record["geometric_level"], abs=1e-4)


@pytest.mark.parametrize(
    ("experiment", "graph", "file"),
    [
        ("associative", "star", "base_star_associative_d32"),
        ("associative", "irregular", "base_irregular_associative_d16"),
        ("associative_fast", "grid", "base_grid_associative_fast_d512"),
        ("associative_fast_self_edges", "cycle", "self_cycle_associative_fast_d512"),
        ("associative_self_edges", "star", "self_star_associative_d32"),
    ],
)
def test_frozen_runs_end_where_the_published_ones_did(checkpoints, experiment, graph, file):
    """They were trained in bf16: losses agree to 1e-3, margins to 0.03."""
    record = json.loads((checkpoints / "metrics.json").read_text())[file]["metrics"]
    run = train_section(section(experiment, graph), [7])
    ours = {name: values[0] for name, values in numbers(run).items()}
    assert ours["loss"] == pytest.approx(record["edge_loss"], abs=1e-3)
    assert ours["end_level"] == pytest.approx(record["geometric_level"], abs=2e-6)
    margins = record["margins"]
    assert ours["skewed_margin"] == pytest.approx(margins["release_edge_margin_skewed"], abs=0.03)
    assert ours["real_margin"] == pytest.approx(
        margins["corrected_edge_margin_full_vocab"], rel=0.02
    )


def test_shares_at_the_ends_of_the_spectrum_agree_with_golden_energies(checkpoints):
    """The same numbers from the energies of whole eigenspaces that the golden file holds."""
    from geometric_memory.tiny.measures import graph_measures
    from geometric_memory.tiny.sections import tiny_graph

    record = json.loads((checkpoints / "metrics.json").read_text())["base_grid_transformer_d32"]
    table = load_file(checkpoints / "base_grid_transformer_d32.safetensors")["embed_tokens.weight"]
    measures = graph_measures(tiny_graph(section("transformer", "grid")))
    ours = measures.spectral_shares(table[:16])
    energies = np.array(
        [group["energy"] for group in record["metrics"]["spectral"]["eigenspace_groups"]]
    )
    values = [
        next(v for k, v in group.items() if k.startswith("eigenvalue"))
        for group in record["metrics"]["spectral"]["eigenspace_groups"]
    ]
    order = np.argsort(values)[::-1]
    squares = np.square(energies[order])[1:]
    squares = squares / squares.sum()
    assert ours["low_share"] == pytest.approx(squares[:2].sum(), rel=1e-5)  # a pair and a single
    assert ours["high_share"] == pytest.approx(squares[-2:].sum(), rel=1e-5)


def test_ordinary_seeds_differ():
    run = train_section(replace(section("associative", "grid"), steps=3), [0, 1])
    assert run.curves["loss"][0, 0] != run.curves["loss"][0, 1]
