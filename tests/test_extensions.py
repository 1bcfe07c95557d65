"""What somebody adds is one module and a line: the toys of the documentation, everywhere.

The package is copied, the modules and lines of the pages are added to the copy, and commands of it
run.
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

ROOT = Path(__file__).resolve().parents[1]
WHEEL = ["--graph_type", "wheel", "--wheel_spokes", "8", "--path_length", "3"]
OWN_GRAPH, EXTEND = "docs/how_to/own_graph.md", "docs/how_to/extend.md"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its toys below `src`."""
    folder = tmp_path_factory.mktemp("extended")
    package = folder / "src/geometric_memory"
    shutil.copytree(
        Path(geometric_memory.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for page, name, place in (
        (OWN_GRAPH, "class Wheel", "graphs/families/wheel.py"),
        (EXTEND, "DIRECTIONS =", "analysis/directions.py"),
        (EXTEND, "class Chain", "models/chain.py"),
        (EXTEND, "DEPTH =", "studies/depth.py"),
    ):
        blocks = re.findall(r"^```python\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
        (module,) = [block for block in blocks if name in block]
        assert not (package / place).exists()
        (package / place).write_text(module, encoding="utf-8")
    line = quoted(OWN_GRAPH, r"`(\"wheel:Wheel\",)`")
    edit(package / "graphs/families/__init__.py", '    "star:Star",\n', rf"\g<0>    {line}\n")
    line = quoted(EXTEND, r"`(\"directions:DIRECTIONS\",)`")
    edit(package / "analysis/measures.py", r'"cosines:NON_EDGES"', rf"\g<0>, {line}")
    names = quoted(EXTEND, r'`(Literal\["gpt".*?\])`')
    edit(package / "config/model.py", r'Literal\["gpt", "gpt2".*?\]', names)
    case = quoted(EXTEND, r"```text\n(.*?)```")
    model = "from geometric_memory.models.chain import Chain\n"
    edit(package / "models/build.py", r'        case "mamba":', rf"{case}\g<0>")
    edit(package / "models/build.py", r"from geometric_memory.models.gpt import", rf"{model}\g<0>")
    study = "from geometric_memory.studies.depth import DEPTH\n"
    registry = package / "studies/registry.py"
    edit(registry, r"from geometric_memory.studies.edit import", rf"{study}\g<0>")
    edit(registry, r"EDIT, CAPACITY", r"\g<0>, DEPTH")
    return folder


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def quoted(page: str, pattern: str) -> str:
    (found,) = re.findall(pattern, text(page), re.DOTALL)
    return found


def edit(path: Path, pattern: str, replacement: str) -> None:
    changed, count = re.subn(pattern, replacement, path.read_text(encoding="utf-8"))
    assert count == 1, path
    path.write_text(changed, encoding="utf-8")


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


def test_a_new_family_has_settings_help_and_a_data_set(copy: Path) -> None:
    said = run(copy, "dataset", *WHEEL, "--dataset_root", "data")
    assert said.startswith("wheel: 9 nodes, paths of 3 nodes, seed 0\n")
    (manifest,) = (copy / "data/wheel_graphs").glob("*_manifest.json")
    assert manifest.name == "wheel_spokes_8_nodes_9_path_3_seed_0_sd_00_fb_11_manifest.json"
    assert json.loads(manifest.read_text())["graph"]["wheel_spokes"] == 8
    assert "Spokes of a wheel. (default 12)" in run(copy, "train", "--help")


@pytest.mark.slow
def test_a_new_family_is_trained_reported_and_explored(copy: Path) -> None:
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


def last_metrics(run_folder: Path) -> dict[str, float]:
    return json.loads((run_folder / "metrics.jsonl").read_text().splitlines()[-1])


def test_a_new_metric_is_logged_drawn_and_listed(copy: Path) -> None:
    name = ["--run_name", "directions", "--max_steps", "3", "--device", "cpu"]
    run(copy, "train", "--preset", "tiny", *name)
    folder = copy / "experiment_logs/in_weights/directions"
    assert 1 < last_metrics(folder)["geometry/directions"] < 32
    assert "geometry/directions" in run(copy, "evaluate", str(folder))
    run(copy, "report", str(folder))
    assert "directions used" in (folder / "report.html").read_text(encoding="utf-8")
    explored = """
from pathlib import Path
from geometric_memory.explore.run_folders import shown
from geometric_memory.runs.run import Run
record = shown(Run(Path("experiment_logs/in_weights/directions")))
print(len(record.curves["directions used"].steps))
"""
    assert int(python(copy, explored)) > 0


@pytest.mark.slow
def test_a_new_metric_is_a_column_of_a_sweep_and_a_curve_of_the_page(copy: Path) -> None:
    grid = ["--preset", "tiny", "--grid", "seed=0,1", "--max_steps", "2", "--workers", "1"]
    run(copy, "sweep", *grid, "--folder", "swept")
    table = "import geometric_memory.sweeps.folder as f, pathlib\n"
    table += "t = f.read_results(pathlib.Path('swept'))\nprint(t['final/geometry/directions'])"
    assert "null" not in python(copy, table)
    (page,) = map(Path, re.findall(r"\S+\.html", run(copy, "report", "swept")))
    assert "directions used" in (copy / page).read_text(encoding="utf-8")
    trained = """
from geometric_memory.explore.experiment import experiment_from
from geometric_memory.explore.live import LiveTraining
training = LiveTraining(experiment_from({"steps": 2}))
training.start()
training.join()
print(len(training.record().curves["directions used"].steps))
"""
    assert int(python(copy, trained)) > 0


def test_a_new_model_family_is_trained_and_evaluated(copy: Path) -> None:
    name = ["--run_name", "chain", "--max_steps", "3", "--device", "cpu"]
    run(copy, "train", "--preset", "tiny", "--model_family", "chain", *name)
    folder = copy / "experiment_logs/in_weights/chain"
    assert "edge_memorization/loss" in run(copy, "evaluate", str(folder))
    assert "{gpt,gpt2,pythia,mamba,chain}" in run(copy, "train", "--help")


@pytest.mark.slow
def test_a_new_study_is_run_and_reported(copy: Path) -> None:
    assert "depth" in run(copy, "findings", "--list")
    found = ["--seeds", "0", "--steps", "2", "--workers", "1", "--pages", "found"]
    run(copy, "findings", "depth", *found)
    (page,) = (copy / "found").rglob("depth.md")
    assert "Held-out paths answered by layers: " in page.read_text(encoding="utf-8")
