"""The settings of a graph: its family, and the settings of every family beside each other."""

from collections.abc import Iterator
from dataclasses import fields
from types import new_class
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.family import Family
from geometric_memory.limits import MOST_ENTRIES, MOST_NODES
from geometric_memory.topic import Topic, unchecked

if TYPE_CHECKING:
    GraphType = str
else:
    GraphType = Literal[tuple(FAMILIES)]


def _settings_of_families() -> Iterator[tuple[str, Any, Any]]:
    """Yield name, type and default of every setting of every family, each once."""
    yield "graph_type", GraphType, "star"
    found = {}
    for family in FAMILIES.values():
        hints = get_type_hints(family, include_extras=True)
        found |= {f.name: (f.name, hints[f.name], f.default) for f in fields(family)}
    yield from found.values()


def _fill(space: dict[str, Any]) -> None:
    settings = list(_settings_of_families())
    space["__annotations__"] = {name: kind for name, kind, _ in settings}
    space.update({name: default for name, _, default in settings})


_Settings: Any = new_class("_Settings", (Topic,), exec_body=_fill)


class GraphSettings(_Settings):
    """The graph whose edges are memorized."""

    graph_type: GraphType = "star"
    """Family of the graph; custom reads --graph_file."""

    @classmethod
    def described_in(cls) -> Iterator[type]:
        yield cls
        kinds = (kind for family in FAMILIES.values() for kind in family.described_in())
        yield from dict.fromkeys(kinds)

    @property
    def family(self) -> Family:
        """The family with its own settings: what answers every question about the graph."""
        return unchecked(FAMILIES[self.graph_type], vars(self))

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule, which says how to mend it."""
        yield from list(self._too_large()) or self.family.broken_rules()
        if self.graph_file and self.graph_type != "custom":
            yield "--graph_file is read only with --graph_type custom"

    def _too_large(self) -> Iterator[str]:
        family = self.family
        nodes, paths = family.node_count or 0, family.path_total
        visited = self.path_length * (max(self.path_count, nodes) if paths is None else paths)
        for count, most, what in (
            (nodes, MOST_NODES, "nodes"),
            (family.edge_total, MOST_ENTRIES, "edges"),
            (visited, MOST_ENTRIES, "nodes on its paths"),
        ):
            if count > most:
                yield f"a {self.graph_type} graph of these sizes has more than {most:,} {what}"


PUBLISHED_SEED = 7
"""Seed of the published tiny graphs, which shuffles the nodes of a star."""
TINY = tuple(name for name, family in FAMILIES.items() if family.tiny is not None)
"""The families that have a member for tiny models."""


def tiny_settings(family: str, **settings: Any) -> GraphSettings:
    """Return the settings of the graph that tiny models of a family are trained on.

    They are trained on its edges alone, so that its paths are as short as paths can be. `settings`
    replace those of the family; the seed is that of the published graphs.
    """
    fixed = {
        "path_length": 2,
        "random_seed": PUBLISHED_SEED,
        **(FAMILIES[family].tiny or {}),
        **settings,
    }
    return GraphSettings(graph_type=family, **fixed)
