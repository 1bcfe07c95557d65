"""`geomem companion`: the story of the paper as one page, with the recordings of its trainings."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import require

DESCRIPTION = (
    "Write one self-contained page that tells the story of the paper with recorded trainings. What "
    "is not trained yet is trained first: some fifteen minutes of one core in all."
)


def main(argv: Sequence[str]) -> int:
    """Train what is missing, write the page, and print where it is."""
    parser = argparse.ArgumentParser(
        prog="geomem companion", description=DESCRIPTION, allow_abbrev=False
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="parts of the story; default all")
    parser.add_argument(
        "--folder", type=Path, default=Path("experiment_logs/companion"),
        help="where its trainings are kept (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=Path("companion.html"),
        help="the file to write (default %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--max_steps", type=int, default=0, metavar="N",
        help="stop every training after so many updates; 0 is no limit (default)",
    )  # fmt: skip
    parser.add_argument("--open", action="store_true", help="open the page in your browser")
    options = parser.parse_args(argv)
    require("geomem companion", "matplotlib", "jinja2")
    from geometric_memory.figures.page import html
    from geometric_memory.files.whole import write_whole
    from geometric_memory.report.companion import PARTS, Trainings, companion_page
    from geometric_memory.synonyms import unknown_name

    problems = [unknown_name(name, PARTS, "part") for name in options.parts if name not in PARTS]
    problems += [f"--max_steps {options.max_steps}: 0 or more"] * (options.max_steps < 0)
    problems += [f"--output {options.output}: is a folder"] * options.output.is_dir()
    if not options.output.parent.is_dir():
        problems.append(f"--output {options.output}: there is no folder {options.output.parent}")
    if problems:
        raise ConfigurationError(problems)
    trainings = Trainings(folder=options.folder, most_steps=options.max_steps)
    write_whole(options.output, html(companion_page(trainings, options.parts)).encode())
    sys.stdout.write(f"wrote {options.output}\n")
    if options.open:
        import webbrowser

        webbrowser.open(options.output.resolve().as_uri())
    return 0
