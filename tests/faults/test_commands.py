"""Hostile words and files for every command: one message, an exit code of the documentation.

Commands and options are read from their parsers, so that no new one can be left out.
"""

import argparse
import re
import signal
from contextlib import contextmanager
from importlib import import_module
from random import Random

import pytest
from fuzz import EXIT_CODES, Place
from harm import WHOLES, WORDS, harmed
from readers import CELLS, GRAPHS, IN_RUN, READERS, content_of

from geometric_memory.cli.main import SUBCOMMANDS, find_command, main

QUICK, SLOW = 8, 150
"""Lines for each command."""
LONGEST = 120
"""Seconds."""
NUMBERS = (
    "-1", "0", "1e9", "1000000000", "9" * 19, "-" + "9" * 19, "9" * 5000, "1e-400", "0-9" * 9,
    "0-999999999", "²", "1,1", "=", "--", "-", "a=b",
)  # fmt: skip
TYPED = [*(word for word in WORDS if "\x00" not in word), *NUMBERS]
SHORT = {
    "companion": ["memorize", "--max_steps", "2"],
    "train": ["--preset", "tiny", "--max_steps", "1"],
    "dataset": ["--graph_type", "cycle", "--total_nodes", "5"],
    "sweep": ["--preset", "tiny", "--grid", "seed=0", "--max_steps", "1"],
    "tiny run": ["--steps", "1"], "tiny all": ["--steps", "1"],
    "reproduce": ["--steps", "1"], "findings": ["--steps", "1"],
    "verify": ["--steps", "2"],
}  # fmt: skip
"""Typed first, so that what is accepted is soon done."""
WORK = (
    "sweeps.sweep:run_sweep", "tiny.batches:run_sections", "studies.runner:carry_out",
    "cli.explore:_explorer",
)  # fmt: skip
"""What would take long; a line that comes so far has been accepted."""


class Parser(Exception):  # noqa: N818 - it carries something out
    """Carries the parser of a command out of it."""


class Accepted(Exception):  # noqa: N818 - it is no fault
    """A line that nothing refused."""


def leaves(name, parser):
    """Yield name and parser of a command, or of each of those below it."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield name, parser
    for action in below:
        for word, each in action.choices.items():
            yield from leaves(f"{name} {word}", each)


def parsers():
    """Return the parser of every command by its words."""

    def stop(parser, *_, **__):
        raise Parser(parser)

    found = {}
    for name in SUBCOMMANDS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(argparse.ArgumentParser, "parse_known_args", stop)
            with pytest.raises(Parser) as raised:
                find_command(name)([])
        found |= dict(leaves(name, raised.value.args[0]))
    return found


COMMANDS = parsers()


def places(folder, chance):
    """Make files and folders that something may be wrong with; return their paths."""
    name = f"place{chance.randrange(10**9)}"
    kind = chance.choice((".json", ".csv", ".safetensors", ".pt", ".py", ".npy", ".graphml", ""))
    (folder / (name + kind)).write_bytes(chance.choice(WHOLES))
    (folder / "empty").mkdir(exist_ok=True)
    suffix = chance.choice(sorted(GRAPHS))
    graph = harmed(chance, GRAPHS[suffix], f"graph.{suffix}")
    (folder / f"graph.{suffix}").write_bytes(graph)
    files = READERS["run"].files()
    Place(folder / "sound", files)
    file = chance.choice(sorted(file for file in files if file.startswith(IN_RUN)))
    Place(folder / "harmed", files | {file: harmed(chance, files[file], file)})
    (folder / "cells.py").write_bytes(CELLS)
    return [name + kind, "empty", "nothing", "sound", f"sound/{IN_RUN}", "/dev/null", "cells.py",
            f"graph.{suffix}", *[f"harmed/{IN_RUN}"] * 6]  # fmt: skip


def line(name, parser, action, chance, there):
    """Return a line for a command, with something hostile for one of its options or arguments."""

    def value(sound):
        return chance.choice(there[3:5] if sound else [*TYPED, *there * 2])

    words = [*name.split(), *SHORT.get(name, ())]
    for each in parser._actions:
        needed = each.nargs in (None, "+") and not each.option_strings
        if needed or (each is action and not each.option_strings):
            words.append(value(each is not action and chance.random() < 0.7))
    if action.option_strings:
        given = action.nargs != 0 and chance.random() < 0.95
        words += [action.option_strings[-1], *[value(False)] * given]
    return words


@contextmanager
def in_time(words):
    """Fail where `words` take too long."""

    def late(*_):
        pytest.fail(f"{words} takes more than {LONGEST} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(words, capsys):
    """Return the exit code and what was printed; nothing for what is accepted."""
    capsys.readouterr()
    try:
        with in_time(words):
            code = main(words)
    except SystemExit as exit_:
        code = exit_.code
    except Accepted:
        code = 0
    said = capsys.readouterr()
    return code, said.out + said.err


def check(name, chance, folder, monkeypatch, capsys, count):
    def accept(*_, **__):
        raise Accepted

    for place in WORK:
        module, _, function = place.partition(":")
        monkeypatch.setattr(import_module(f"geometric_memory.{module}"), function, accept)
    monkeypatch.chdir(folder)
    parser = COMMANDS[name]
    actions = [each for each in parser._actions if not isinstance(each, argparse._HelpAction)]
    refused = 0
    for _ in range(count):
        there = places(folder, chance)
        words = line(name, parser, chance.choice(actions), chance, there)
        code, said = outcome(words, capsys)
        assert code == 0 or code in EXIT_CODES, (words, code)
        messages = len(re.findall(r"^(?:geomem [a-z ]+: )?error: ", said, flags=re.M))
        assert messages == (code != 0), (words, code, said)
        assert "Traceback" not in said, (words, said)
        unfinished = [file for file in content_of(folder) if ".tmp-" in file or ".building" in file]
        assert not unfinished, (words, unfinished)
        refused += code != 0
    return refused


def test_every_command_has_a_parser():
    assert {name.split()[0] for name in COMMANDS} == set(SUBCOMMANDS)
    assert set(SHORT) <= set(COMMANDS)


@pytest.mark.parametrize("name", [n for n, p in COMMANDS.items() if len(p._actions) > 1])
def test_no_command_trips(name, tmp_path, monkeypatch, capsys):
    check(name, Random(name), tmp_path, monkeypatch, capsys, QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, p in COMMANDS.items() if len(p._actions) > 1])
def test_no_command_trips_over_many_lines(name, tmp_path, monkeypatch, capsys):
    assert check(name, Random(f"many {name}"), tmp_path, monkeypatch, capsys, SLOW)
