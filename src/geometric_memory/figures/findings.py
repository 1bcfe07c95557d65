"""The figures of the findings: effects, pairs, means by kind, capacities, signs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from geometric_memory.figures.style import GREY, PALETTE, quiet

Interval = Sequence[float]
"""Both ends of a 95 % interval."""
SMALL, TINY = 9, 8


def effect_bars(
    models: Mapping[str, Sequence[tuple[str, float, Interval, Mapping[str, float]]]], *, label: str
) -> Figure:
    """Return a panel per model: mean and interval of every effect, and its value on each graph."""
    most = max(len(rows) for rows in models.values())
    figure = Figure(figsize=(9, 0.9 + 0.5 * most), layout="constrained")
    panels = figure.subplots(1, len(models), squeeze=False)[0]
    for axes, (model, rows) in zip(panels, models.items(), strict=True):
        for place, (_, mean, interval, by_graph) in enumerate(rows):
            axes.plot(interval, [place, place], color=PALETTE[0], linewidth=3)
            axes.plot([mean], [place], "o", color=PALETTE[0], markersize=7)
            for (graph, value), marker in zip(by_graph.items(), "sD^v", strict=False):
                named = graph if place == 0 else None
                axes.plot(
                    [value], [place + 0.22], marker, color=GREY, markersize=4, alpha=0.7,
                    linestyle="none", label=named,
                )  # fmt: skip
        axes.set_yticks(range(len(rows)), [row[0] for row in rows], fontsize=SMALL)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(model, fontsize=SMALL + 1)
        axes.set_xlabel(label, fontsize=TINY)
        quiet(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=TINY, frameon=False)
    return figure


def paired_dots(
    rows: Mapping[str, Sequence[tuple[float, Interval]]], *, sides: tuple[str, str], label: str
) -> Figure:
    """Return a line per row with a dot and an interval for each of two sides."""
    figure = Figure(figsize=(7.5, 0.9 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    for place, pair in enumerate(rows.values()):
        axes.plot([pair[0][0], pair[1][0]], [place, place], color=GREY, linewidth=1, alpha=0.6)
        for shift, color, side, (mean, interval) in zip(
            (-0.12, 0.12), PALETTE, sides, pair, strict=False
        ):
            own = place + shift
            axes.plot(interval, [own, own], color=color, linewidth=2)
            axes.plot([mean], [own], "o", color=color, label=side if place == 0 else None)
    axes.set_yticks(range(len(rows)), list(rows), fontsize=SMALL)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-3, 103)
    axes.set_xlabel(label, fontsize=SMALL)
    axes.legend(frameon=False, fontsize=TINY, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2)
    quiet(axes)
    return figure


def grouped_means(numbers: Mapping[str, Mapping[str, tuple[float, Interval]]]) -> Figure:
    """Return a small panel per number with a mean and an interval per kind."""
    columns = 4
    rows = -(-len(numbers) // columns)
    figure = Figure(figsize=(2.5 * columns, 2.3 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, kinds) in zip(panels, numbers.items(), strict=False):
        for place, ((kind, (mean, interval)), color) in enumerate(
            zip(kinds.items(), PALETTE, strict=False)
        ):
            axes.bar([place], [mean], color=color, alpha=0.85, width=0.65, label=kind)
            axes.plot([place, place], interval, color="black", linewidth=1.4)
        axes.set_xticks([])
        axes.set_title(_wrapped(name), fontsize=TINY)
        axes.tick_params(labelsize=TINY)
        quiet(axes)
    for axes in panels[len(numbers) :]:
        axes.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False,
        fontsize=TINY,
    )  # fmt: skip
    return figure


def capacity_lines(
    graphs: Mapping[str, Mapping[str, Sequence[tuple[int, int, float, Interval]]]], *, largest: int
) -> Figure:
    """Return a panel per graph: nodes memorized against trained parameters, a line per kind."""
    figure = Figure(figsize=(8.5, 3.4), layout="constrained")
    panels = figure.subplots(1, len(graphs), sharey=True, squeeze=False)[0]
    for axes, (graph, kinds) in zip(panels, graphs.items(), strict=True):
        for (kind, points), color in zip(kinds.items(), PALETTE, strict=False):
            parameters = [point[1] for point in points]
            means = [point[2] for point in points]
            axes.plot(parameters, means, "o-", color=color, label=kind)
            for place, (width, _, _, interval) in enumerate(points):
                ends = np.maximum(interval, 0)
                axes.plot([parameters[place]] * 2, ends, color=color, linewidth=2)
                axes.annotate(
                    str(width), (parameters[place], means[place]), fontsize=TINY - 1,
                    textcoords="offset points", xytext=(4, -9), color=color,
                )  # fmt: skip
        axes.axhline(largest, color=GREY, linestyle=":", linewidth=1)
        axes.set(xscale="log", xlabel="trained parameters", title=graph)
        axes.set_yscale("symlog", linthresh=4)
        quiet(axes)
    panels[0].set_ylabel("nodes memorized (width beside each point)", fontsize=SMALL)
    panels[-1].legend(frameon=False, fontsize=TINY)
    return figure


def signs_and_curves(
    curves: Sequence[Mapping[str, Any]],
    signs: Mapping[str, tuple[float, Interval]],
    *,
    step: float,
) -> Figure:
    """Return alignment and accuracy of every run over steps, and how well each sign orders runs."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    for place, own in enumerate(curves):
        _thin(left, own["alignment"], 100.0, PALETTE[0], "alignment, x 100" if not place else None)
        _thin(left, own["accuracy"], 1.0, PALETTE[1], "held-out paths (%)" if not place else None)
    left.axvline(step, color="black", linewidth=0.8, linestyle=":")
    left.set(xscale="symlog", xlabel="step")
    left.set_xlim(left=0)
    left.legend(frameon=False, fontsize=TINY)
    quiet(left)
    for place, (mean, interval) in enumerate(signs.values()):
        right.plot(interval, [place, place], color=PALETTE[0], linewidth=3)
        right.plot([mean], [place], "o", color=PALETTE[0])
    right.axvline(0, color="black", linewidth=0.8)
    right.set_yticks(range(len(signs)), [_wrapped(name) for name in signs], fontsize=TINY)
    right.set_ylim(len(signs) - 0.5, -0.5)
    right.set_xlabel(f"rank correlation at step {step:.0f} with being early", fontsize=TINY)
    quiet(right)
    return figure


def _thin(
    axes: Axes, curve: Sequence[Sequence[float | int]], factor: float, color: str, label: str | None
) -> None:
    steps, values = curve
    axes.plot(
        steps, np.multiply(values, factor), color=color, linewidth=0.8, alpha=0.5, label=label
    )


def _wrapped(text: str, width: int = 30) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
