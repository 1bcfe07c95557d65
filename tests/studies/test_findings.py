"""Findings: pieces of work, effects, edits, capacities, signs, and the pages made of them."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.cli.main import main
from geometric_memory.studies import capacity, effects, prediction
from geometric_memory.studies.edit import FAR, draw_edit, edited_run
from geometric_memory.studies.linear_nets import TABLE, LinearNet, linear_trainer, trained
from geometric_memory.studies.registry import FINDINGS
from geometric_memory.studies.scales import smaller
from geometric_memory.studies.self_edges import STEPS, VARIANTS, epochs
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph


@given(
    sizes=st.lists(st.floats(-2, 2), min_size=3, max_size=3),
    noise=st.integers(0, 2**31),
)
def test_main_effects_are_those_planted(sizes, noise):
    names = ("one", "two", "three")
    cells = [dict(zip(names, levels, strict=True)) for levels in product((0, 1), repeat=3)]
    by_seed = np.random.default_rng(noise).normal(size=4)
    scores = np.array(
        [by_seed + sum(cell[n] * s for n, s in zip(names, sizes, strict=True)) for cell in cells]
    )
    for name, size in zip(names, sizes, strict=True):
        effect, pairs = effects.main_effect(cells, scores, np.ones_like(scores, bool), name)
        np.testing.assert_allclose(effect, size, atol=1e-9)
        assert pairs == 16


def test_main_effects_need_pairs_in_which_both_know_all():
    cells = [{"one": 0, "two": 0}, {"one": 1, "two": 0}, {"one": 0, "two": 1}, {"one": 1, "two": 1}]
    scores = np.array([[0.0], [1.0], [0.0], [5.0]])
    complete = np.array([[True], [True], [True], [False]])
    effect, pairs = effects.main_effect(cells, scores, complete, "one")
    assert (effect.tolist(), pairs) == ([1.0], 1)
    nothing, pairs = effects.main_effect(cells, scores, ~complete, "one")
    assert np.isnan(nothing).all()
    assert pairs == 0


@pytest.mark.parametrize("model", list(effects.FACTORS))
def test_the_grid_holds_every_combination_once(model):
    shared = product((0, 1), repeat=len(effects.SHARED[model]))
    cells = [tuple(sorted(c.items())) for levels in shared for c in effects.cells_of(model, levels)]
    assert len(cells) == len(set(cells)) == 2 ** len(effects.FACTORS[model])


@pytest.mark.slow
@pytest.mark.parametrize("model", list(effects.FACTORS))
def test_cells_of_a_batch_are_trained(model, tmp_path):
    shared = [0] * len(effects.SHARED[model])
    found = effects.trained_cells(
        model=model, graph="cycle", shared=shared, seeds=[0, 1], steps=2, folder=tmp_path
    )
    assert np.shape(found["rho"]) == (len(found["cells"]), 2)
    assert np.ptp(found["rho"]) > 0


@pytest.mark.parametrize("tied", [True, False])
def test_linear_nets_are_products_of_their_maps(tied):
    facts = capacity.cycle_facts(5)
    net = LinearNet(width=3, depth=2, tied=tied, deviation=1.0, decay=False)
    trainer = linear_trainer(facts, 5, [net], [0, 1])
    weights = {name: weight[1].detach() for name, weight in trainer.weights.items()}
    hidden = weights[TABLE]
    for layer in range(2):
        hidden = hidden @ weights[f"layers.{layer}.weight"].T + weights[f"layers.{layer}.bias"]
    expected = hidden @ weights["token_embedding.weight" if tied else "head.weight"].T
    logits = trainer.network.logits(trainer.weights, torch.arange(5))[1]
    torch.testing.assert_close(logits, expected)


def test_frozen_embeddings_stay_and_an_identity_starts_as_one():
    facts = capacity.cycle_facts(6)
    net = LinearNet(width=4, frozen=True, deviation=1.0, mapping="identity", decay=False)
    trainer = linear_trainer(facts, 6, [net], [0])
    before = trainer.weights[TABLE].clone()
    assert torch.equal(trainer.weights["layers.0.weight"][0], torch.eye(4))
    state = trained(trainer, 3)
    assert torch.equal(state.weights[TABLE], before)
    assert not torch.equal(state.weights["layers.0.weight"][0], torch.eye(4))


@given(st.integers(4, 40).map(lambda half: 2 * half))
def test_random_graphs_are_regular(nodes):
    facts = capacity.regular_facts(nodes, degree=3)
    assert (np.bincount(facts[:, 0], minlength=nodes) == 3).all()
    assert len(np.unique(facts, axis=0)) == len(facts)
    assert (facts[:, 0] != facts[:, 1]).all()
    assert {tuple(fact) for fact in facts} == {tuple(fact[::-1]) for fact in facts}


@given(st.sampled_from(GRAPHS), st.integers(0, 20))
def test_an_edit_bends_one_edge_and_leaves_the_rest(graph, number):
    from dataclasses import replace

    tiny = tiny_graph(replace(section("transformer", graph), published=False, self_edges=True))
    edit = draw_edit(tiny.facts, tiny.node_count, number)
    facts = edit.applied(tiny.facts)
    old, new = ({tuple(map(int, fact)) for fact in rows} for rows in (tiny.facts, facts))
    assert old - new == {edit.before, edit.before[::-1]}
    assert new - old == {edit.after, edit.after[::-1]}
    assert len(new) == len(old) == len(facts)
    assert set(facts[:, 0]) == set(tiny.facts[:, 0])
    assert FAR == 3


@pytest.mark.parametrize("kind", ["transformer", "linear", "frozen"])
def test_an_edit_is_followed_until_it_is_known(kind, tmp_path):
    found = edited_run(
        kind=kind, graph="cycle", edit=0, seeds=[0, 1], updates=[150, 200], folder=tmp_path
    )
    assert found["known"] == [1, 1]
    assert all(update and 0 < update < 200 for update in found["updates"])
    assert all(0 <= lost <= 100 for lost in found["forgotten"])
    moved = np.array(found["moved_near"] + found["moved_far"])
    assert (moved == 0).all() if kind == "frozen" else (moved > 0).all()
    assert (np.array(found["near"]) > 0).all()


def test_capacity_ends_at_the_first_size_that_was_not_memorized():
    best = {16: (1, 1), 32: (1, 0.995), 64: (0.5, 1), 128: (1, 0.2), 256: (1, 1)}
    found = capacity.capacity([{"best": best[nodes]} for nodes in capacity.NODES])
    assert found.values == (32, 64)


def test_a_wide_net_memorizes_a_small_cycle_and_an_untrained_one_does_not(tmp_path):
    cell = {"graph": "cycle", "kind": "trained embeddings", "width": 16, "nodes": 16}
    known = capacity.memorized(cell=cell, seeds=[0, 1], steps=300, folder=tmp_path)
    assert known["best"] == [1, 1]
    assert known["parameters"] == 16 * 16 + 16 * 16 + 16
    untrained = capacity.memorized(cell=cell, seeds=[0, 1], steps=1, folder=tmp_path)
    assert max(untrained["best"]) < 1


def test_signs_are_read_at_a_step():
    curve = [[0, 10, 20], [0.0, 40.0, 60.0]]
    assert prediction.crossing(curve, 50.0) == 20
    assert prediction.crossing(curve, 70.0) == np.inf
    assert [prediction.value_at(curve, step) for step in (0.0, 9.0, 10.0, 99.0)] == [0, 0, 40, 60]
    assert np.isnan(prediction.value_at([[5], [1.0]], 4.0))


def test_a_sign_that_orders_all_runs_correlates_fully(monkeypatch):
    monkeypatch.setattr(prediction, "DRAWS", 100)
    half = np.array([300.0, 200.0, 100.0, np.inf])
    value, (low, high) = prediction.bootstrapped(np.array([2.0, 3.0, 4.0, 1.0]), half)
    assert value == pytest.approx(1)
    assert -1 <= low <= high <= 1 + 1e-12
    assert prediction.bootstrapped(np.array([4.0, 3.0, 2.0, 5.0]), half)[0] == pytest.approx(-1)


@pytest.mark.parametrize("self_edges", [True, False])
@pytest.mark.parametrize("variant", [v for v in VARIANTS.values() if "training_recipe" not in v])
def test_variants_are_of_equal_length(variant, self_edges):
    arms, length = variant.get("star_degree", 500), variant.get("path_length", 4)
    edges = arms * (length - 1)
    facts = edges * (1 + variant.get("add_backward_edges", True))
    examples = facts + self_edges * (edges + 1) + int(0.75 * arms)
    per_epoch = -(-examples // 512)
    assert abs(epochs(variant, self_edges=self_edges) * per_epoch - STEPS) <= per_epoch / 2


def test_the_command_writes_a_page_and_does_nothing_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(capacity, "WIDTHS", (4,))
    monkeypatch.setattr(capacity, "NODES", (16, 32))
    command = ["findings", "capacity", "--steps", "2", "--seeds", "0-1", "--workers", "1"]
    assert main(command) == 0
    pages = tmp_path / "experiment_logs/findings/trial/pages"
    page = (pages / "capacity.md").read_text()
    assert "A trial, not a result" in page
    assert "geomem findings capacity" in page
    assert (pages / "capacity.png").stat().st_size > 1000
    content = json.loads((pages / "capacity.json").read_text())
    assert content["seeds"]["tiny"] == [0, 1]
    assert len(content["numbers"]["capacities"]) == 4
    capsys.readouterr()
    assert main(command) == 0
    assert "8 of 8 pieces of work are there, 0 to do" in capsys.readouterr().err


@pytest.mark.parametrize("name", FINDINGS)
def test_pieces_of_findings_are_plain_and_told_from_each_other(name):
    arms = FINDINGS[name].arms(smaller())
    pieces = [piece for arm in arms.values() for piece in arm]
    assert len({piece.key for piece in pieces}) == len(pieces)
    assert json.loads(json.dumps([piece.arguments for piece in pieces]))


def test_a_run_that_never_answers_is_missing_from_the_lead():
    seen = {"accuracy": ([10, 40], [0.0, 60.0]), "alignment": ([10, 20], [0.5, 0.9])}
    never = {"accuracy": ([10, 40], [0.0, 0.0]), "alignment": ([10, 20], [0.5, 0.9])}
    lead = prediction.leads([seen, seen, never])
    assert (lead.mean, lead.missing) == (pytest.approx(2.0), 1)
    assert "(2 of 3 seeds)" in lead.text


def test_unknown_findings_are_refused_with_the_nearest(capsys):
    assert main(["findings", "edits"]) == 2
    assert "did you mean edit?" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["effects", "edit", "prediction", "self_edges"])
def test_every_page_is_made_from_a_few_steps(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["findings", name, "--steps", "3", "--seeds", "0-1", "--workers", "1"]) == 0
    page = tmp_path / f"experiment_logs/findings/trial/pages/{name}.json"
    content = json.loads(page.read_text())
    assert content["numbers"]
