"""Every claim is complete data at both scales, and asks for numbers that its work leaves."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from geometric_memory.analysis.estimate import decide
from geometric_memory.cli.main import main
from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.settings import changed
from geometric_memory.studies.path_runs import learning_order, path_numbers, path_pieces
from geometric_memory.studies.registry import CLAIMS
from geometric_memory.studies.runner import Plan
from geometric_memory.studies.scales import SCALES, laptop
from geometric_memory.studies.tiny_runs import tiny_pieces
from geometric_memory.tiny.sections import Section, section, tiny_graph
from geometric_memory.work.perform import perform
from geometric_memory.work.piece import Answers

BRIEF = changed(PRESETS["tiny"].config, star_degree=12)
SHORT = replace(laptop(), seeds=(3,), tiny_seeds=(3,), steps=2)


class Recording(defaultdict):
    """Numbers that are 1 and 2 for everything, and remember what was asked."""

    def __missing__(self, name):
        self[name] = [1.0, 2.0]
        return self[name]

    def __contains__(self, name):
        return True


def kind_of(work):
    """Return what sort of work an arm is."""
    if isinstance(work, RunConfig):
        return "run"
    return work.block if isinstance(work, Section) else "pieces"


def asked(claim, scale):
    """Return the numbers that the criteria of a claim read, by kind of work."""
    arms = claim.arms(scale)
    found = {name: [{"numbers": Recording()}] for name in arms}
    for criterion in claim.criteria(scale):
        assert np.isfinite(criterion.statistic.read(found).mean)
    kinds = defaultdict(set)
    for name, work in arms.items():
        kinds[kind_of(work)] |= set(found[name][0]["numbers"])
    return kinds


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Names of numbers and curves that each kind of work leaves, from the shortest there is."""
    folder = tmp_path_factory.mktemp("work")
    work = {
        "run": path_pieces(BRIEF, SHORT),
        "transformer": tiny_pieces(section("transformer", "star"), SHORT),
        "linear": tiny_pieces(section("neural_network", "star"), SHORT),
        "node2vec": tiny_pieces(section("node2vec", "star"), SHORT),
        "mamba": tiny_pieces(section("mamba", "star"), SHORT),
        "pieces": CLAIMS["complexity"].arms(SHORT)["cycle"],
    }
    pieces = [piece for (piece,) in work.values()]
    dict(perform(pieces, folder))
    return {kind: Answers(folder).answer(piece) for kind, (piece,) in work.items()}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", CLAIMS)
def test_criteria_read_numbers_that_the_work_leaves(name, scale, left):
    for kind, names in asked(CLAIMS[name], SCALES[scale]()).items():
        assert names <= set(left[kind]["numbers"])


@pytest.mark.parametrize("name", CLAIMS)
def test_panels_show_curves_that_the_work_leaves(name, left):
    arms = CLAIMS[name].arms(laptop())
    for panel in CLAIMS[name].panels:
        for arm, curve in panel.lines_of(arms).values():
            kind = kind_of(arms[arm])
            assert curve in left[kind]["curves"]


def planted(claim, scale, criterion, *, keeps):
    """Return what seeds leave whose mean lies on the one or the other side of a bound."""
    measure, arms = criterion.statistic, claim.arms(scale)
    work = arms[measure.left[0]]
    run = isinstance(work, RunConfig)
    count = len(scale.seeds if run else scale.tiny_seeds)
    rng = np.random.default_rng(0)
    lower = np.isfinite(criterion.bound.lowest)
    bound = criterion.bound.lowest if lower else criterion.bound.highest
    above = lower == keeps
    degree = work.graph.star_degree if run else 1
    chance = 100 / degree
    trials = {"held_out": degree // 4 if degree > 20 else 1000, "facts": 1000, "nodes": 1000}
    trials["models"] = 1
    if isinstance(work, Section):
        graph = tiny_graph(work)
        trials |= {"facts": len(graph.facts), "nodes": graph.node_count}
    trials["chance"] = chance
    numbers = {name: [float(value)] * count for name, value in trials.items()}
    right = rng.uniform(1, 2, count)
    if measure.kind == "share":
        whole = 100.0 if measure.whole == "chance" else measure.whole
        values = np.full(count, whole if above else 0.0)
    else:
        apart = 0.5 * abs(bound) or 0.1
        wanted = bound + rng.normal(apart if above else -apart, 0.05 * apart, count)
        if measure.kind == "difference":
            wanted = wanted + right
        if measure.kind == "ratio" and measure.right:
            wanted = wanted * right
        values = wanted
    found = {arm: [{"numbers": dict(numbers)}] for arm in arms}
    if measure.right:
        found[measure.right[0]][0]["numbers"][measure.right[1]] = right.tolist()
    found[measure.left[0]][0]["numbers"][measure.left[1]] = values.tolist()
    return found


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", CLAIMS)
def test_every_criterion_can_be_met_and_can_fail(name, scale):
    scale = SCALES[scale]()
    for criterion in CLAIMS[name].criteria(scale):
        for keeps, wanted in ((True, "met"), (False, "not met")):
            found = planted(CLAIMS[name], scale, criterion, keeps=keeps)
            estimate = criterion.statistic.read(found)
            assert decide(estimate, criterion.bound) == wanted, (criterion.text, estimate.text)
        arm, number = criterion.statistic.left
        found[arm][0]["numbers"][number][0] = None
        assert decide(criterion.statistic.read(found), criterion.bound) == "undecided"


def test_a_run_that_is_measured_leaves_no_weights(left, tmp_path):
    ((piece, again),) = perform(path_pieces(BRIEF, SHORT), tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))
    assert Answers(tmp_path).answer(piece)["numbers"] == left["run"]["numbers"]
    assert 0 <= again["numbers"]["alignment"][0] <= 1


