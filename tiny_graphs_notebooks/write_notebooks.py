"""Write the twelve notebooks from the published sections.

    python tiny_graphs_notebooks/write_notebooks.py

They stay thin: a few lines per section, which configure, train or load, compare and plot.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geometric_memory.tiny.sections import GRAPHS, Section, graphs_of, section

HERE = Path(__file__).parent
BASE, SELF_EDGES, REGULARIZERS = (
    "experiment_notebooks",
    "experiment_notebooks_self_edges",
    "experiment_notebooks_regularizers",
)
EXPERIMENTS = {
    "transformer": "A Transformer of one layer and one head, both directions of every edge.",
    "transformer_forward_only": "The same Transformer, one direction of every edge.",
    "neural_network": "One biased linear map between tied embeddings.",
    "associative": "The linear map with frozen embeddings: memory without geometry.",
    "associative_fast": "Frozen embeddings of width 512: memory in a few steps.",
    "node2vec": "Node2Vec as published: full softmax over direct neighbours, no walks.",
}
REGULARIZER_RUNS = {
    "1": "self edges, moderate learning rate",
    "2a": "large learning rate",
    "2b": "small learning rate",
    "3a": "embeddings drawn from N(0, 1)",
    "3b": "N(0, 1) and a large learning rate",
    "3c": "N(0, 1) and weight decay",
    "3d": "N(0, 1) and dropout",
}
LINE = 100
PARAMETERS = """SEEDS = (7,)  # the published one; more of them train together
STEPS = None  # a number shortens every run
RESULTS = Path("saved_artifacts")
SAVE_FIGURES = True"""
IMPORTS = """from geometric_memory.tiny.laboratory import comparison, train_or_load
from geometric_memory.tiny.pictures import (
    curve_picture,
    draw_section,
    eigenspace_picture,
    embedding_picture,
    evolution_picture,
    graph_picture,
    heatmap_picture,
    projection_picture,
    spectral_picture,
)
from geometric_memory.tiny.sections import section"""


def main() -> int:
    """Write every notebook and return 0."""
    for path, notebook in notebooks():
        target = HERE / path
        target.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        target.write_text(text + "\n", encoding="utf-8")
    return 0


def notebooks() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and content of every notebook."""
    for experiment, text in EXPERIMENTS.items():
        title = experiment.replace("_", " ").capitalize()
        parts = [(graph.capitalize(), graph, section(experiment, graph)) for graph in GRAPHS]
        yield f"{BASE}/tiny_{experiment}.ipynb", notebook(f"Tiny graphs: {title}", text, parts)
        with_self = f"{experiment}_self_edges"
        if graphs_of(with_self):
            parts = [(graph.capitalize(), graph, section(with_self, graph)) for graph in GRAPHS]
            title = f"Tiny graphs: {title}, self edges trained too"
            yield f"{SELF_EDGES}/tiny_{experiment}.ipynb", notebook(title, text, parts)
    runs = [
        (f"{name}: {text}", f"run_{name}", section(f"regularizer_{name}", "cycle"))
        for name, text in REGULARIZER_RUNS.items()
    ]
    text = "What initial scale, learning rate, weight decay and dropout do to a linear map."
    title = "Tiny cycle: regularizers and initial weights"
    yield f"{REGULARIZERS}/tiny_regularizers.ipynb", notebook(title, text, runs)


def notebook(title: str, text: str, parts: list[tuple[str, str, Section]]) -> dict[str, Any]:
    """Return a notebook of nbformat 4.5 without outputs."""
    cells = [
        _cell("markdown", f"# {title}\n\n{text}"),
        _cell("code", f"from pathlib import Path\n\n{PARAMETERS}", tags=["parameters"]),
        _cell("code", _imports(parts)),
    ]
    for heading, name, found in parts:
        cells.append(_cell("markdown", f"## {heading}"))
        asked = f'section("{found.experiment}", "{found.graph}")'
        train = f"{name} = train_or_load({asked}, SEEDS, RESULTS, steps=STEPS)"
        if len(train) > LINE:
            train = f"{name} = train_or_load(\n    {asked}, SEEDS, RESULTS, steps=STEPS\n)"
        cells.append(_cell("code", f"{train}\ncomparison({name})"))
        cells += [_cell("code", f"{draw}({name})") for draw in _pictures(found)]
        save = f'if SAVE_FIGURES:\n    draw_section({name}, RESULTS / "figures")'
        cells.append(_cell("code", save))
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place:02}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _pictures(found: Section) -> list[str]:
    drawn = ["embedding_picture", "curve_picture", "heatmap_picture"]
    drawn += ["evolution_picture"] * (not found.frozen)
    drawn += ["spectral_picture", "eigenspace_picture"]
    drawn += ["projection_picture"] * (not found.frozen)
    return drawn + ["graph_picture"] * bool(found.graph_view)


def _imports(parts: list[tuple[str, str, Section]]) -> str:
    used = {draw for _, _, found in parts for draw in _pictures(found)}
    lines = IMPORTS.splitlines()
    return "\n".join(
        line for line in lines if not line.endswith("_picture,") or line.strip(" ,") in used
    )


def _cell(kind: str, source: str, tags: list[str] | None = None) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": "", "metadata": {}}
    if tags:
        cell["metadata"] = {"tags": tags}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": source.splitlines(keepends=True)}


if __name__ == "__main__":
    sys.exit(main())
