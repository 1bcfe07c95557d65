"""A graph of the reader's own, from a file: any node names, directed or not, connected or not."""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from geometric_memory.graphs.family import SampledFamily

if TYPE_CHECKING:
    from geometric_memory.graphs.graph import Graph


class Custom(SampledFamily):
    """The graph in a file, with shortest paths sampled from it."""

    graph_file: str = ""
    """Edge list (.txt, .csv, ...), GraphML, GEXF, GML, JSON, Pajek or Matrix Market, maybe .gz."""
    directed_graph: bool = False
    """Read the edges of --graph_file as directed, so that paths follow their direction."""
    columns: str = ""
    """Two columns of --graph_file that hold the ends of an edge, by name or by place: 1,2."""
    separator: str = ""
    """Separates the cells of --graph_file: a character, or comma, tab, semicolon, space, pipe."""
    relation: str = ""
    """The relation whose edges are read from triples in --graph_file."""
    ignore_relations: bool = False
    """Read the triples of every relation in --graph_file as edges alike."""

    name = "custom"
    title = "My own"
    tiny = None
    stem = "{file}_nodes_{nodes}_edges_{edges}_path_{path_length}_seed_{random_seed}"
    label = "{letters}"

    @property
    def node_count(self) -> None:
        """Only the file can tell."""
        return

    def broken_rules(self) -> Iterator[str]:
        if not self.graph_file:
            yield "--graph_type custom needs --graph_file FILE"

    def draw(self, generator: Random) -> "Graph":
        """Return the graph in the file; raise `DataError` with file and line if there is none."""
        from geometric_memory.graphs.files import Choices, read_graph_file

        choices = Choices(
            directed=self.directed_graph,
            columns=self.columns,
            separator=self.separator,
            relation=self.relation,
            ignore_relations=self.ignore_relations,
        )
        return read_graph_file(Path(self.graph_file), choices=choices)

    def text(self, template: str) -> str:
        # Readable, short and unable to leave its folder, whatever the file is called.
        file = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(self.graph_file).stem).strip("_")[:60]
        letters = "".join(c for c in Path(self.graph_file).stem if c.isalnum())[:20]
        known = self.identity() | {"file": file or "graph", "letters": letters or "file"}
        if "{edges}" in template:
            graph = self.draw(Random())
            known |= {"nodes": graph.node_count, "edges": len(graph.edges)}
        return template.format(name=self.name, **known)