def test_equal_work_shares_a_key_and_other_work_does_not():
    one = replace(laptop(), tiny_seeds=(1, 2))
    keys = [
        tiny_pieces(section("associative_fast", graph), replace(one, tiny_seeds=seeds))[0].key
        for graph, seeds in (("star", (1, 2)), ("star", (1, 2)), ("grid", (1, 2)), ("star", (1,)))
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    runs = path_pieces(PRESETS["tiny"].config, replace(one, seeds=(0, 1)))
    assert runs[0].key != runs[1].key


def test_claims_share_work(tmp_path):
    plan = Plan(studies=tuple(CLAIMS.values()), scale=laptop(), results=tmp_path)
    names = ("unseen_paths", "alignment", "in_context", "edge_directions")
    keys = [{piece.key for piece in plan.every_piece([CLAIMS[name]])} for name in names]
    assert len(set.intersection(*keys)) == len(laptop().seeds)


def test_unknown_claims_are_named_with_the_nearest(capsys):
    assert main(["reproduce", "pause_token", "unseen_paths"]) == 2
    assert "did you mean pause_tokens" in capsys.readouterr().err


def rows(*steps_learned):
    """Rows of a run whose i-th token is half right from the given step on."""
    return [
        {
            "stage": "joint_training", "step": step, "test/accuracy": 10.0 * step,
            "test/token_1": 100.0, "test/token_2": 10.0 * step,
            "edge_memorization/top_k_recovery": 100.0 if step > 3 else 50.0,
            **{
                f"test_forced/token_{place}": 100.0 if step >= learned else 0.0
                for place, learned in enumerate(steps_learned, start=1)
            },
        }
        for step in range(1, 9)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("learned", "tau"),
    [((1, 7, 5, 3, 1), -1.0), ((1, 3, 5, 7, 1), 1.0), ((1, 4, 4, 4, 1), 0.0)],
)
def test_the_order_of_learning_leaves_out_root_and_leaf(learned, tau):
    assert learning_order(rows(*learned), 0.2) == pytest.approx(tau)


def test_what_a_guess_gets_right_is_not_learned():
    log = rows(1, 1, 5, 3, 1)
    for row in log:
        row["test_forced/token_2"] = 51.0  # one of two arms, and a little luck
    assert learning_order(log, 50.0) == -1.0
    assert learning_order(log, 0.0) == pytest.approx(1 / 3)


def test_numbers_of_a_run_are_last_best_and_first():
    log = rows(1, 7, 5, 3, 1)
    log[-1]["test/accuracy"] = 20.0
    numbers = path_numbers(log, 0.2)
    assert numbers["accuracy"] == 20.0
    assert numbers["best_accuracy"] == 70.0
    assert numbers["kept_accuracy"] == pytest.approx(2 / 7)
    assert numbers["edge_step"] == 4
    assert numbers["path_step"] == 8  # never 90 %: the length of the run
    assert numbers["edges_known"] == 100.0


def test_a_run_cut_before_its_paths_has_every_number_all_the_same():
    log = [{"stage": "edge_memorization", "step": 2, "edge_memorization/top_k_recovery": 7.0}]
    numbers = path_numbers(log, 0.2)
    assert set(numbers) == set(path_numbers(rows(1, 7, 5, 3, 1), 0.2))
    assert (numbers["edges_known"], numbers["steps"]) == (7.0, 2.0)
    assert np.isnan(numbers["best_accuracy"])
