"""A family that somebody adds is one module and one line: the toy of the documentation, everywhere.

The package is copied, the module and the line are added to the copy, and commands of it run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import geometric_memory

ROOT = Path(__file__).resolve().parents[2]
WHEEL = ["--graph_type", "wheel", "--wheel_spokes", "8", "--path_length", "3"]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A folder with the package and its toy family below `src`."""
    folder = tmp_path_factory.mktemp("wheel")
    package = folder / "src/geometric_memory"
    shutil.copytree(
        Path(geometric_memory.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    page = (ROOT / "docs/how_to/own_graph.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (module,) = [block for block in blocks if "class Wheel" in block]
    (package / "graphs/families/wheel.py").write_text(module, encoding="utf-8")
    (line,) = re.findall(r"`(\"wheel:Wheel\",)`", page)
    registry = package / "graphs/families/__init__.py"
    text, count = re.subn(r"(    \"star:Star\",\n)", rf"\1    {line}\n", registry.read_text())
    assert count == 1
    registry.write_text(text, encoding="utf-8")
    return folder


def run(copy: Path, *arguments: str) -> str:
    code = f"import sys; from geometric_memory.cli.main import main; sys.exit(main({arguments!r}))"
    return python(copy, code)


def python(copy: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_new_family_has_settings_help_and_a_data_set(copy):
    said = run(copy, "dataset", *WHEEL, "--dataset_root", "data")
    assert said.startswith("wheel: 9 nodes, paths of 3 nodes, seed 0\n")
    (manifest,) = (copy / "data/wheel_graphs").glob("*_manifest.json")
    assert manifest.name == "wheel_spokes_8_nodes_9_path_3_seed_0_sd_00_fb_11_manifest.json"
    assert json.loads(manifest.read_text())["graph"]["wheel_spokes"] == 8
    assert "Spokes of a wheel. (default 12)" in run(copy, "train", "--help")


@pytest.mark.slow
def test_a_new_family_is_trained_reported_and_explored(copy):
    run(copy, "train", "--preset", "tiny", *WHEEL, "--max_steps", "3", "--device", "cpu")
    (folder,) = (copy / "experiment_logs/in_weights").iterdir()
    assert folder.name.startswith("wheel-n9-l3_")
    assert "edge_memorization/loss" in run(copy, "evaluate", str(folder))
    run(copy, "report", str(folder))
    assert "wheel" in (folder / "report.html").read_text(encoding="utf-8")
    said = run(copy, "tiny", "run", "transformer", "--graph", "wheel", "--steps", "3")
    assert "transformer-wheel" in said
    assert list((copy / "experiment_logs/tiny/figures").rglob("wheel*.png"))
    listed = "from geometric_memory.explore.experiment import GRAPHS\nprint(GRAPHS['wheel'])"
    assert python(copy, listed) == "Wheel\n"
    trained = """
from geometric_memory.explore.experiment import experiment_from
from geometric_memory.explore.live import LiveTraining
training = LiveTraining(experiment_from({"graph": "wheel", "steps": 2}))
training.start()
training.join()
print(len(training.record().names), training.record().title)
"""
    assert python(copy, trained).startswith("13 Transformer on wheel")
