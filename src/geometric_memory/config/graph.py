"""The settings of the graph."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from geometric_memory.config.limits import Count

GraphType = Literal[
    "star", "grid", "cycle", "irregular", "custom", "tree", "torus", "hypercube",
    "erdos_renyi", "barabasi_albert", "watts_strogatz", "stochastic_block",
]  # fmt: skip
PUBLISHED_GRAPH_TYPES = ("star", "grid", "cycle", "irregular")


@dataclass(frozen=True, kw_only=True)
class GraphSettings:
    """The graph whose edges are memorized."""

    graph_type: GraphType = "star"
    """Family of the graph; custom reads --graph_file."""
    star_degree: Count = 10000
    """Arms of a star."""
    star_subtree_degree: Count = 1
    """Children of each node below the root of a star: 1 is a path-star, more a tree-star."""
    path_length: Annotated[int, Meta(ge=2)] = 6
    """Nodes on a path, first and last included."""
    total_nodes: Annotated[int, Meta(ge=-1)] = -1
    """Nodes in the graph: required for a cycle and the random families, otherwise derived."""
    grid_rows: Count = 50
    """Rows of a grid or torus."""
    grid_cols: Count = 50
    """Columns of a grid or torus."""
    irregular_edge_count: int = 20
    """Edges of the irregular graph, which is fixed: only 20 is accepted."""
    graph_file: str = ""
    """Edge list (.txt, .edges, .csv, .tsv), GraphML (.graphml) or node-link JSON (.json)."""
    directed_graph: bool = False
    """Read the edges of --graph_file as directed, so that paths follow their direction."""
    path_count: Annotated[int, Meta(ge=-1)] = -1
    """Paths sampled from a custom or networkx graph; -1 is one per node."""
    tree_branching: Annotated[int, Meta(ge=2)] = 2
    """Children of each node of a balanced tree."""
    tree_depth: Count = 4
    """Edges from the root of a balanced tree to a leaf."""
    hypercube_dimension: Annotated[int, Meta(ge=1, le=20)] = 4
    """Dimension d of a hypercube, which has 2^d nodes."""
    edge_probability: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Chance of each edge of an Erdos-Renyi graph."""
    attachment_count: Count = 2
    """Edges that each new node of a Barabasi-Albert graph brings."""
    nearest_neighbours: Annotated[int, Meta(ge=2)] = 4
    """Ring neighbours of each node of a Watts-Strogatz graph before rewiring."""
    rewiring_probability: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Chance that an edge of a Watts-Strogatz graph is rewired."""
    block_count: Count = 4
    """Equal blocks of a stochastic block model."""
    within_block_probability: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Chance of an edge inside a block."""
    between_block_probability: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Chance of an edge between two blocks."""
    random_seed: int = 0
    """Seed of the graph, its paths and the split into train and test."""
    randomize_node_ids: bool = True
    """Shuffle the node ids of a star (other families keep theirs)."""

    @property
    def star_node_count(self) -> int:
        """Nodes that the arms of the star need, root included."""
        levels = self.path_length - 1
        if self.star_subtree_degree == 1:
            return self.star_degree * levels + 1
        branching = self.star_subtree_degree
        return 1 + self.star_degree * (branching**levels - 1) // (branching - 1)

    def problems(self) -> list[str]:
        """Return every broken rule, as sentences that say how to mend it."""
        found = []
        if self.graph_type == "star" and 0 <= self.total_nodes < self.star_node_count:
            found.append(
                f"--total_nodes {self.total_nodes} is too small: this star needs "
                f"{self.star_node_count} nodes; leave it at -1 to derive it"
            )
        if self.graph_type == "cycle" and self.total_nodes < 3:
            found.append("--total_nodes is required for a cycle and must be 3 or more")
        if self.graph_type == "cycle" and 3 <= self.total_nodes < self.path_length:
            found.append(
                f"--path_length {self.path_length} is longer than the cycle of "
                f"{self.total_nodes} nodes; ask for at most {self.total_nodes}"
            )
        derived = {"grid": self.grid_rows * self.grid_cols, "irregular": 16}.get(self.graph_type)
        if derived is not None and self.path_length > derived:
            found.append(
                f"--path_length {self.path_length} is more than the {derived} nodes of this "
                f"{self.graph_type}; ask for at most {derived}"
            )
        if derived is not None and self.total_nodes not in (-1, derived):
            found.append(
                f"--total_nodes {self.total_nodes} disagrees with the {derived} nodes of this "
                f"{self.graph_type}; leave it at -1"
            )
        if self.graph_type == "irregular" and self.irregular_edge_count != 20:
            found.append("--irregular_edge_count must be 20: the irregular graph is fixed")
        found.extend(self._file_problems())
        found.extend(self._random_family_problems())
        return found

    def _file_problems(self) -> list[str]:
        if self.graph_type == "custom" and not self.graph_file:
            return ["--graph_type custom needs --graph_file FILE"]
        if self.graph_type != "custom" and self.graph_file:
            return ["--graph_file is read only with --graph_type custom"]
        return []

    def _random_family_problems(self) -> list[str]:
        random_families = ("erdos_renyi", "barabasi_albert", "watts_strogatz", "stochastic_block")
        if self.graph_type not in random_families:
            return []
        if self.total_nodes < 2:
            return [f"--total_nodes is required for {self.graph_type} and must be 2 or more"]
        if self.graph_type == "barabasi_albert" and self.attachment_count >= self.total_nodes:
            return ["--attachment_count must be smaller than --total_nodes"]
        if self.graph_type == "watts_strogatz" and self.nearest_neighbours > self.total_nodes:
            return ["--nearest_neighbours must not be larger than --total_nodes"]
        if self.graph_type == "stochastic_block" and self.block_count > self.total_nodes:
            return ["--block_count must not be larger than --total_nodes"]
        return []
