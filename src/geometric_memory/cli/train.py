"""`geomem train`, and `python train_in_weights.py`: one training run."""

from collections.abc import Sequence
from typing import Any

from geometric_memory.cli.arguments import parse
from geometric_memory.config import RunConfig
from geometric_memory.experiments.presets import PRESETS

DESCRIPTION = "Train a model on the edges and paths of a graph, in its weights, and measure it."


def main(argv: Sequence[str]) -> int:
    """Train as the command line says and print the result."""
    presets = {name: preset.config for name, preset in PRESETS.items()}
    parsed = parse(
        RunConfig, argv, program="geomem train", description=DESCRIPTION, presets=presets
    )
    from rich.console import Console

    from geometric_memory.runs.launch import run_training

    progress = Console(stderr=True, highlight=False)
    for warning in parsed.config.warnings(parsed.given):
        progress.print(f"warning: {warning}", soft_wrap=True)
    result = run_training(parsed.config, progress)
    Console(highlight=False).print(summary_text(result.summary), soft_wrap=True)
    return 0


def summary_text(summary: dict[str, Any]) -> str:
    """Return the lines that a user reads last."""
    final = summary["final"]
    lines = [
        f"{summary['steps']} steps in {summary['seconds']:.1f} s "
        f"({summary['steps_per_second']:.1f} steps/s while training)",
        f"edge facts known (top-k recovery): {final['edge_memorization/top_k_recovery']:.1f} %",
    ]
    if "test/accuracy" in final:
        lines.append(
            f"held-out paths answered: {final['test/accuracy']:.1f} % of {summary['test_paths']} "
            f"(chance {summary['chance']:.2g} %)"
        )
    return "\n".join(lines)
