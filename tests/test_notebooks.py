"""The notebooks are what the script writes, carry no output, and run."""

import json
import re
import runpy
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "tiny_graphs_notebooks"
NOTEBOOKS = sorted(FOLDER.rglob("*.ipynb"))
QUICKSTART = FOLDER.parent / "docs/quickstart.ipynb"
QUICK = "tiny_associative_fast"
SHORT = 'SEEDS, STEPS, RESULTS, SAVE_FIGURES = (7,), 2, Path("saved_artifacts"), {save}'


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def cells_of(path: Path, kind: str = "code") -> list[str]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def shortened(path: Path, *, save: bool = False) -> list[str]:
    """Code cells with few steps: the cell of parameters is replaced, as papermill would."""
    first, *rest = cells_of(path)
    assert "STEPS = None" in first
    return ["from pathlib import Path\n" + SHORT.format(save=save), *rest]


def test_there_are_twelve():
    assert len(NOTEBOOKS) == 12


def test_they_are_what_the_script_writes():
    written = dict(runpy.run_path(str(FOLDER / "write_notebooks.py"))["notebooks"]())
    assert set(written) == {name_of(path) for path in NOTEBOOKS}
    for path in NOTEBOOKS:
        assert json.loads(path.read_text(encoding="utf-8")) == written[name_of(path)]


@pytest.mark.parametrize("path", [*NOTEBOOKS, QUICKSTART], ids=lambda path: path.stem)
def test_they_define_nothing_and_carry_no_output(path):
    content = json.loads(path.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
        assert not re.search(r"^(def|class) ", "".join(cell["source"]), re.MULTILINE)


def test_one_notebook_runs_as_a_script(tmp_path, monkeypatch):
    (path,) = [p for p in NOTEBOOKS if p.stem == QUICK and p.parent.name == "experiment_notebooks"]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for source in shortened(path):
        exec(compile(source, name_of(path), "exec"), names)
    assert "100" in repr(names["comparison"](names["star"]))
    assert names["embedding_picture"](names["star"])._repr_png_().startswith(b"\x89PNG")
    assert {entry.name for entry in tmp_path.iterdir()} == {"saved_artifacts"}


def test_the_quickstart_runs_as_a_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    shown = []
    for source in cells_of(QUICKSTART):
        *lines, last = source.replace("seed=1", "seed=1, max_steps=3, quiet=True").splitlines()
        exec(compile("\n".join(lines), "quickstart", "exec"), names)
        shown.append(eval(compile(last, "quickstart", "eval"), names))
    assert shown[0]._repr_html_().startswith("<img")
    assert sum(hasattr(value, "_repr_png_") for value in shown) == 2
    assert shown[-1].verdict == "map"
    assert names["club"].config.model.embedding_dimension == 64


@pytest.mark.slow
@pytest.mark.loopback
@pytest.mark.filterwarnings("ignore")
def test_the_quickstart_runs_in_jupyter_within_a_minute(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(QUICKSTART, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    begin = time.perf_counter()
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    assert time.perf_counter() - begin < 60
    shown = [
        cell.outputs[-1].get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    assert shown[1].startswith("(100.0, 100.0, ")
    assert "right, held out" in shown[3]


@pytest.mark.slow
@pytest.mark.loopback
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_every_notebook_runs_in_jupyter(path, tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, source in zip(code, shortened(path), strict=True):
        cell.source = source
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    images = [
        output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})
    ]
    assert len(images) >= 4
