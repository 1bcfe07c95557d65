"""`geomem explore [RUN...]`: a local page that trains small models and opens run folders."""

import argparse
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require

DESCRIPTION = "Open a local page that trains small models while you watch, and shows runs."
LOGS = Path("experiment_logs")
PORT = 8050


def main(argv: Sequence[str]) -> int:
    """Serve the page until Ctrl-C."""
    options = _parser().parse_args(argv)
    from geometric_memory.report.stored import located

    runs = [located(run) for run in options.runs]
    problems = [f"{run}: no such folder" for run in runs if not run.is_dir()]
    if not 0 <= options.port < 2**16:
        problems.append(f"--port {options.port}: a port lies between 0 and 65535")
    if problems:
        raise ConfigurationError(problems)
    explorer = _explorer([*runs, *[LOGS] * LOGS.is_dir()], options.port)
    if explorer.port != options.port and options.port:
        sys.stderr.write(f"port {options.port} is taken; using {explorer.port}\n")
    sys.stdout.write(f"The explorer is at {explorer.address} (Ctrl-C ends it)\n")
    sys.stdout.flush()
    if options.open:
        import webbrowser

        webbrowser.open(explorer.address)
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            explorer.serve()
    finally:
        signal.signal(signal.SIGTERM, previous)
        explorer.close()
    sys.stderr.write("the explorer has ended\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="geomem explore", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument(
        "runs", nargs="*", type=Path, metavar="RUN",
        help=f"run folders, or folders that hold some, that the page may open; {LOGS} always is",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"default {PORT}; a free one when it is taken"
    )
    parser.add_argument("--open", action="store_true", help="open the page in your browser")
    return parser


def _explorer(roots: Sequence[Path], port: int) -> Any:
    require("geomem explore", "dash", "matplotlib", "networkx")
    from geometric_memory.explore.server import Explorer

    return Explorer(roots, port)
