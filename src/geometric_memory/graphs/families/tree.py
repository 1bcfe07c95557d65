"""A balanced tree."""

from random import Random
from typing import Annotated, Any

from msgspec import Meta

from geometric_memory.graphs.family import fixed
from geometric_memory.graphs.networkx_family import NetworkxFamily
from geometric_memory.limits import MOST_NODES
from geometric_memory.topic import About


class Tree(NetworkxFamily):
    """A balanced tree, its nodes numbered from the root level by level."""

    tree_branching: Annotated[int, Meta(ge=2, le=MOST_NODES), About(label="Children")] = 2
    """Children of each node of a balanced tree."""
    tree_depth: Annotated[int, Meta(ge=1, le=100), About(label="Depth")] = 4
    """Edges from the root of a balanced tree to a leaf."""

    name = "tree"
    title = "Tree"
    tiny = fixed(tree_branching=2, tree_depth=3)
    root = 0
    sizes = "_branching_{tree_branching}_depth_{tree_depth}"
    label = "b{tree_branching}-h{tree_depth}"
    size = "{tree_branching} children, depth {tree_depth}"

    @property
    def node_count(self) -> int:
        return (self.tree_branching ** (self.tree_depth + 1) - 1) // (self.tree_branching - 1)

    def make(self, nx: Any, generator: Random) -> Any:
        return nx.balanced_tree(self.tree_branching, self.tree_depth)
