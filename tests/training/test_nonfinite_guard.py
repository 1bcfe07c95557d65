"""The guard: which steps change nothing, how many are allowed, and a flag that stays up."""

import pytest
import torch

from geometric_memory.config import TrainingSettings
from geometric_memory.training.optimizer import NonFiniteGuard

CPU = torch.device("cpu")
GOOD, NAN, INFINITE = (torch.tensor(value) for value in (1.0, float("nan"), float("-inf")))


def guard_of(**settings):
    return NonFiniteGuard(TrainingSettings(**settings), CPU)


def inspected(guard, losses):
    """Whether each step was held, and whether the flag was up after it."""
    return [(bool(guard.inspect(loss, [torch.ones(2)])), guard.broken) for loss in losses]


@pytest.mark.parametrize("bad", [NAN, INFINITE])
def test_a_bad_loss_or_gradient_holds_the_step(bad):
    assert inspected(guard_of(), [GOOD, bad]) == [(False, False), (True, True)]
    guard = guard_of()
    assert bool(guard.inspect(GOOD, [torch.ones(3), torch.stack([GOOD, bad])]))
    assert guard.broken


def test_once_up_the_flag_holds_every_step():
    assert inspected(guard_of(), [NAN, GOOD, GOOD]) == [(True, True)] * 3


def test_as_many_as_allowed_are_left_out_one_by_one():
    guard = guard_of(on_nonfinite="skip", nonfinite_limit=2)
    assert inspected(guard, [NAN, GOOD, NAN, GOOD]) == [
        (True, False), (False, False), (True, False), (False, False),
    ]  # fmt: skip
    assert inspected(guard, [NAN, GOOD]) == [(True, True), (True, True)]
    assert int(guard.count) == 3


def test_a_limit_means_nothing_unless_batches_are_skipped():
    assert guard_of(nonfinite_limit=5).allowed == 0
