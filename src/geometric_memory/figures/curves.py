"""Curves over training steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from geometric_memory.figures.style import GREY, PALETTE, quiet


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Values at steps."""

    steps: Sequence[int]
    values: Sequence[float]


def accuracy_curves(groups: Mapping[str, Sequence[Curve]], *, chance: float, title: str) -> Figure:
    """Return accuracy in percent over steps, one colour per group, one thin line per seed."""
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for (label, curves), color in zip(groups.items(), PALETTE, strict=False):
        for index, curve in enumerate(curves):
            axes.plot(
                curve.steps,
                curve.values,
                color=color,
                alpha=0.85,
                linewidth=1.4,
                label=label if index == 0 else None,
            )
    axes.axhline(chance, color=GREY, linestyle=":", linewidth=1, label=f"chance, {chance:.2g} %")
    axes.set(xlabel="step", ylabel="held-out paths answered (%)", title=title, ylim=(-3, 103))
    axes.legend(frameon=False)
    quiet(axes)
    return figure
