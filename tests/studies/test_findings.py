"""Findings: pieces of work, effects, edits, capacities, signs, and the pages made of them."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.analysis.estimate import decide
from geometric_memory.cli.main import main
from geometric_memory.datasets.dataset import draw_dataset
from geometric_memory.studies import (
    capacity,
    context_map,
    edit,
    effects,
    identity,
    prediction,
    rank,
    scaling,
    start,
)
from geometric_memory.studies.linear_nets import TABLE, LinearNet, linear_trainer, trained
from geometric_memory.studies.registry import FINDINGS
from geometric_memory.studies.runner import Plan
from geometric_memory.studies.scales import smaller
from geometric_memory.studies.self_edges import BATCH, LENGTHS, SIDES, STEPS, path_star, updates
from geometric_memory.tasks.task import build_task
from geometric_memory.tiny.sections import GRAPHS, section, tiny_graph


@given(
    sizes=st.lists(st.floats(-2, 2), min_size=4, max_size=4),
    noise=st.integers(0, 2**31),
)
def test_effects_and_interactions_are_those_planted(sizes, noise):
    names = ("one", "two", "three")
    cells = [dict(zip(names, levels, strict=True)) for levels in product((0, 1), repeat=3)]
    by_seed = np.random.default_rng(noise).normal(size=4)
    alone = [sum(cell[n] * s for n, s in zip(names, sizes[:3], strict=True)) for cell in cells]
    scores = np.array([by_seed + x for x in alone])
    together = scores + np.array([[sizes[3] * cell["one"] * cell["two"]] for cell in cells])
    known = np.ones_like(scores, bool)
    for name, size in zip(names, sizes[:3], strict=True):
        effect, count = effects.contrast(cells, scores, known, name)
        np.testing.assert_allclose(effect, size, atol=1e-9)
        assert count == 16
    found, count = effects.contrast(cells, together, known, "one", "two")
    np.testing.assert_allclose(found, sizes[3], atol=1e-9)
    assert count == 8
    np.testing.assert_allclose(
        effects.contrast(cells, together, known, "one")[0], sizes[0] + sizes[3] / 2, atol=1e-9
    )


def test_effects_need_runs_that_all_know_every_fact():
    cells = [{"one": 0, "two": 0}, {"one": 1, "two": 0}, {"one": 0, "two": 1}, {"one": 1, "two": 1}]
    scores = np.array([[0.0], [1.0], [0.0], [5.0]])
    complete = np.array([[True], [True], [True], [False]])
    effect, pairs = effects.contrast(cells, scores, complete, "one")
    assert (effect.tolist(), pairs) == ([1.0], 1)
    assert np.isnan(effects.contrast(cells, scores, complete, "one", "two")[0]).all()
    nothing, pairs = effects.contrast(cells, scores, ~complete, "one")
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


@given(st.integers(4, 40).map(lambda half: 2 * half), st.integers(0, 9))
def test_random_graphs_are_regular_and_of_their_seed(nodes, seed):
    facts = capacity.regular_facts(nodes, degree=3, seed=seed)
    assert (np.bincount(facts[:, 0], minlength=nodes) == 3).all()
    assert len(np.unique(facts, axis=0)) == len(facts)
    assert (facts[:, 0] != facts[:, 1]).all()
    assert {tuple(fact) for fact in facts} == {tuple(fact[::-1]) for fact in facts}
    assert np.array_equal(facts, capacity.regular_facts(nodes, degree=3, seed=seed))
    assert not np.array_equal(facts, capacity.regular_facts(nodes, degree=3, seed=seed + 1))


@given(st.sampled_from(GRAPHS), st.integers(0, 20))
def test_an_edit_bends_one_edge_and_leaves_the_rest(graph, number):
    tiny = tiny_graph(replace(section("transformer", graph), published=False, self_edges=True))
    change = edit.draw_edit(tiny.facts, tiny.node_count, number)
    facts = change.applied(tiny.facts)
    old, new = ({tuple(map(int, fact)) for fact in rows} for rows in (tiny.facts, facts))
    assert old - new == {change.before, change.before[::-1]}
    assert new - old == {change.after, change.after[::-1]}
    assert len(new) == len(old) == len(facts)
    assert set(facts[:, 0]) == set(tiny.facts[:, 0])


@pytest.mark.parametrize("kind", ["transformer", "linear", "frozen"])
def test_an_edit_is_followed_level_by_level(kind, tmp_path):
    rates = [0.1, 0.2] if kind == "frozen" else [0.001, 0.003]
    arguments = {"kind": kind, "graph": "cycle", "seeds": [0, 1], "updates": [150, 60]}
    found = edit.edited_runs(**arguments, rates=rates, folder=tmp_path)
    assert found["known"] == [1, 1]
    assert [each["rate"] for each in found["edits"]] == np.repeat(rates, edit.EDITS).tolist()
    for each in found["edits"]:
        count, moved = (np.array(each[name], dtype=float) for name in ("updates", "moved"))
        assert count.shape == (len(edit.LEVELS), 2)
        assert not (np.diff(count, axis=0) < 0).any()  # NaN, of a level that never came, is not
        assert (np.nanmax(count, axis=0) > 0).all()
        assert (moved[0] > 0).all() == (kind != "frozen")
        far, still = (np.array(each[name], dtype=float) for name in ("far", "still"))
        assert np.nanmax(still) > 0
        assert not (still[3:] >= far[3:]).any()
    apart = [e["far"] for e in found["edits"]]
    again = edit.edited_runs(**arguments, rates=rates[1:], folder=tmp_path)
    assert [e["far"] for e in again["edits"]] == apart[edit.EDITS :]  # all begin alike


def test_levels_are_read_where_success_first_reaches_them():
    success = np.linspace(0, 0.95, 20)[:, None]
    looks = [
        edit.Look(success=np.append(s, 0), **dict.fromkeys(edit.SEEN, np.append(s, 0) ** 2))
        for s in success
    ]
    found = edit.at_levels(looks)
    np.testing.assert_allclose([row[0] for row in found["far"]], np.square(edit.LEVELS), atol=0.1)
    assert [row[1] for row in found["far"]] == [None] * len(edit.LEVELS)
    assert [row[0] for row in found["updates"]] == sorted(row[0] for row in found["updates"])


def test_a_capacity_is_where_memorizing_ends(monkeypatch, tmp_path):
    monkeypatch.setattr(
        capacity, "memorized", lambda graph, kind, width, nodes, *_, **__: nodes <= 100
    )
    cell = {"graph": "random, degree 3", "kind": "frozen embeddings", "width": 10}
    found = capacity.capacity(**cell, seed=0, steps=1, folder=tmp_path)["numbers"]
    assert 100 / capacity.FINE <= found["nodes"][0] <= 100
    assert found["parameters"] == [110]
    assert found["facts_per_square"] == [3 * found["nodes"][0] / 100]
    monkeypatch.setattr(capacity, "memorized", lambda *_: False)
    assert capacity.capacity(**cell, seed=0, steps=1, folder=tmp_path)["numbers"]["nodes"] == [0]


def test_bits_count_graphs():
    assert capacity.graph_bits("cycle", 5) == pytest.approx(np.log2(12))
    # 11,180,820 labelled cubic graphs on 10 nodes (OEIS A002829); the formula is for many nodes
    assert capacity.graph_bits("random, degree 3", 10) == pytest.approx(np.log2(11180820), rel=0.02)


def test_a_wide_net_memorizes_a_small_cycle_and_an_untrained_one_does_not():
    assert capacity.memorized("cycle", "trained embeddings", 16, 16, 0, 300)
    assert not capacity.memorized("cycle", "trained embeddings", 16, 16, 0, 1)


@pytest.mark.parametrize("graph", capacity.DEGREES)
@pytest.mark.parametrize("kind", capacity.CONTROLS)
def test_a_net_that_memorized_a_graph_fails_on_another(graph, kind):
    memory = kind.removesuffix(capacity.ELSEWHERE)
    assert capacity.memorized(graph, memory, 32, 16, 0, 300)
    assert not capacity.memorized(graph, kind, 32, 16, 0, 300)


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
    assert np.isnan(prediction.bootstrapped(np.ones(4), half)[0])  # all runs are equal in it
    assert np.isnan(prediction.bootstrapped(np.full(4, np.nan), half)[0])


def test_runs_that_never_answer_half_come_last_in_the_order_of_their_accuracy():
    ends = ([60.0, 80.0], [0.0, 60.0], [0.0, 20.0], [0.0, 10.0])
    late = [prediction.lateness(([10, 20], end)) for end in ends]
    assert late == sorted(late)
    assert late[:2] == [10, 20]
    assert len(set(late)) == 4


def test_a_sign_that_stands_for_the_loss_says_nothing_once_that_is_given(monkeypatch):
    monkeypatch.setattr(prediction, "DRAWS", 100)
    rng = np.random.default_rng(0)
    loss, own = rng.normal(size=(2, 2000))
    half = loss + own + 10
    follower = -loss + 0.1 * rng.normal(size=2000)
    assert prediction.bootstrapped(follower, half)[0] > 0.6
    assert abs(prediction.bootstrapped(follower, half, loss)[0]) < 0.1
    assert prediction.bootstrapped(-own, half, loss)[0] > 0.9
    assert prediction.bootstrapped(2 * loss, half, loss)[0] == 0


@pytest.mark.parametrize("length", LENGTHS)
def test_sides_have_as_many_updates_or_as_many_epochs(length):
    without, counted, longer = (path_star(length, side) for side in SIDES)
    epochs = [config.training.path_finetuning_epochs for config in (without, counted, longer)]
    per_epoch = []
    for config in (without, counted, longer):
        task = build_task(draw_dataset(config), config)
        per_epoch.append(-(-(len(task.edge_facts) + len(task.train_paths)) // BATCH))
    assert per_epoch == [updates(length, self_edges=own) for own in (False, True, True)]
    assert epochs[0] == epochs[2]
    for place in (0, 1):
        assert abs(epochs[place] * per_epoch[place] - STEPS) <= per_epoch[place] / 2


@given(power=st.floats(-2, 3), lost=st.sets(st.integers(0, 3), max_size=2))
def test_the_power_of_growth_is_that_planted(power, lost):
    values = scaling.AXES["width"]
    found = {
        scaling.arm_name("width", value): [
            {
                "numbers": {
                    "updates": [scale * value**power, None if place in lost else value**power]
                }
            }
            for scale in (1.0, 7.0)
        ]
        for place, value in enumerate(values)
    }
    seeds = scaling.exponent(found, "width", "updates").values
    expected = [power, power if len(lost) < 2 else np.nan] * 2
    np.testing.assert_allclose(seeds, expected, atol=1e-9)


def test_sizes_that_no_seed_learned_are_drawn_and_named():
    lost = {"updates": [None, None], "seconds": [None, None], "held_out": [250.0, 250.0]}
    shares = {name: [0.0, 0.0] for name in ("accuracy", "hard_token", "copied_leaf")}
    made = scaling.conclude({arm: [{"numbers": lost | shares}] for arm in scaling.sizes()})
    assert [len(panel.columns) for panel in made.picture.panels] == list(
        map(len, scaling.AXES.values())
    )
    assert "(0 of 2)" in made.picture.panels[0].columns[-1]
    assert "nodes of a path: 10" in made.sentences[-1]


@pytest.mark.parametrize("status", ["finished", "stopped early"])
def test_a_size_that_never_came_there_has_no_updates(status, tmp_path, monkeypatch):
    summary = tmp_path / "in_weights/run/summary.json"

    def train(**_):
        summary.parent.mkdir(parents=True)
        summary.write_text(json.dumps({"status": status, "steps": 7, "seconds": 3.0}))
        return {"numbers": {"accuracy": [98.0]}, "curves": {"accuracy": []}}

    monkeypatch.setattr(scaling, "train_path", train)
    numbers = scaling.train_timed(settings={}, seed=0, folder=tmp_path)["numbers"]
    expected = [7, 3.0] if status == "stopped early" else [np.nan, np.nan]
    np.testing.assert_equal([numbers["updates"][0], numbers["seconds"][0]], expected)
    assert numbers["accuracy"] == [98.0]


@pytest.mark.parametrize(
    "name", [name for name, each in FINDINGS.items() if each.criteria(smaller())]
)
def test_every_criterion_of_a_finding_can_be_met_and_can_fail(name):
    study, scale = FINDINGS[name], smaller()
    rng = np.random.default_rng(0)
    for criterion in study.criteria(scale):
        measure, count = criterion.statistic, len(scale.seeds)
        lower = np.isfinite(criterion.bound.lowest)
        bound = criterion.bound.lowest if lower else criterion.bound.highest
        for keeps, wanted in ((True, "met"), (False, "not met")):
            above, right = lower == keeps, rng.uniform(1, 2, count)
            values = bound + (1 if above else -1) * (0.5 * abs(bound) + 0.01 * right)
            if measure.kind == "share":
                values = np.full(count, 100.0 if above else 0.0)
            if measure.kind == "difference":
                values = values + right
            if measure.kind == "ratio":
                values = values * right
            trials = {"held_out": [125.0] * count}
            found = {arm: [{"numbers": dict(trials)}] for arm in study.arms(scale)}
            if measure.right:
                found[measure.right[0]][0]["numbers"][measure.right[1]] = right.tolist()
            found[measure.left[0]][0]["numbers"][measure.left[1]] = values.tolist()
            assert decide(measure.read(found), criterion.bound) == wanted, criterion.text


def test_a_start_is_scaled_in_its_positions_and_output_maps_alone(tmp_path, monkeypatch):
    seen = {}

    class Untrained:
        def __init__(self, model, *_):
            self.model, self.position = model, None

        def run(self, callbacks):
            seen[len(seen)] = {n: w.detach().clone() for n, w in self.model.named_parameters()}
            callbacks[0].rows.append({"step": 1, "accuracy": 0.0, "alignment": 0.5})

    monkeypatch.setattr(start, "Trainer", Untrained)
    settings = {"model_family": "gpt", "star_degree": 5, "path_length": 4,
                "transformer_layer_count": 2, "embedding_dimension": 8,
                "attention_head_count": 2}  # fmt: skip
    for positions, maps in ((1.0, 1.0), (0.1, 0.5)):
        start.train_from(settings=settings, positions=positions, maps=maps, seed=0, folder=tmp_path)
    for name, weight in seen[0].items():
        factor = 0.1 if "position" in name else 0.5 if "output.w" in name or "down.w" in name else 1
        torch.testing.assert_close(seen[1][name], factor * weight)
    assert {f for f in seen[0] if "output.w" in f or "down.w" in f}


def test_a_start_is_followed_until_paths_are_answered(tmp_path):
    settings = {"model_family": "gpt2", "star_degree": 5, "path_length": 4, "max_steps": 8,
                "transformer_layer_count": 1, "embedding_dimension": 8, "attention_head_count": 2,
                "path_finetuning_epochs": 4, "path_finetuning_batch_size": 16}  # fmt: skip
    found = start.train_from(settings=settings, positions=1.0, maps=1.0, seed=0, folder=tmp_path)
    steps, accuracies = found["curves"]["accuracy"][0]
    assert steps[-1] == 8
    assert found["numbers"]["path_step"] == [8]
    assert found["numbers"]["accuracy"] == [accuracies[-1]]


def test_the_predicted_rank_counts_components_and_the_fiedler_eigenspace():
    predicted = {graph: rank.leading_space(rank.facts_of(graph)).shape[1] for graph in rank.MORE}
    assert predicted == {"cube": 4, "4-cube": 5, "path of 9": 2, "grid 3x5": 2,
                         "cycle of 7 and path of 5": 3, "complete graph of 5": 5}  # fmt: skip
    space = rank.leading_space(rank.facts_of("cube"))
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    seen = rank.look(3 * space @ turned, space, np.eye(8))
    assert (seen["rank"], seen["as_predicted"]) == (4, 1)
    assert seen["tilt"] == pytest.approx(0, abs=1e-5)
    assert rank.look(np.eye(8), space, np.eye(8))["as_predicted"] == 0


def test_node2vec_keeps_the_fiedler_eigenspace_of_a_cube(tmp_path):
    found = rank.descended(graph="cube", seeds=[0, 1], steps=[500, 3000], folder=tmp_path)
    assert found["numbers"]["rank_long"] == [4, 4]
    assert max(found["numbers"]["tilt_long"]) < 0.1
    assert found["curves"]["rank"][0][0][-1] == 3000


@pytest.mark.parametrize(("task", "own", "count"), [
    ("two hops", "", 250), ("two hops", "b", 350), ("reversal", "ab", 350),
])  # fmt: skip
def test_held_out_questions_are_asked_of_facts_that_are_known(task, own, count):
    facts, held_out = identity.questions(task, own, seed=0)
    known = {
        tuple(row): a
        for g in facts
        for row, a in zip(g.prompts.tolist(), g.answers.tolist(), strict=True)
    }
    assert sum(len(g.answers) for g in facts) == len(known) == count
    for row, answer in zip(held_out.prompts.tolist(), held_out.answers.tolist(), strict=True):
        assert tuple(row) not in known
        r, s = 3 * identity.CHAINS, 3 * identity.CHAINS + 1
        if task == "two hops":
            assert known[known[row[0], r], s] == answer
        else:
            assert known[answer, r] == row[0]


def test_energies_are_low_on_a_map_and_one_without_relation():
    grid = rank.facts_of("grid")
    rng = np.random.default_rng(0)
    joined = np.broadcast_to(context_map.adjacency_of(grid), (8, 16, 16))
    visited = context_map.walks(joined, 400, 16, rng)
    assert joined[0][visited[:, :-1], visited[:, 1:]].all()
    places = np.stack(np.divmod(np.arange(16), 4), axis=1).astype(float)
    found = context_map.shape_of(places[visited], visited, grid)
    assert found["energy"] == pytest.approx(1 / 5.0 * 0.9375, rel=0.1)
    assert found["rho"] > 0.8
    none = context_map.shape_of(rng.normal(size=(16, 64))[visited], visited, grid)
    assert none["energy"] == pytest.approx(1, abs=0.1)
    assert abs(none["rho"]) < 0.35


def test_the_command_writes_a_page_and_does_nothing_twice(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(capacity, "WIDTHS", {"frozen embeddings": (4, 6)})
    monkeypatch.setattr(capacity, "CONTROLS", {})
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
def test_pieces_of_findings_are_plain_and_told_from_each_other(name, tmp_path):
    plan = Plan(studies=(FINDINGS[name],), scale=smaller(), results=tmp_path)
    pieces = [piece for own in plan.pieces(FINDINGS[name]).values() for piece in own]
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
@pytest.mark.parametrize("name", sorted(set(FINDINGS) - {"capacity"}))
def test_every_page_is_made_from_a_few_steps(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["findings", name, "--steps", "3", "--seeds", "0-1", "--workers", "1"]) == 0
    page = tmp_path / f"experiment_logs/findings/trial/pages/{name}.json"
    content = json.loads(page.read_text())
    assert content["numbers"] or content["criteria"]


def test_the_page_of_the_documentation_names_every_finding():
    page = (Path(__file__).parents[2] / "docs/reproduce.md").read_text()
    assert [name for name in FINDINGS if f"[`{name}`](findings/{name}.md)" not in page] == []


@pytest.mark.parametrize(
    ("lead", "sign", "words"),
    [
        ((4.0, 5.0), (-0.2, 0.1), "The map comes before the answers; shortly before the answers "
         "geometry does not tell which run will answer sooner."),
        ((0.5, 0.9), (0.1, 0.4), "The answers come before the map; shortly before the answers "
         "geometry tells which run will answer sooner."),
        ((0.5, 2.0), (np.nan, np.nan), "Map and answers come in no sure order; shortly before the "
         "answers geometry does not tell which run will answer sooner."),
    ],
)  # fmt: skip
def test_what_a_prediction_comes_to_is_said_as_its_intervals_have_it(lead, sign, words):
    assert prediction._in_words(lead, [sign]) == words
