"""The gradients in closed form are those that torch finds by differentiating the same logits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.tiny.stacked_linear import HEAD, POSITIONS, TABLE, StackedLinear


def drawn_weights(  # noqa: PLR0913
    members, vocabulary, width, depth, *, tied, positions, frozen
):
    generator = torch.Generator().manual_seed(members + 10 * width + 100 * depth)

    def normal(*shape):
        return torch.randn(members, *shape, generator=generator, dtype=torch.float32)

    weights = {TABLE: normal(vocabulary, width)}
    if not tied:
        weights[HEAD] = normal(vocabulary, width)
    if positions:
        weights[POSITIONS] = normal(4, width)
    for layer in range(depth):
        weights[f"{layer}.weight"] = normal(width, width)
        weights[f"{layer}.bias"] = normal(width)
    tables = (TABLE, HEAD, POSITIONS)
    return {
        name: weight.requires_grad_(not (frozen and name in tables))
        for name, weight in weights.items()
    }


def plain_logits(weights, nodes, depth, mask=None):
    """The definition, node by node and without bmm."""
    hidden = weights[TABLE][:, nodes]
    if POSITIONS in weights:
        hidden = hidden + weights[POSITIONS][:, 1:2]
    for layer in range(depth):
        hidden = torch.einsum("moi,mri->mro", weights[f"{layer}.weight"], hidden)
        hidden = hidden + weights[f"{layer}.bias"][:, None]
    if mask is not None:
        hidden = hidden * mask
    return torch.einsum("mvd,mrd->mrv", weights.get(HEAD, weights[TABLE]), hidden)


def agree(found, expected, weights):
    trained = {name for name, weight in weights.items() if weight.requires_grad}
    assert set(found) & trained == trained
    for name in trained:
        scale = expected[name].abs().max()
        assert torch.allclose(found[name], expected[name], rtol=1e-4, atol=1e-5 * scale), name


@given(
    members=st.integers(1, 3),
    rows=st.integers(1, 18),
    width=st.integers(1, 9),
    depth=st.integers(1, 3),
    tied=st.booleans(),
    positions=st.booleans(),
    frozen=st.booleans(),
    dropped=st.booleans(),
)
def test_gradients_are_those_of_autograd(  # noqa: PLR0913
    members, rows, width, depth, tied, positions, frozen, dropped
):
    weights = drawn_weights(
        members, rows + 2, width, depth, tied=tied, positions=positions, frozen=frozen
    )
    nodes = torch.arange(rows)
    generator = torch.Generator().manual_seed(rows)
    places = torch.randint(rows, (2 * rows,), generator=generator) if dropped else nodes
    mask = None
    if dropped:
        mask = (torch.rand(members, len(places), width, generator=generator) > 0.4) / 0.6
    expected_logits = plain_logits(weights, nodes[places], depth, mask)
    gradient = torch.randn(expected_logits.shape, generator=generator)
    trained = [name for name, weight in weights.items() if weight.requires_grad]
    ours = torch.autograd.grad(expected_logits, [weights[name] for name in trained], gradient)
    with torch.no_grad():
        forward = StackedLinear([str(layer) for layer in range(depth)]).forward(weights, nodes)
        if mask is None:
            logits, found = forward.logits, forward.gradients(gradient)
        else:
            logits = forward.mask_logits(places, mask)
            found = forward.mask_gradients(gradient, places, mask)
    assert torch.allclose(logits, expected_logits, rtol=1e-4, atol=1e-3)
    agree(found, dict(zip(trained, ours, strict=True)), weights)


@pytest.mark.parametrize("count", [1, 15, 16, 17])
def test_padded_rows_are_not_answers(count):
    weights = drawn_weights(2, 20, 5, 1, tied=True, positions=False, frozen=False)
    with torch.no_grad():
        logits = StackedLinear(["0"]).logits(weights, torch.arange(count))
    assert logits.shape == (2, count, 20)
