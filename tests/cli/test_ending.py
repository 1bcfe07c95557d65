"""How a run ends: its folder, memory, geometry, held-out paths, and the next command to type."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from geometric_memory.cli import ending
from geometric_memory.cli.main import main
from geometric_memory.report.stored import runs_in

LEARNED = [
    "--graph_type", "cycle", "--total_nodes", "12", "--path_length", "4",
    "--path_finetuning_learning_rate", "3e-3", "--path_finetuning_batch_size", "64",
    "--path_finetuning_epochs", "300", "--path_finetuning_eval_interval_epochs", "100",
]  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines_of(capsys, *argv):
    assert main(["train", "--preset", "tiny", "--run_name", "RUN", *argv]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_run_that_learned_its_edges_ends_with_a_verdict_and_the_next_command(here, capsys):
    time, memory, geometry, paths, following = lines_of(capsys, *LEARNED)
    assert time.startswith("300 steps in ")
    assert time.endswith(": experiment_logs/in_weights/RUN")
    assert memory == "edge facts known (top-k recovery): 100.0 %"
    assert re.fullmatch(r"embedding: [a-z]+ \(score [+-][\d.]+ \[.*\]\): .*", geometry)
    assert re.fullmatch(r"held-out paths answered: [\d.]+ % of 3 \(chance 8.3 %\)", paths)
    words = shlex.split(following.removeprefix("next: "))
    assert words[1:] == ["report", "experiment_logs/in_weights/RUN"]
    assert runs_in(Path(words[2])) == [Path(words[2])]


def test_no_verdict_is_given_or_computed_before_every_edge_is_known(here, capsys, monkeypatch):
    monkeypatch.setattr(
        "geometric_memory.runs.run.Run.geometry", lambda record: pytest.fail("judged")
    )
    lines = lines_of(capsys, "--max_steps", "2")
    assert lines[2] == "embedding: no verdict before every edge is known"


def test_what_cannot_be_judged_is_said_in_the_line(here, capsys):
    two = ["--star_degree", "2", "--path_length", "2", "--train_split_ratio", "0.5"]
    lines = lines_of(capsys, *LEARNED[6:], *two)
    assert lines[1].endswith("100.0 %")
    assert lines[2].startswith("embedding: undecided (score +0.00 [")


def test_a_thinned_evaluation_prints_how_many_were_asked(here, capsys):
    lines = lines_of(capsys, "--max_steps", "2", "--star_degree", "40", "--evaluate_at_most", "2")
    assert re.search(r"\(top-k recovery\): [\d.]+ %, of 2 among 121 nodes$", lines[1])
    assert re.search(r"answered: [\d.]+ % of 2 among \d+ \(chance", lines[3])


def test_questions_with_several_answers_are_counted_beside_the_best_possible(here, capsys):
    # Two squares that share a corner, 0: each far corner is reached over two ways.
    Path("squares.csv").write_text("source,target\n0,1\n1,2\n2,3\n3,0\n0,4\n4,5\n5,6\n6,0\n")
    own = ["--graph_type", "custom", "--graph_file", "squares.csv", "--path_length", "3"]
    lines = lines_of(capsys, *own, "--path_count", "24", "--train_split_ratio", "0.5")
    said = re.fullmatch(
        r"of \d+ questions (\d+) have several right answers: the path wanted can be named in "
        r"([\d.]+) % at best, a right one was in ([\d.]+) %",
        lines[4],
    )
    assert said is not None
    # Of the 24 paths four end at the far corners, two at each; all other nodes end four each.
    assert int(said[1]) == 12
    assert 25 <= float(said[2]) <= (4 / 2 + 8 / 4) / 12 * 100


def test_a_metric_that_is_no_number_is_not_a_traceback():
    assert ending._percent(None) == "none"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A Python in an environment below the working directory, with our command beside it."""
    monkeypatch.chdir(tmp_path)
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "geomem").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(bin_folder / "python"))
    monkeypatch.setenv("PATH", "/usr/bin")
    return bin_folder


def test_the_program_is_called_as_this_shell_can(environment, tmp_path, monkeypatch):
    assert ending.program() == ".venv/bin/geomem"
    monkeypatch.setenv("PATH", f"{environment}:/usr/bin")
    assert ending.program() == "geomem"
    other = tmp_path / "other"
    other.mkdir()
    (other / "geomem").touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{other}:{environment}")
    assert ending.program() == ".venv/bin/geomem"
    monkeypatch.chdir(other)
    assert ending.program() == str(environment / "geomem")
    (environment / "geomem").unlink()
    assert ending.program() == "geomem"


def test_a_path_with_a_space_is_quoted(environment):
    assert ending.report_command(Path("a run")) == ".venv/bin/geomem report 'a run'"


def test_a_tiny_experiment_names_the_command_that_shows_it(here, capsys):
    argv = ["tiny", "run", "transformer", "--graph", "grid", "--steps", "2", "--workers", "1"]
    assert main([*argv, "--no-figures"]) == 0
    *_, report, path = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert (report, path) == ("report", "experiment_logs/tiny/fp32/transformer-grid.safetensors")
    assert runs_in(Path(path)) == [Path(path)]
