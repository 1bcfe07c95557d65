"""The settings of a graph: its family, and the settings of every family beside each other."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, make_dataclass
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from geometric_memory.graphs.families import FAMILIES
from geometric_memory.graphs.family import Family

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


_Settings: Any = make_dataclass("_Settings", _settings_of_families(), frozen=True, kw_only=True)


@dataclass(frozen=True, kw_only=True)
class GraphSettings(_Settings):
    """The graph whose edges are memorized."""

    graph_type: GraphType = "star"
    """Family of the graph; custom reads --graph_file."""

    @classmethod
    def described_in(cls) -> Iterator[type]:
        """Yield the classes that the settings, and what they do, are written in."""
        yield cls
        yield from dict.fromkeys(kind for each in FAMILIES.values() for kind in each.__mro__[:-2])

    @property
    def family(self) -> Family:
        """The family with its own settings: what answers every question about the graph."""
        kind = FAMILIES[self.graph_type]
        return kind(**{f.name: getattr(self, f.name) for f in fields(kind)})

    def problems(self) -> list[str]:
        """Return every broken rule, as sentences that say how to mend it."""
        found = self.family.problems()
        if self.graph_file and self.graph_type != "custom":
            found.append("--graph_file is read only with --graph_type custom")
        return found


TINY = tuple(name for name, family in FAMILIES.items() if family.tiny is not None)
"""The families that have a member for tiny models."""


def tiny_settings(family: str, **settings: Any) -> GraphSettings:
    """Return the settings of the graph that tiny models of a family are trained on.

    They are trained on its edges alone, so that its paths are as short as paths can be. `settings`
    replace those of the family; the seed is that of the published graphs.
    """
    fixed = {"path_length": 2, "random_seed": 7, **(FAMILIES[family].tiny or {}), **settings}
    return GraphSettings(graph_type=family, **fixed)
