"""Geometric memory: how sequence models store the facts of a graph in their weights.

    import geometric_memory as gm

    graph = gm.path_star(arms=500, length=4)
    run = gm.train(graph, preset="demo", seed=1)
    run["test/accuracy"], run.answer("leaf 17"), run.geometry(), run.plot()

What `dir(gm)` shows is public, with its arguments and with the methods and attributes of what it
returns: it keeps its meaning, and a change that breaks code comes with a new version and a line in
the change log. Everything else, every module imported by its path, may move at any time. Nothing is
loaded before it is used.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from geometric_memory.analysis.geometry_result import Geometry
    from geometric_memory.api.geometry import geometry
    from geometric_memory.api.graphs import cycle, graph, grid, irregular, path_star, tree
    from geometric_memory.api.many import sweep, tiny
    from geometric_memory.api.run import Run, load
    from geometric_memory.api.train import train
    from geometric_memory.graphs.graph import Graph

_PLACES = {
    "Geometry": "analysis.geometry_result",
    "Graph": "graphs.graph",
    "Run": "api.run",
    "cycle": "api.graphs",
    "geometry": "api.geometry",
    "graph": "api.graphs",
    "grid": "api.graphs",
    "irregular": "api.graphs",
    "load": "api.run",
    "path_star": "api.graphs",
    "sweep": "api.many",
    "tiny": "api.many",
    "train": "api.train",
    "tree": "api.graphs",
}
"""Where each public name is made."""

__all__ = [
    "Geometry", "Graph", "Run", "cycle", "geometry", "graph", "grid", "irregular", "load",
    "path_star", "sweep", "tiny", "train", "tree",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        told = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(told, name=name, obj=sys.modules[__name__])
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _FrontDoor(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a public name what it is when a room of the same name, `tiny`, is imported."""
        if not (name in _PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _FrontDoor
