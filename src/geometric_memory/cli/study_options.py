"""Options that commands of many trainings share: their limits, and where their pages go."""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

from geometric_memory.errors import ConfigurationError

MOST_WORKERS = 4096


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add --steps, --workers and --timeout."""
    parser.add_argument("--steps", type=int, help="at most so many updates, to try the command")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 is one per core")
    parser.add_argument(
        "--timeout", type=seconds, default=math.inf, help="seconds that a piece of work may take"
    )


def seconds(text: str) -> float:
    """Return a time limit, an argument of `--timeout`; raises ValueError if it is none."""
    found = float(text)
    if not found > 0:
        raise ValueError
    return found


def check_limits(options: argparse.Namespace) -> None:
    """Check what `add_limits` added.

    Raises:
        ConfigurationError: with everything that is out of range.
    """
    problems = []
    if options.steps is not None and options.steps < 1:
        problems.append(f"--steps {options.steps}: at least 1")
    if not 0 <= options.workers <= MOST_WORKERS:
        problems.append(f"--workers {options.workers}: 0 to {MOST_WORKERS}")
    if problems:
        raise ConfigurationError(problems)


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where work and pages of a command go: into its own folder, trials apart from results.

    Only --publish writes into the documentation.
    """

    results: Path
    option: str
    """Name of the option that says where the pages go."""
    within: Path
    """Where they go when it is left out, in the folder of the results."""
    public: Path
    """Where --publish puts them."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add --results, the option of the pages, and --publish."""
        parser.add_argument(
            "--results", type=Path, help=f"default {self.results}; a trial (--steps): trial in it"
        )
        parser.add_argument(
            f"--{self.option}", type=Path, help=f"default {self.within} in the results"
        )
        parser.add_argument(
            "--publish", action="store_true", help=f"write {self.public}, the documentation"
        )

    def settle(self, options: argparse.Namespace) -> None:
        """Fill in the places that were left out.

        Raises:
            ConfigurationError: with everything that speaks against --publish.
        """
        pages, trial = getattr(options, self.option), options.steps is not None
        against = {
            "a trial (--steps) is no result; leave --steps out": trial,
            f"--{self.option} says too where the pages go; give one of the two": pages is not None,
            f"there is no {self.public.parent} here; call it in the root of the repository": (
                not self.public.parent.is_dir()
            ),
        }
        problems = [f"--publish: {text}" for text, holds in against.items() if holds]
        if options.publish and problems:
            raise ConfigurationError(problems)
        options.results = options.results or (self.results / "trial" if trial else self.results)
        place = self.public if options.publish else options.results / self.within
        setattr(options, self.option, pages or place)
