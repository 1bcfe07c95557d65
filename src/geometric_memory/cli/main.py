"""`geomem SUBCOMMAND`: finds the subcommand, and turns every known error into one message."""

import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

from geometric_memory import __version__
from geometric_memory.errors import (
    ConfigurationError,
    DiskError,
    GeometricMemoryError,
    OutOfMemoryError,
    is_out_of_memory,
    printable,
)
from geometric_memory.extras import EXTRAS, installation

SUBCOMMANDS = {
    "dataset": "build a graph data set",
    "train": "train a model on a data set, in its weights",
    "list": "the runs of a folder, newest first, with their numbers",
    "evaluate": "measure a finished run",
    "geometry": "whether vectors in a file are a map of a graph",
    "presets": "list the presets of train",
    "tiny": "the tiny-graph laboratory",
    "report": "one page about a run, or several side by side",
    "plot": "any metric of any runs, to a file or in the terminal",
    "findings": "questions that the paper leaves open, answered with intervals",
    "reproduce": "try the claims of the paper, one by one",
    "sweep": "run many trainings as one, on this machine or a cluster",
    "explore": "train small models on a local page and watch them",
    "companion": "the story of the paper as one page, with recorded trainings",
    "verify": "train some steps of a run again and compare the bits",
    "convert": "published weights in, a run out: .pt, Hugging Face, word2vec, csv, ...",
}
ABOUT_RUNS = {
    "list": "runs:list_runs",
    "evaluate": "runs:evaluate",
    "report": "runs:report",
    "plot": "runs:plot",
    "verify": "runs:verify",
    "convert": "runs:convert",
}
"""Module and function of subcommands that have no module of their own."""
INTERRUPTED = 130
ALLOCATIONS = 100_000
"""Between two looks for unreachable objects: at Python's 700, a start spends a sixth of its time
on looks at a million objects of PyTorch that all stay."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (the process's own when None) and return the exit code."""
    if argv is None:
        gc.set_threshold(ALLOCATIONS)
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        sys.stdout.write(_help())
        return 0
    if name == "--version":
        sys.stdout.write(f"geomem {__version__}\n")
        return 0
    if name not in SUBCOMMANDS:
        return run(_report_unknown(name), ())
    # Loaded inside `run`, so that Ctrl-C while it loads is one word too.
    return run(lambda rest: find_command(name)(rest), arguments[1:])


def find_command(name: str) -> Callable[[Sequence[str]], int]:
    """Return the function of a subcommand."""
    module, function = ABOUT_RUNS.get(name, f"{name}:main").split(":")
    return getattr(import_module(f"geometric_memory.cli.{module}"), function)


def run(command: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """Run one subcommand; print a known error as one message and return its exit code."""
    _accept_every_character()
    try:
        return command(arguments)
    except ConfigurationError as error:
        problems = "".join(f"  {problem}\n" for problem in error.problems)
        sys.stderr.write(f"error: the settings cannot be used:\n{problems}")
        return error.exit_code
    except GeometricMemoryError as error:
        trace = getattr(error, "trace", "")  # of a piece of work with an error that is ours
        sys.stderr.write(f"{trace}error: {error}\n")
        return error.exit_code
    except ModuleNotFoundError as error:
        return _missing(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, say) has gone; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        # What the rooms below turn into messages of their own never comes here.
        text = f"error: {error.filename or 'file'}: {error.strerror or error}\n"
        sys.stderr.write(printable(text))
        return DiskError.exit_code
    except (MemoryError, RuntimeError) as error:
        return _shortage(error)


def _missing(error: ModuleNotFoundError) -> int:
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS:
        raise error
    sys.stderr.write(f"error: {package} is not installed: {installation([package])}\n")
    return ConfigurationError.exit_code


def _shortage(error: MemoryError | RuntimeError) -> int:
    if not is_out_of_memory(error):
        raise error
    sys.stderr.write("error: out of memory; take a smaller graph, batch or model\n")
    return OutOfMemoryError.exit_code


def _accept_every_character() -> None:
    """Escape on output what the terminal's encoding does not know, names of files above all."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _report_unknown(name: str) -> Callable[[Sequence[str]], int]:
    def refuse(_: Sequence[str]) -> int:
        from geometric_memory.synonyms import unknown_name

        sentence = unknown_name(name, SUBCOMMANDS, "subcommand")
        raise ConfigurationError([f"{sentence} (there are {', '.join(SUBCOMMANDS)})"])

    return refuse


def _help() -> str:
    lines = [f"  {name:<10} {text}" for name, text in SUBCOMMANDS.items()]
    return (
        "usage: geomem SUBCOMMAND [options]\n\n"
        "How sequence models store the facts of a graph in their weights.\n\n"
        + "\n".join(lines)
        + "\n\ngeomem SUBCOMMAND --help prints the options of each."
        "\nTo begin: geomem train --preset tiny, which takes seconds.\n"
    )
