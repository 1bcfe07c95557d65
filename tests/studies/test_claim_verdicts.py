"""From numbers to verdicts: intervals in closed form, and every rule at its edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from geometric_memory.studies.claims.verdicts import Bound, outcome, summarized, verdict

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12).map(np.array)


def test_the_interval_is_student_s():
    found = summarized(np.array([1.0, 2.0, 3.0]))
    reach = 4.302652729911275 / np.sqrt(3)  # t of 2 degrees of freedom, s = 1
    assert found.mean == 2.0
    assert found.interval == pytest.approx((2 - reach, 2 + reach))


@given(values)
def test_the_interval_is_that_of_scipy(sample):
    found = summarized(sample)
    spread = stats.sem(sample)
    if spread > 0:
        wanted = stats.t.interval(0.95, len(sample) - 1, sample.mean(), spread)
        assert found.interval == pytest.approx(wanted)


def test_equal_values_have_an_interval_of_no_width():
    assert summarized(np.array([100.0] * 5)).interval == (100.0, 100.0)


@pytest.mark.parametrize(
    ("sample", "bound", "wanted"),
    [
        ([1.0, 2.0, 3.0], Bound(lowest=-0.5), "met"),
        ([1.0, 2.0, 3.0], Bound(lowest=1.0), "open"),
        ([1.0, 2.0, 3.0], Bound(lowest=3.0), "open"),
        ([1.0, 2.0, 3.0], Bound(lowest=4.5), "not met"),
        ([1.0, 2.0, 3.0], Bound(highest=4.5), "met"),
        ([1.0, 2.0, 3.0], Bound(highest=2.5), "open"),
        ([1.0, 2.0, 3.0], Bound(highest=-0.5), "not met"),
        ([5.0], Bound(lowest=5.0), "met"),
        ([5.0], Bound(highest=4.9), "not met"),
        ([5.0, np.nan], Bound(lowest=0.0), "not met"),
        ([], Bound(lowest=0.0), "not met"),
    ],
)
def test_outcomes(sample, bound, wanted):
    assert outcome(summarized(np.array(sample)), bound) == wanted


@given(values, st.floats(-1e3, 1e3))
def test_a_bound_and_its_opposite_are_never_both_met(sample, edge):
    found = summarized(sample)
    both = {outcome(found, Bound(lowest=edge + 1e-6)), outcome(found, Bound(highest=edge - 1e-6))}
    assert both != {"met"}


@pytest.mark.parametrize(
    ("outcomes", "controls", "wanted"),
    [
        (["met", "met"], [False, False], "holds"),
        (["met", "open"], [False, False], "holds in part"),
        (["open"], [False], "holds in part"),
        (["met", "not met"], [False, False], "holds in part"),
        (["not met", "not met"], [False, False], "does not hold here"),
        (["not met", "met"], [False, True], "does not hold here"),
        (["met", "not met"], [False, True], "holds in part"),
        (["met", "met"], [False, True], "holds"),
    ],
)
def test_verdicts(outcomes, controls, wanted):
    assert verdict(outcomes, controls) == wanted


def test_a_bound_reads_as_a_sentence():
    assert str(Bound(lowest=0.75)) == "at least 0.75"
    assert str(Bound(highest=3.0)) == "at most 3"
