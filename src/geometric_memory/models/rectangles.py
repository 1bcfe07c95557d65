"""Rectangles of tokens, and how models lay several of them out without padding.

A batch is a list of rectangles: rows of equal length, one rectangle per kind of example. When all
rows of a rectangle open with the same token, causality makes everything computed at position 0
equal in all rows, so that position is laid out once (a *shared* position) instead of once per row.
All positions of all rectangles are laid end to end: whatever works on single positions runs once
for the whole batch, and only attention looks at the segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int, Shaped
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Rectangle:
    """Rows of input tokens of one shape."""

    inputs: Int[Tensor, "rows input"]
    """What the model reads."""
    first_target: int
    """First position whose output predicts a target."""
    shared_first_token: bool = False
    """Whether position 0 holds the same token in every row and can be computed once."""

    @property
    def target_count(self) -> int:
        """Targets of one row."""
        return self.inputs.shape[1] - self.first_target


class Segment(NamedTuple):
    """How a rectangle lies in the layout: its shared position, if any, then its own positions."""

    rows: int
    own: int
    """Positions that every row has for itself."""
    shared: int
    """1 if position 0 is laid out once for all rows, else 0."""
    first_target: int
    """First own position that predicts a target."""


class Parted(NamedTuple):
    """The values of one segment."""

    shared: Shaped[Tensor, "shared ..."]
    own: Shaped[Tensor, "rows own ..."]


class Layout(NamedTuple):
    """Tokens and positions of all rectangles, end to end."""

    tokens: Int[Tensor, " laid"]
    positions: Int[Tensor, " laid"]
    segments: tuple[Segment, ...]

    def targets_of(self, values: Tensor) -> Tensor:
        """Return the rows of `values` ("laid d") at target positions ("targets d")."""
        parts = [
            own[:, segment.first_target :].flatten(0, 1)
            for segment, (_, own) in zip(self.segments, part(values, self.segments), strict=True)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def part(values: Shaped[Tensor, "laid ..."], segments: Sequence[Segment]) -> list[Parted]:
    """Return the values of every segment, its shared position apart from its own ones.

    The gradient of one split is one concatenation; that of slices would be a sum of zeros.
    """
    sizes = [size for s in segments for size in (s.shared, s.rows * s.own)]
    parts = iter(values.split(sizes))
    return [Parted(next(parts), next(parts).unflatten(0, (s.rows, s.own))) for s in segments]


def lay_out(rectangles: Sequence[Rectangle], *, share_first_token: bool) -> Layout:
    """Lay rectangles end to end, computing shared first tokens once if allowed."""
    tokens, positions, segments = [], [], []
    for rectangle in rectangles:
        inputs = rectangle.inputs
        rows, length = inputs.shape
        shared = int(share_first_token and rectangle.shared_first_token and rows > 0)
        shared = min(shared, rectangle.first_target)
        order = torch.arange(length, device=inputs.device)
        if shared:
            tokens.append(inputs[0, :1])
            positions.append(order[:1])
        tokens.append(inputs[:, shared:].reshape(-1))
        positions.append(order[shared:].repeat(rows))
        first_target = rectangle.first_target - shared
        segments.append(Segment(rows, length - shared, shared, first_target))
    return Layout(torch.cat(tokens), torch.cat(positions), tuple(segments))


def lay_out_targets(rectangles: Sequence[Rectangle]) -> Layout:
    """Lay out target positions alone, for models in which positions do not see each other."""
    targets = [Rectangle(inputs=r.inputs[:, r.first_target :], first_target=0) for r in rectangles]
    layout = lay_out(targets, share_first_token=False)
    offsets = [
        torch.full((r.inputs.numel(),), whole.first_target, device=r.inputs.device)
        for r, whole in zip(targets, rectangles, strict=True)
    ]
    return layout._replace(positions=layout.positions + torch.cat(offsets))
