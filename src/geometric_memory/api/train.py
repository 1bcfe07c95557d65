"""Training from Python: the same as `geomem train`."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from geometric_memory.api.graphs import Source
from geometric_memory.api.graphs import graph as made_of
from geometric_memory.api.run import Run, Watch, load
from geometric_memory.config import RunConfig
from geometric_memory.config.own_graph import fit_settings, is_open, outcome
from geometric_memory.config.presets import preset_settings
from geometric_memory.console import make_console, say
from geometric_memory.files.whole import write_whole
from geometric_memory.graphs.graph import Graph
from geometric_memory.report.media import draw_media
from geometric_memory.report.stored import located
from geometric_memory.runs.train import train as train_run
from geometric_memory.settings import assemble, settings_of
from geometric_memory.work.processes import core_count

OF_PATHS = frozenset({"path_length", "path_count", "random_seed"})
"""Settings of a graph of one's own that may be given when it is trained on."""
OWN_GRAPHS = "own_graphs"
"""Folder below the root of data sets."""


def train(
    graph: Source | None = None,
    *,
    preset: str = "",
    resume: str | Path = "",
    quiet: bool = False,
    on_evaluation: Callable[[Run], None] | None = None,
    **settings: Any,
) -> Run:
    """Train a model on the edges and paths of a graph, in its weights, and return the run.

    The same function trains for `geomem train`, and checks settings in the same way. A bar shows
    progress in a terminal and in a notebook. Ctrl-C keeps a checkpoint and raises
    KeyboardInterrupt, which says how to go on.

    A graph of one's own without a preset is given a small model, a rate and a length that suit its
    size, in place of the published defaults; one line names them and how long they take.

    Args:
        graph: what to train on, or what `gm.graph` makes it of; without one the settings describe
            it, as in the shell.
        preset: named settings to start from (`geomem presets`); the graph and `settings` go first.
        resume: a run to go on with, its folder or `latest`; or `auto`: the unfinished run with
            these settings, or a new one.
        quiet: print nothing.
        on_evaluation: called after each evaluation with the run as it stands: its metrics so far,
            its embeddings and model of now.
        settings: any setting of `geomem train` by its name, such as `embedding_dimension=128`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used, at once.
        GeometricMemoryError: if anything else that a user can mend is wrong.
        KeyboardInterrupt: after Ctrl-C.
    """
    graph = None if graph is None else made_of(graph)
    config, given = configured(graph, preset, settings), {*settings}
    console, resumes = make_console(stderr=True, quiet=quiet), str(resume) not in ("", "auto")
    chooses = not (preset or resumes) and graph is not None and is_open(config, given)
    if graph is not None and chooses:
        config, line = fit_settings(config, given | {*graph.settings}, graph, cores=core_count())
        say(console, line)
    if graph is not None and "graph_file" not in graph.settings:
        save_graph(graph, Path(config.graph.graph_file))
    if resumes:
        resume = located(Path(resume), trained=True)
    watched = None if on_evaluation is None else Watch(on_evaluation)
    run = train_run(
        config, given=given, resume=resume, quiet=quiet, on_evaluation=watched, draw=draw_media
    )
    if chooses:
        say(console, outcome(run.config, run.summary))
    return load(run.path)


def configured(graph: Graph | None, preset: str, settings: Mapping[str, Any]) -> RunConfig:
    """Return the configuration of a run: of the preset, then the graph, then `settings`.

    Raises:
        ConfigurationError: naming every setting that is unknown or cannot be used.
    """
    base, problems = given_settings(graph, preset, settings)
    return assemble(RunConfig, base | dict(settings), typed=False, problems=problems)


def given_settings(
    graph: Graph | None, preset: str, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a preset and a graph, and what is wrong with them and `settings`."""
    base, problems = preset_settings(preset)
    if graph is None or problems:
        return base, problems
    known = settings_of(RunConfig)
    of_graph = {name for name in known if known[name].topic == "graph"}
    own = graph.settings.get("graph_type") == "custom"
    problems = [
        f"--{name}: the graph is given already; say this where it is made"
        for name in settings
        if name in of_graph - (OF_PATHS if own else set())
    ]
    base = {name: value for name, value in base.items() if name not in of_graph}
    base |= graph.settings
    if own:
        root = settings.get("dataset_root", known["dataset_root"].default)
        base.setdefault("graph_file", str(Path(root) / OWN_GRAPHS / file_name(graph)))
    return base, problems


def save_graph(graph: Graph, path: Path) -> None:
    """Write a graph as node-link JSON, so that it can be read as a custom graph.

    Raises:
        DiskError: if it cannot be written.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, node_link(graph))


def file_name(graph: Graph) -> str:
    """Return the name of the file of a graph: equal graphs share one."""
    digest = hashlib.blake2b(node_link(graph), digest_size=4).hexdigest()
    return f"graph{graph.node_count}x{len(graph.edges)}-{digest}.json"


def node_link(graph: Graph) -> bytes:
    """Return a graph as node-link JSON, with the names of its nodes."""
    names = graph.names
    content = {
        "directed": graph.directed,
        "multigraph": False,
        "graph": {},
        "nodes": [{"id": name} for name in names],
        "edges": [{"source": names[u], "target": names[v]} for u, v in graph.edges.tolist()],
    }
    return (json.dumps(content) + "\n").encode()
