"""The console: where text is printed as it is, whoever wrote it.

Names out of files, paths and messages of libraries hold brackets, colons and escape codes. None of
it is read as markup, and nothing but plain text reaches the terminal.
"""

from io import StringIO, TextIOWrapper

from rich.console import Console
from rich.text import Text

from geometric_memory.errors import printable


def make_console(
    *, stderr: bool = False, file: TextIOWrapper | StringIO | None = None, width: int | None = None,
    quiet: bool = False,
) -> Console:  # fmt: skip
    """Return a console without markup: standard output, or one of the places named."""
    return Console(
        stderr=stderr, file=file, width=width, quiet=quiet, markup=False, emoji=False,
        highlight=False,
    )  # fmt: skip


def say(console: Console, text: str) -> None:
    """Print `text` and a line end; long lines are not broken, so that they can be copied."""
    console.print(Text(printable(text)), soft_wrap=True)
