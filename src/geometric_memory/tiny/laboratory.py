"""What notebooks and short scripts call: train a section or load it, and tell its numbers."""

from collections.abc import Sequence
from pathlib import Path

from geometric_memory.analysis.estimate import estimate
from geometric_memory.tiny.comparison import QUANTITIES, published_numbers
from geometric_memory.tiny.engine import Precision
from geometric_memory.tiny.results import SectionRun, load_run, numbers, save_run
from geometric_memory.tiny.sections import Section
from geometric_memory.tiny.training import shortened, train_section


def train_or_load(
    section: Section,
    seeds: Sequence[int],
    folder: Path,
    *,
    steps: int | None = None,
    precision: Precision = "fp32",
) -> SectionRun:
    """Return the run of `section` stored in `folder`, trained now if it is not there.

    `steps` shortens the run. A stored run counts only if all its settings are the same.
    """
    wanted = section if steps is None else shortened(section, steps)
    stored = load_run(wanted, seeds, precision, folder)
    if stored is None:
        stored = train_section(wanted, seeds, precision=precision)
        save_run(stored, folder)
    return stored


class Lines(str):
    """Text that a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def comparison(run: SectionRun) -> Lines:
    """Return published numbers beside those of `run`, one per line."""
    published = published_numbers(run.section)
    values = numbers(run)
    shown = f"seed {run.shown_seed}"
    lines = [f"{'':<36}{'published':>10}{shown:>10}  over {len(run.seeds)} seeds"]
    for quantity, label in QUANTITIES.items():
        own, mean = values[quantity][run.shown], estimate(values[quantity])
        if own == own:
            low, high = mean.run_interval
            over = f"  {mean.mean:.3f} [{low:.3f}, {high:.3f}]" if mean.count > 1 else ""
            lines.append(f"{label:<36}{published.get(quantity, ''):>10}{own:>10.4g}{over}")
    verdict = str(run.verdicts[run.shown])
    lines.append(f"{'verdict of the geometry score':<36}{'':>10}{verdict:>10}")
    return Lines("\n".join(lines))
