"""A plain installation: what needs an extra names it in one message, or does without."""

import json
import subprocess
import sys

import pytest

from geometric_memory.cli.main import main
from geometric_memory.extras import EXTRAS

PLAIN = """
import contextlib, io, json, sys
for package in sys.argv[1].split(","):
    sys.modules[package] = None  # as if it were not installed
from geometric_memory.cli.main import main
answers = []
for argv in json.loads(sys.argv[2]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv)
    answers.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(answers))
"""
RUN = "experiment_logs/in_weights/RUN"
WORKING = [
    "presets",
    "dataset --graph_type star --star_degree 4",
    "train --preset tiny --max_steps 2 --run_name RUN",
    f"evaluate {RUN}",
    "tiny list",
    "tiny run transformer --graph grid --steps 2 --workers 1",
]
PLOT = "pip install 'geometric-memory[plot]'"
REFUSED = {
    f"report {RUN}": f"geomem report needs matplotlib and jinja2: {PLOT}",
    f"report {RUN} --card": f"geomem report needs matplotlib and jinja2: {PLOT}",
    "findings capacity": f"geomem findings needs matplotlib and jinja2: {PLOT}",
    "reproduce complexity": "geomem reproduce needs matplotlib and jinja2 and networkx: "
    "pip install 'geometric-memory[plot,graphs]'",
    "tiny all --figures": f"--figures needs matplotlib and jinja2: {PLOT}",
    "explore": "geomem explore needs dash and matplotlib and networkx: "
    "pip install 'geometric-memory[explore,plot,graphs]'",
    "sweep --grid seed=0,1 --preset tiny": "a sweep needs pyarrow: "
    "pip install 'geometric-memory[sweeps]'",
    "train --preset tiny --graph_type tree": "this graph needs networkx: "
    "pip install 'geometric-memory[graphs]'",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def answers(folder):
    """Exit code, output and errors of every command, in one process without any extra."""
    commands = [line.split() for line in [*WORKING, *REFUSED]]
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, ",".join(EXTRAS), json.dumps(commands)],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip([*WORKING, *REFUSED], json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("command", WORKING)
def test_the_core_needs_no_extra(command, answers):
    code, _, errors = answers[command]
    assert code == 0, errors


def test_tiny_experiments_train_without_a_picture_and_say_so(answers):
    _, output, errors = answers[WORKING[-1]]
    assert f"note: no figures are drawn: a figure needs matplotlib and jinja2: {PLOT}" in errors
    assert output.startswith("transformer, grid: seed 7")


@pytest.mark.parametrize("command", REFUSED)
def test_what_cannot_be_done_is_one_message_that_names_the_extra(command, answers):
    assert answers[command] == [2, "", f"error: {REFUSED[command]}\n"]


def test_what_is_refused_writes_nothing(folder, answers):
    assert {file.name for file in folder.iterdir()} == {"data", "experiment_logs"}
    assert not list(folder.rglob("*.html"))
    assert not list(folder.rglob("claims"))


def test_a_package_that_nobody_foresaw_is_one_message_too(monkeypatch, capsys):
    def broken(argv):
        raise ModuleNotFoundError("No module named 'umap.plot'", name="umap.plot")

    monkeypatch.setattr("geometric_memory.cli.presets.main", broken)
    assert main(["presets"]) == 2
    assert (
        capsys.readouterr().err
        == "error: umap is not installed: pip install 'geometric-memory[umap]'\n"
    )
