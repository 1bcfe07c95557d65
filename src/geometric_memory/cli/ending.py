"""The ending of a run: where it lies, what it knows, and the command to type next."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from geometric_memory.errors import GeometricMemoryError

if TYPE_CHECKING:
    from geometric_memory.runs.run import Run

KNOWN = "edge_memorization/top_k_recovery"


def ending(run: "Run") -> str:
    """Return the lines that a user reads last: time and folder, memory, geometry, paths, next."""
    from geometric_memory.runs.measurement import UNWATCHED, WATCHED  # there since the run

    summary, final = run.summary, run.summary["final"]
    lines = [
        f"{summary['steps']} steps in {summary['seconds']:.1f} s "
        f"({summary['steps_per_second']:.1f} steps/s while training): {run.path}",
    ]
    if KNOWN in final:
        of_whom = f", of {run.asked_nodes} nodes" if run.asked_nodes else ""
        lines.append(f"edge facts known (top-k recovery): {_percent(final[KNOWN])}{of_whom}")
        lines.append(f"embedding: {_geometry(run)}")
    if "test/accuracy" in final:
        lines.append(
            f"held-out paths answered: {_percent(final['test/accuracy'])} of "
            f"{run.asked(summary['test_paths'])} (chance {summary['chance']:.2g} %)"
        )
    if UNWATCHED in final:
        lines.append(
            f"of every second one, which could stop the run: {_percent(final[WATCHED])}; "
            f"of the others, which could not: {_percent(final[UNWATCHED])}"
        )
    if summary.get("ambiguous_questions"):
        lines.append(
            f"of {summary['test_paths']} questions {summary['ambiguous_questions']} have several "
            f"right answers: the path wanted can be named in {summary['ceiling']:.1f} % at best, a "
            "right one was in "
            f"{_percent(final.get('test/any_shortest_path'))}"
        )
    return "\n".join([*lines, f"next: {report_command(run.path)}"])


def report_command(*runs: Path) -> str:
    """Return the command that makes a page of `runs`, as this shell can call it."""
    return " ".join([program(), "report", *(shlex.quote(str(run)) for run in runs)])


def program() -> str:
    """Return how this shell calls `geomem`: by its name where that finds ours, else by its path."""
    own, found = Path(sys.executable).with_name("geomem"), shutil.which("geomem")
    if not own.exists() or (found and own.samefile(found)):
        return "geomem"
    inside = own.is_relative_to(Path.cwd())
    return shlex.quote(str(own.relative_to(Path.cwd()) if inside else own))


def _percent(value: float | None) -> str:
    from geometric_memory.analysis.estimate import one_digit_percent  # there since the run

    return "none" if value is None else one_digit_percent(value)


def _geometry(run: "Run") -> str:
    """Return whether the embedding is a map; asked only when all but a few edges are known."""
    from geometric_memory.analysis.geometry_result import ENOUGH_FACTS

    if (run.summary["final"][KNOWN] or 0.0) < ENOUGH_FACTS:
        return "no verdict before every edge is known"
    try:
        found = run.geometry()
    except GeometricMemoryError as error:
        return f"no verdict: {error}"
    return f"{found.summary()}: {found.reason}"
