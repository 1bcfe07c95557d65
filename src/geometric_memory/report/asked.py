"""What was asked: settings that differ from the defaults first, and the graph drawn."""

from typing import Any

from geometric_memory.datasets.dataset import Dataset
from geometric_memory.figures.embedding import Drawing, plane_graph
from geometric_memory.figures.interactive_space import MOST_LABELS, plane
from geometric_memory.graphs.graph import Graph
from geometric_memory.report.parts import Part, Picture, Table, number
from geometric_memory.report.view import View
from geometric_memory.runs.run import Run

NOT_ASKED = ("run_name", "experiment_log_root", "view", "graph_view", "evolution_steps",
             "heatmap_step", "published")  # fmt: skip
"""Settings that say where a run lies and how it is drawn."""


def asked_part(run: Run, view: View | None) -> Part:
    """Return the settings and the graph."""
    changed = {name: pair for name, pair in run.changed.items() if name not in NOT_ASKED}
    tiny = run.command == "geomem tiny"
    against = "the Transformer of the same graph" if tiny else "default"
    rows = [
        [name, shown(value), shown(default), run.settings_help.get(name, "")]
        for name, (value, default) in changed.items()
    ]
    others = [
        [name, shown(value), run.settings_help.get(name, "")]
        for name, value in run.settings.items()
        if name not in changed and name not in NOT_ASKED
    ]
    tables = [
        Table(name="changed", headings=("setting", "here", against, "meaning"), rows=rows,
              caption="Settings that differ"),
        Table(name="others", headings=("setting", "value", "meaning"), rows=others, folded=True,
              caption=f"The other {len(others)} settings"),
    ]  # fmt: skip
    pictures = [] if view is None or run.graph is None else [graph_picture(run.graph, view)]
    facts = {} if run.dataset is None else graph_facts(run.dataset)
    return Part(name="asked", title="What was asked", tables=tables, pictures=pictures, facts=facts)


def graph_facts(dataset: Dataset) -> dict[str, str]:
    """Return the sizes of the graph."""
    found = {
        "graph": dataset.graph.family.replace("_", " "),
        "nodes": number(dataset.node_count),
        "edge facts": number(len(dataset.facts)),
        "train paths": number(len(dataset.train_paths)),
    }
    if len(dataset.test_paths):
        found["held-out paths"] = number(len(dataset.test_paths))
    return found


def graph_picture(graph: Graph, view: View) -> Picture:
    """Draw the graph, or the part of it that is shown."""
    part = "" if view.whole else f", {len(view.nodes)} of {graph.node_count:,} nodes"
    drawing = Drawing(
        edges=view.edges, root=view.root, colors=view.colors, names=view.names,
        labels=len(view.nodes) <= MOST_LABELS,
    )  # fmt: skip
    caption = "The graph as it was built" + part + "."
    if graph.root is not None:
        caption += " One colour per arm; the root is dark."
    return Picture(
        name="graph",
        live=plane(view.layout, view.drawn),
        still=plane_graph(view.layout, drawing),
        label=f"Drawing of the graph{part}: {len(view.edges)} undirected edges.",
        caption=caption,
        height=440,
    )


def shown(value: Any) -> str:
    """Return a setting as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
