"""Estimates: equal to scipy, closed forms, coverage, and decisions in both directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from geometric_memory.analysis.estimate import (
    Bound,
    decide,
    estimate,
    estimate_ratio,
    estimate_share,
    exact_interval,
    mean_known,
    student,
)

samples = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12).map(np.array)


def test_intervals_are_students():
    found = estimate([1.0, 2.0, 3.0, np.nan])
    reach = 4.302652729911275  # t of 2 degrees of freedom, s = 1
    assert (found.mean, found.count, found.missing) == (2.0, 3, 1)
    assert found.interval == pytest.approx((2 - reach / 3**0.5, 2 + reach / 3**0.5))
    assert found.run_interval[1] == pytest.approx(2 + reach * (4 / 3) ** 0.5)
    assert found.text == "2 ± 2.5 (3 of 4 seeds)"
    assert found.plain()["values"] == [1.0, 2.0, 3.0, None]


@given(samples)
def test_a_mean_and_a_ratio_have_the_intervals_of_scipy(sample):
    found, spread = estimate(sample), stats.sem(sample)
    ratios = estimate_ratio(np.exp(sample / 200))
    assert ratios.mean == pytest.approx(stats.gmean(np.exp(sample / 200)))
    if spread > 1e-9:
        wanted = stats.t.interval(0.95, len(sample) - 1, sample.mean(), spread)
        assert found.interval == pytest.approx(wanted)
        assert ratios.interval == pytest.approx(tuple(np.exp(np.array(wanted) / 200)))


def test_a_ratio_and_its_inverse_say_the_same():
    found, inverse = estimate_ratio([0.5, 1.0, 8.0]), estimate_ratio([2.0, 1.0, 0.125])
    assert found.mean == pytest.approx(1 / inverse.mean)
    assert found.interval == pytest.approx((1 / inverse.interval[1], 1 / inverse.interval[0]))
    assert estimate_ratio([0.5, 0.0]).missing == 1


@given(st.integers(0, 60), st.integers(1, 60))
def test_a_share_of_one_sample_has_the_interval_of_clopper_and_pearson(hits, trials):
    hits = min(hits, trials)
    wanted = stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
    assert exact_interval(hits, trials) == pytest.approx((wanted.low, wanted.high))
    assert estimate_share([hits / trials], trials).interval == pytest.approx(tuple(wanted))


@given(st.integers(2, 20), st.integers(1, 200), st.floats(1.0, 500.0))
def test_seeds_that_all_reach_everything_still_have_an_interval(seeds, trials, whole):
    found = estimate_share([whole] * seeds, trials, whole)
    fewer = (student(seeds * trials) / student(seeds)) ** 2
    assert found.mean == pytest.approx(whole)
    assert found.interval[1] == pytest.approx(whole)
    assert found.interval[0] == pytest.approx(whole * 0.025 ** (1 / (seeds * trials * fewer)))
    none = estimate_share([0.0] * seeds, trials, whole)
    assert none.interval == pytest.approx((0.0, whole - found.interval[0]), abs=1e-9 * whole)
    assert found.text.endswith("]")


@given(st.lists(st.integers(0, 125), min_size=2, max_size=8))
def test_a_share_stays_between_nothing_and_all_around_its_mean(hits):
    found = estimate_share(np.array(hits) / 125, 125)
    assert 0 <= found.interval[0] <= found.mean <= found.interval[1] <= 1
    pooled = exact_interval(sum(hits), 125 * len(hits))
    assert found.interval[0] <= pooled[0] + 1e-9
    assert found.interval[1] >= pooled[1] - 1e-9


@pytest.mark.parametrize("scatter", [0.0, 0.1])
def test_a_share_covers_the_truth_as_often_as_it_says(scatter):
    rng = np.random.default_rng(0)
    held, draws = 0, 400
    for _ in range(draws):
        chances = np.clip(rng.normal(0.7, scatter, 5), 0, 1) if scatter else np.full(5, 0.7)
        low, high = estimate_share(rng.binomial(125, chances) / 125, 125).interval
        held += low <= 0.7 <= high
    assert held / draws >= 0.93


@pytest.mark.parametrize(
    ("sample", "bound", "wanted"),
    [
        ([1.0, 2.0, 3.0], Bound(lowest=-0.5), "met"),
        ([1.0, 2.0, 3.0], Bound(lowest=1.0), "undecided"),
        ([1.0, 2.0, 3.0], Bound(lowest=3.0), "undecided"),
        ([1.0, 2.0, 3.0], Bound(lowest=4.5), "not met"),
        ([1.0, 2.0, 3.0], Bound(highest=4.5), "met"),
        ([1.0, 2.0, 3.0], Bound(highest=2.5), "undecided"),
        ([1.0, 2.0, 3.0], Bound(highest=-0.5), "not met"),
        ([5.0], Bound(lowest=5.0), "undecided"),  # one seed says nothing of the next
        ([5.0, np.nan], Bound(lowest=0.0), "undecided"),
        ([5.0, 5.0, np.nan], Bound(lowest=9.0), "undecided"),
        ([], Bound(lowest=0.0), "undecided"),
    ],
)
def test_decisions(sample, bound, wanted):
    assert decide(estimate(np.array(sample)), bound) == wanted


@given(samples, st.floats(-1e3, 1e3))
def test_a_bound_and_its_opposite_are_never_both_met(sample, edge):
    found = estimate(sample)
    assert decide(found, Bound(lowest=edge + 1e-6)) != "met" or (
        decide(found, Bound(highest=edge - 1e-6)) != "met"
    )


def test_a_bound_reads_as_a_sentence():
    assert str(Bound(lowest=0.75)) == "at least 0.75"
    assert str(Bound(highest=3.0)) == "at most 3"


def test_means_of_rows_leave_out_what_is_missing():
    known = mean_known(np.array([[1, np.nan], [3, np.nan]]))
    assert known.tolist() == pytest.approx([2, np.nan], nan_ok=True)
