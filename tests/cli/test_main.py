"""`geomem`: finding the subcommand, and every way to end."""

import pytest

from geometric_memory import __version__
from geometric_memory.cli.main import SUBCOMMANDS, main, run
from geometric_memory.errors import (
    CheckpointError,
    ConfigurationError,
    DataError,
    DiskError,
    Interrupted,
    NonFiniteError,
    RunLockedError,
)


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_help_names_every_subcommand(capsys, words):
    assert main(words) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in SUBCOMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"geomem {__version__}\n"


def test_an_unknown_subcommand_gets_the_nearest_one(capsys):
    assert main(["trian"]) == 2
    assert "did you mean train?" in capsys.readouterr().err


def test_ctrl_c_while_a_subcommand_loads_is_one_word(capsys, monkeypatch):
    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("geometric_memory.cli.main.import_module", interrupted)
    assert main(["train"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_has_help(capsys, name):
    with pytest.raises(SystemExit) as leaving:
        main([name, "--help"])
    assert leaving.value.code == 0
    assert f"geomem {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError(["a", "b"]), 2), (RunLockedError("x"), 2), (DataError("x"), 3),
        (CheckpointError("x"), 4), (NonFiniteError("x"), 5), (DiskError("x"), 6),
        (Interrupted("x", 143), 143), (KeyboardInterrupt(), 130),
    ],
)  # fmt: skip
def test_exit_codes(capsys, error, code):
    def command(_):
        raise error

    assert run(command, []) == code
    said = capsys.readouterr().err
    assert said
    assert "Traceback" not in said
