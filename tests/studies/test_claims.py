"""Every claim is complete data at both scales, and asks for numbers that its work leaves."""

import json
from collections import defaultdict

import numpy as np
import pytest

from geometric_memory.config import RunConfig
from geometric_memory.config.presets import PRESETS
from geometric_memory.errors import ConfigurationError
from geometric_memory.settings import changed
from geometric_memory.studies.choice import chosen
from geometric_memory.studies.claims.evidence import Evidence, load_evidence, save_evidence
from geometric_memory.studies.claims.jobs import cut_short, jobs_of, perform
from geometric_memory.studies.claims.path_evidence import learning_order, path_numbers
from geometric_memory.studies.claims.registry import CLAIMS
from geometric_memory.studies.claims.scales import SCALES, laptop
from geometric_memory.tiny.sections import section

BRIEF = changed(PRESETS["tiny"].config, star_degree=12, max_steps=2)


class Recording(defaultdict):
    """Numbers that say 1 to everything and remember what was asked."""

    def __missing__(self, name):
        self[name] = [1.0, 2.0]
        return self[name]


def asked(claim, scale):
    """Return the numbers that the criteria of a claim read, by kind of work."""
    arms = claim.arms(scale)
    found = {
        name: Evidence(seeds=(0, 1), numbers=Recording(), curves={}, seconds=0.0) for name in arms
    }
    for criterion in claim.criteria(scale):
        assert np.isfinite(criterion.value(found)).all()
    kinds = defaultdict(set)
    for name, work in arms.items():
        kind = "run" if isinstance(work, RunConfig) else work.block
        kinds[kind] |= set(found[name].numbers)
    return kinds


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Names of numbers and curves that each kind of work leaves, from the shortest there is."""
    folder = tmp_path_factory.mktemp("work")
    work = {
        "run": BRIEF,
        "transformer": cut_short(section("transformer", "star"), 2),
        "linear": cut_short(section("neural_network", "star"), 2),
        "node2vec": cut_short(section("node2vec", "star"), 2),
        "mamba": cut_short(section("mamba", "star"), 2),
    }
    found = {}
    for kind, each in work.items():
        (job,) = jobs_of(each, (3,))
        perform(job, folder)
        found[kind] = job.stored(folder)
    return found


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", CLAIMS)
def test_criteria_read_numbers_that_the_work_leaves(name, scale, left):
    for kind, names in asked(CLAIMS[name], SCALES[scale]()).items():
        assert names <= set(left[kind].numbers)


@pytest.mark.parametrize("name", CLAIMS)
def test_panels_show_curves_that_the_work_leaves(name, left):
    arms = CLAIMS[name].arms(laptop())
    for panel in CLAIMS[name].panels:
        for arm, curve in panel.lines.values():
            kind = "run" if isinstance(arms[arm], RunConfig) else arms[arm].block
            # The shortest run has paths of four nodes.
            assert curve in left[kind].curves or (kind, curve) == ("run", "token_5")


def test_a_run_that_is_measured_leaves_no_weights(left, tmp_path):
    (job,) = jobs_of(BRIEF, (3,))
    perform(job, tmp_path)
    assert not list(tmp_path.rglob("*.safetensors"))
    again = job.stored(tmp_path)
    assert again.numbers == left["run"].numbers
    assert 0 <= again.number("alignment")[0] <= 1


def test_equal_work_shares_a_key_and_other_work_does_not():
    (first,), (same,) = (
        jobs_of(section("associative_fast", "star"), (1, 2)),
        jobs_of(section("associative_fast", "star"), (1, 2)),
    )
    (other,) = jobs_of(section("associative_fast", "grid"), (1, 2))
    (fewer,) = jobs_of(section("associative_fast", "star"), (1,))
    assert first.key == same.key
    assert len({first.key, other.key, fewer.key}) == 3
    runs = jobs_of(PRESETS["tiny"].config, (0, 1))
    assert runs[0].key != runs[1].key


def test_claims_share_work():
    keys = {
        name: {
            job.key for work in CLAIMS[name].arms(laptop()).values() for job in jobs_of(work, (0,))
        }
        for name in ("unseen_paths", "alignment", "in_context", "edge_directions")
    }
    shared = set.intersection(*keys.values())
    assert len(shared) == 1


def test_unknown_claims_are_named_with_the_nearest():
    with pytest.raises(ConfigurationError, match="did you mean pause_tokens"):
        chosen(["pause_token", "unseen_paths"], CLAIMS, word="claim", command="it")
    assert chosen([], CLAIMS, word="claim", command="it") == tuple(CLAIMS.values())


def test_evidence_survives_the_disk(tmp_path):
    evidence = Evidence(
        seeds=(1, 2), numbers={"a": [0.5, float("nan")]}, seconds=1.5,
        curves={"c": [([1, 2], [0.0, 1.0]), ([1], [2.0])]},
    )  # fmt: skip
    save_evidence(evidence, tmp_path / "x" / "evidence.json")
    again = load_evidence(tmp_path / "x" / "evidence.json")
    assert again.seeds == (1, 2)
    assert np.array_equal(again.number("a"), [0.5, np.nan], equal_nan=True)
    assert json.dumps(again.curves) == json.dumps(evidence.curves)


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
