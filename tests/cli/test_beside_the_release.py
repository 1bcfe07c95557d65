"""Ours beside a checkout of the release: a stand-in with packages of the same names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import geometric_memory

ROOT = Path(__file__).parents[2]
SOURCES = Path(geometric_memory.__file__).parents[1]
PACKAGES = ("in_weights", "data", "models", "tokenizing", "utils", "tiny_graphs_notebooks")
SCRIPT = """
from importlib import import_module
for name in {names!r}:
    assert import_module(name).WHO == "release", name
print("release")
"""


@pytest.fixture(scope="module", params=["namespace", "regular"])
def release(request, tmp_path_factory):
    """A checkout whose folders are packages with or without an __init__.py, its shim among them."""
    folder = tmp_path_factory.mktemp("release")
    for name in ("geometric_memory", *PACKAGES):
        (folder / name).mkdir()
        (folder / name / "part.py").write_text('WHO = "release"\n')
        if request.param == "regular":
            (folder / name / "__init__.py").touch()
    (folder / "data" / "build_in_weights_datasets.py").write_text('WHO = "release"\n')
    (folder / "geometric_memory" / "__init__.py").write_text(
        "from pathlib import Path\n__path__.append(str(Path(__file__).resolve().parents[1]))\n"
    )
    names = [f"{name}.part" for name in PACKAGES] + ["data.build_in_weights_datasets"]
    (folder / "plain.py").write_text(SCRIPT.format(names=names))
    shimmed = [f"geometric_memory.{name}.part" for name in PACKAGES]
    (folder / "shim.py").write_text(SCRIPT.format(names=[*names, *shimmed]))
    return folder


def run(words, folder, *path):
    """Run Python in `folder` with the places of `path` in PYTHONPATH."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_scripts_of_the_release_run_from_its_root_where_ours_is_installed(release):
    assert run(["shim.py"], release, SOURCES) == "release\n"


@pytest.mark.parametrize("first", [True, False])
def test_our_root_on_the_path_hides_no_package_of_the_release(release, tmp_path, first):
    places = [ROOT, release] if first else [release, ROOT]
    code = ["-c", (release / "plain.py").read_text()]
    assert run(code, tmp_path, *places, SOURCES) == "release\n"


def test_our_command_runs_from_its_root(release):
    code = "import sys; sys.path.remove(''); from geometric_memory.cli.main import main; main()"
    assert "geomem SUBCOMMAND" in run(["-c", code], release, SOURCES)


@pytest.mark.parametrize("script", ["train_in_weights.py", "data/build_in_weights_datasets.py"])
def test_our_scripts_run_though_its_root_comes_first_on_the_path(release, script):
    assert "--graph_type" in run([ROOT / script, "--help"], release, release)
