"""`geomem tiny` lists, runs and reports."""

import pytest

from geometric_memory.cli.main import main
from geometric_memory.cli.tiny import parse_seeds
from geometric_memory.errors import ConfigurationError


def test_list_tells_every_experiment(capsys):
    assert main(["tiny", "list"]) == 0
    shown = capsys.readouterr().out
    for name in (
        "transformer_forward_only",
        "regularizer_3d",
        "neural_network_rate_0.001",
        "mamba",
    ):
        assert name in shown


def test_run_trains_measures_and_draws(tmp_path, capsys):
    arguments = ["tiny", "run", "associative_fast", "--graph", "star", "--seeds", "6-7"]
    arguments += ["--steps", "3", "--results", str(tmp_path), "--workers", "1"]
    assert main(arguments) == 0
    assert "associative_fast, star: seed 7" in capsys.readouterr().out
    assert (tmp_path / "fp32" / "associative_fast-star.safetensors").is_file()
    assert list((tmp_path / "figures").rglob("*.pdf"))
    assert main([*arguments, "--resume", "--no-figures"]) == 0
    assert "associative_fast, star" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "transfomer"], "did you mean transformer"),
        (["run", "transformer", "--graph", "ring"], "there for star, grid, cycle, irregular"),
        (["run", "transformer", "--seeds", "a"], "--seeds 'a'"),
        (["run", "transformer", "--steps", "0"], "--steps 0: at least 1"),
    ],
)
def test_mistakes_get_one_sentence(arguments, told, capsys):
    assert main(["tiny", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_seeds_are_lists_of_ranges():
    assert parse_seeds("7") == (7,)
    assert parse_seeds("0-2,5") == (0, 1, 2, 5)
    for wrong in ("", "3-1", "1,1", "x-2", "1-"):
        with pytest.raises(ConfigurationError):
            parse_seeds(wrong)


@pytest.mark.slow
def test_all_writes_the_table(tmp_path):
    report = tmp_path / "table"
    arguments = ["tiny", "all", "--seeds", "7,8", "--steps", "2", "--report", str(report)]
    assert main([*arguments, "--results", str(tmp_path / "runs")]) == 0
    assert report.with_suffix(".md").read_text().count("| star |") > 20
