"""The chunked loss of a linear head: equal to plain cross-entropy, whatever the chunks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from geometric_memory.training import objective
from geometric_memory.training.objective import linear_cross_entropy


def problem(rows=11, width=5, vocabulary=13, seed=0, scale=1.0):
    """Return float64 hidden states, head and targets."""
    numbers = torch.Generator().manual_seed(seed)
    hidden = torch.randn(rows, width, generator=numbers, dtype=torch.float64) * scale
    weight = torch.randn(vocabulary, width, generator=numbers, dtype=torch.float64)
    targets = torch.randint(vocabulary, (rows,), generator=numbers)
    return hidden.requires_grad_(), weight.requires_grad_(), targets


def plain(hidden, weight, targets):
    """Return loss and gradients of F.cross_entropy."""
    loss = cross_entropy(hidden @ weight.T, targets)
    return loss.detach(), *torch.autograd.grad(loss, (hidden, weight))


@pytest.mark.parametrize("chunk", [1, 13, 40, 2**23])
@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize(("rows", "cache"), [(11, 2**19), (30, 1), (30, 13 * 10)])
def test_value_and_gradients_are_those_of_cross_entropy(monkeypatch, chunk, scale, rows, cache):
    monkeypatch.setattr(objective, "LOGITS_PER_CHUNK", chunk)
    monkeypatch.setattr(objective, "LOGITS_IN_CACHE", cache)
    hidden, weight, targets = problem(rows=rows, scale=scale)
    loss, correct = linear_cross_entropy(hidden, weight, targets)
    ours = (loss.detach(), *torch.autograd.grad(loss, (hidden, weight)))
    torch.testing.assert_close(ours, plain(hidden, weight, targets), rtol=1e-10, atol=1e-12)
    assert torch.equal(correct, (hidden @ weight.T).argmax(dim=1) == targets)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 9), st.integers(1, 99))
def test_any_shape_in_any_chunks(rows, width, vocabulary, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "LOGITS_PER_CHUNK", chunk)
        hidden, weight, targets = problem(rows, width, vocabulary, seed=chunk)
        loss, _ = linear_cross_entropy(hidden, weight, targets)
        ours = (loss.detach(), *torch.autograd.grad(loss, (hidden, weight)))
    torch.testing.assert_close(ours, plain(hidden, weight, targets), rtol=1e-10, atol=1e-12)


def test_gradients_follow_what_comes_after_the_loss():
    hidden, weight, targets = problem()
    loss, _ = linear_cross_entropy(hidden, weight, targets)
    gradients = torch.autograd.grad(loss.square() * 3, (hidden, weight))
    value, *expected = plain(hidden, weight, targets)
    torch.testing.assert_close(list(gradients), [6 * value * part for part in expected])


@pytest.mark.parametrize("frozen", [0, 1])
def test_what_is_frozen_gets_no_gradient_and_the_other_its_own(frozen):
    parts = problem()
    parts[frozen].requires_grad_(False)
    linear_cross_entropy(*parts)[0].backward()
    assert parts[frozen].grad is None
    expected = plain(*problem())[2 - frozen]
    torch.testing.assert_close(parts[1 - frozen].grad, expected)


def test_without_gradients_the_value_is_the_same():
    hidden, weight, targets = problem()
    with torch.no_grad():
        loss, _ = linear_cross_entropy(hidden, weight, targets)
    assert not loss.requires_grad
    torch.testing.assert_close(loss, plain(hidden, weight, targets)[0])


def test_bfloat16_products_are_close_and_gradients_keep_the_precision_of_the_weights():
    hidden, weight, targets = (
        part.detach().float() if part.is_floating_point() else part for part in problem(rows=200)
    )
    hidden.requires_grad_()
    weight.requires_grad_()
    expected = plain(hidden, weight, targets)
    loss, _ = linear_cross_entropy(hidden, weight, targets, torch.bfloat16)
    ours = (loss.detach(), *torch.autograd.grad(loss, (hidden, weight)))
    for got, wanted in zip(ours, expected, strict=True):
        assert got.dtype == torch.float32
        assert float((got - wanted).norm()) < 0.02 * float(wanted.norm())


def test_of_tied_logits_in_bfloat16_one_token_is_the_answer():
    """Two targets of one source, equally good after rounding: at most one of them is right."""
    hidden, weight = torch.ones(2, 1), torch.tensor([[1.0], [8.01], [8.0], [8.02]])
    _, correct = linear_cross_entropy(hidden, weight, torch.tensor([1, 3]), torch.bfloat16)
    assert int(correct.sum()) == 1
    _, correct = linear_cross_entropy(hidden, weight, torch.tensor([1, 3]))
    assert correct.tolist() == [False, True]


@pytest.mark.parametrize("cache", [1, 2**19])
def test_in_bfloat16_a_target_all_but_certain_keeps_its_small_gradient(monkeypatch, cache):
    """Of p - 1 with p near 1 nothing is left if p is rounded first."""
    monkeypatch.setattr(objective, "LOGITS_IN_CACHE", cache)
    hidden = torch.ones(20, 1, requires_grad=True)
    weight = torch.tensor([[0.0], [8.0]])
    loss, _ = linear_cross_entropy(
        hidden, weight, torch.ones(20, dtype=torch.int64), torch.bfloat16
    )
    loss.backward()
    expected = 8 * (torch.tensor(8.0).sigmoid() - 1) / 20
    torch.testing.assert_close(hidden.grad, expected.expand(20, 1), rtol=0.01, atol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_bad_hidden_states_give_a_loss_that_is_not_finite(value):
    hidden, weight, targets = problem()
    with torch.no_grad():
        hidden[3, 2] = value
    loss, _ = linear_cross_entropy(hidden, weight, targets)
    assert not loss.isfinite()


def test_a_second_backward_pass_is_refused_rather_than_wrong():
    hidden, weight, targets = problem()
    loss, _ = linear_cross_entropy(hidden, weight, targets)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_argmax_is_the_first_of_equal_entries_and_the_first_nan(dtype):
    logits = torch.zeros(3, 70, dtype=dtype)
    logits[0, [40, 66]] = 2
    logits[1, 69] = 1
    logits[2, [30, 50]] = torch.nan
    assert objective.argmax(logits).tolist() == [40, 69, 30]


@st.composite
def shared_states(draw):
    """Return how many states there are and whose answer each target is, ascending."""
    rows = draw(st.integers(1, 9))
    return rows, sorted(draw(st.lists(st.integers(0, rows - 1), min_size=1, max_size=20)))


@given(shared_states(), st.integers(1, 99), st.integers(1, 99))
def test_targets_that_share_a_state_cost_what_states_of_their_own_do(shared, chunk, cache):
    rows, states = shared
    hidden, weight, _ = problem(rows, seed=chunk)
    targets = torch.arange(len(states)) % len(weight)
    states = torch.tensor(states)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objective, "LOGITS_PER_CHUNK", chunk)
        patch.setattr(objective, "LOGITS_IN_CACHE", cache)
        loss, correct = linear_cross_entropy(hidden, weight, targets, None, states)
    ours = (loss.detach(), *torch.autograd.grad(loss, (hidden, weight)))
    expected = cross_entropy(hidden[states] @ weight.T, targets)
    theirs = (expected.detach(), *torch.autograd.grad(expected, (hidden, weight)))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    assert torch.equal(correct, (hidden @ weight.T).argmax(dim=1)[states] == targets)
