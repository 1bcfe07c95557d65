"""The learning rate: published values and laws."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.training.stages import Schedule, constant

PUBLISHED = (
    # peak, warmup, decay steps, floor, rates at steps
    (0.01, 0, 500, 0.001, {0: 0.01, 1: 0.009999911173852617, 5: 0.009997779521645794}),
    (0.01, 500, 7500, 0.001, {0: 0.0, 1: 2e-05, 3: 5.9999999999999995e-05, 500: 0.01}),
    (0.0005, 1000, 210000, 5e-05, {1: 5e-07, 3: 1.5e-06, 210000: 5e-05, 210001: 5e-05}),
    (1.0, 10, 11, 0.1, {9: 0.9, 10: 1.0, 11: 0.1, 12: 0.1}),
    (0.01, 500, 300, 0.001, {299: 0.00598, 300: 0.006, 499: 0.00998, 500: 0.001}),
    (0.01, 10, 10, 0.001, {5: 0.005, 9: 0.009, 10: 0.001}),
    (0.01, 0, 0, 0.001, {0: 0.001, 5: 0.001}),
)


@pytest.mark.parametrize(("peak", "warmup", "decay", "floor", "rates"), PUBLISHED)
def test_published_values(peak, warmup, decay, floor, rates):
    schedule = Schedule(peak=peak, warmup_steps=warmup, decay_steps=decay, floor=floor)
    found = {step: schedule.rate(step) for step in rates}
    assert found == pytest.approx(rates, rel=1e-12)


steps = st.integers(0, 300)


@given(st.floats(1e-6, 10), steps, steps)
def test_it_rises_to_the_peak_and_never_rises_again(peak, warmup, length):
    schedule = Schedule(
        peak=peak, warmup_steps=warmup, decay_steps=warmup + length + 1, floor=peak / 10
    )
    rates = [schedule.rate(step) for step in range(warmup + length + 5)]
    assert rates[0] == (0 if warmup else pytest.approx(peak))
    assert rates[warmup] == pytest.approx(peak)
    assert rates[: warmup + 1] == sorted(rates[: warmup + 1])
    falling = rates[warmup:]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(falling))
    assert rates[-4:] == pytest.approx([peak / 10] * 4)


@given(st.floats(1e-6, 10), st.integers(1, 300), st.integers(0, 600))
def test_the_cosine_is_symmetric_about_its_middle(peak, half, step):
    schedule = Schedule(peak=peak, warmup_steps=0, decay_steps=2 * half, floor=peak / 10)
    step %= 2 * half + 1
    both = schedule.rate(step) + schedule.rate(2 * half - step)
    assert both == pytest.approx(1.1 * peak)
    assert schedule.rate(half) == pytest.approx(0.55 * peak)


@given(st.floats(0, 10), st.integers(0, 10**9))
def test_a_constant_rate_has_no_warmup(rate, step):
    assert constant(rate).rate(step) == rate
    assert math.isfinite(constant(rate).rate(step))
