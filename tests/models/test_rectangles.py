"""Layouts of rectangles: what lies where, and what comes back."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from geometric_memory.models.rectangles import Rectangle, lay_out, lay_out_targets


@st.composite
def shapes(draw):
    """Draw rows, length and first target of a few rectangles."""
    found = []
    for _ in range(draw(st.integers(1, 4))):
        length = draw(st.integers(1, 6))
        found.append((draw(st.integers(1, 5)), length, draw(st.integers(0, length - 1))))
    return found


def rectangles_of(chosen, *, shared):
    """Return rectangles whose tokens are all different, but for the first of shared ones."""
    found, first = [], 0
    for rows, length, first_target in chosen:
        inputs = first + torch.arange(rows * length).view(rows, length)
        if shared:
            inputs[:, 0] = inputs[0, 0]
        found.append(Rectangle(inputs=inputs, first_target=first_target, shared_first_token=shared))
        first += rows * length
    return found


@given(shapes(), st.booleans(), st.booleans())
def test_targets_come_back_in_order_whatever_is_shared(chosen, shared, allowed):
    rectangles = rectangles_of(chosen, shared=shared)
    layout = lay_out(rectangles, share_first_token=allowed)
    wanted = [r.inputs[:, r.first_target :].reshape(-1) for r in rectangles]
    tokens = layout.targets_of(layout.tokens[:, None])[:, 0]
    assert tokens.tolist() == torch.cat(wanted).tolist()
    assert lay_out_targets(rectangles).tokens.tolist() == tokens.tolist()


@given(shapes(), st.booleans(), st.booleans())
def test_positions_count_from_the_start_of_each_row(chosen, shared, allowed):
    rectangles = rectangles_of(chosen, shared=shared)
    layout = lay_out(rectangles, share_first_token=allowed)
    wanted = [
        torch.arange(r.first_target, r.inputs.shape[1]).repeat(len(r.inputs)) for r in rectangles
    ]
    positions = layout.targets_of(layout.positions[:, None])[:, 0]
    assert positions.tolist() == torch.cat(wanted).tolist()
    assert lay_out_targets(rectangles).positions.tolist() == positions.tolist()


@given(shapes())
def test_a_shared_position_is_laid_out_once_unless_it_predicts(chosen):
    rectangles = rectangles_of(chosen, shared=True)
    laid = len(lay_out(rectangles, share_first_token=True).tokens)
    saved = sum(rows - 1 for rows, _, first_target in chosen if first_target > 0)
    assert laid == sum(rows * length for rows, length, _ in chosen) - saved
    assert sum(r.target_count for r in rectangles) == sum(n - first for _, n, first in chosen)
