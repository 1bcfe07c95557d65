"""Options that commands of many trainings share: their limits, and how they are checked."""

import argparse

from geometric_memory.errors import ConfigurationError


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add --steps and --workers."""
    parser.add_argument("--steps", type=int, help="at most so many updates, to try the command")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 is one per core")


def check_limits(options: argparse.Namespace) -> None:
    """Check what `add_limits` added.

    Raises:
        ConfigurationError: with everything that is out of range.
    """
    problems = []
    if options.steps is not None and options.steps < 1:
        problems.append(f"--steps {options.steps}: at least 1")
    if options.workers < 0:
        problems.append(f"--workers {options.workers}: at least 0")
    if problems:
        raise ConfigurationError(problems)
