"""What is printed is what was written: no markup, and no command to the terminal."""

import ast
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

import geometric_memory
from geometric_memory.cli import main as front_door
from geometric_memory.console import make_console, say
from geometric_memory.errors import ConfigurationError, DataError, printable
from geometric_memory.runs.progress import Progress
from geometric_memory.work.progress import Progress as WorkProgress

PACKAGE = Path(geometric_memory.__file__).parent
FOREIGN = (
    "[Errno 2] no such file: [/usr/lib]", "pip install 'geometric-memory[wandb]'", ":smile: [bold]",
    "a long line " * 30,
)  # fmt: skip
COMMANDS = "\x1b]0;title\x07\x1b[2J\x9b31m\r\u202egnp.exe\ud800"


@pytest.mark.parametrize("text", FOREIGN)
@pytest.mark.parametrize("console", [make_console, Console])
def test_text_is_printed_as_it_is(text, console):
    written = StringIO()
    say(console(file=written), text)
    Progress(console(file=written)).say(text)
    WorkProgress(console(file=written), "cells", total=1, done=0).say(text)
    assert written.getvalue() == f"{text}\n" * 3


@given(st.text())
def test_only_plain_text_reaches_a_terminal(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert all(character.isprintable() or ord(character) > 159 or character in "\n\t"
               for character in shown)  # fmt: skip
    shown.encode()
    if text.isascii() and text.isprintable():
        assert shown == text


def test_escape_codes_do_nothing():
    written = StringIO()
    terminal = make_console(file=written)
    say(terminal, COMMANDS)
    escaped = r"\x1b]0;title\x07\x1b[2J\x9b31m\r\u202egnp.exe\ud800"
    assert written.getvalue() == escaped + "\n"
    assert str(DataError(COMMANDS)) == escaped
    assert ConfigurationError([COMMANDS]).problems == (escaped,)


def test_a_file_whose_name_is_an_escape_code(capsys):
    def fails(_):
        raise PermissionError(13, "Permission denied", COMMANDS)

    assert front_door.run(fails, ()) == 6
    assert "\x1b" not in capsys.readouterr().err


def test_one_module_makes_consoles_and_prints():
    found = {
        f"{file.relative_to(PACKAGE).as_posix()}: {name}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (name := ast.unparse(node.func)).rpartition(".")[2] in ("Console", "print")
    }
    assert found == {"console.py: Console", "console.py: console.print"}
