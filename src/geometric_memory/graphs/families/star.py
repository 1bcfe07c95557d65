"""Path-stars and tree-stars (paper, section 2): one root, arms that all start from it."""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Annotated

from geometric_memory.graphs.family import Drawn, Family, fixed
from geometric_memory.limits import Size
from geometric_memory.topic import About

if TYPE_CHECKING:
    import numpy as np

    from geometric_memory.graphs.graph import Graph


class Star(Family):
    """A star whose ids are dealt from a list that may be shuffled.

    One child per node makes a path-star; with more the arms are complete trees. Nodes beyond those
    that the arms need have no edge.
    """

    star_degree: Annotated[Size, About(label="Arms")] = 10000
    """Arms of a star."""
    star_subtree_degree: Size = 1
    """Children of each node below the root of a star: 1 is a path-star, more a tree-star."""
    randomize_node_ids: bool = True
    """Shuffle the node ids of a star (other families keep theirs)."""

    name = "star"
    title = "Path-star"
    tiny = fixed(star_degree=4, path_length=5)
    folder = "star_graphs_randomized"
    stem = (
        "star_deg_{star_degree}_deg_tree_{star_subtree_degree}"
        "_path_{path_length}_nodes_{total_nodes}"
    )
    label = "d{star_degree}-b{star_subtree_degree}"
    size = "{star_degree} arms of {path_length}"

    @property
    def node_count(self) -> int:
        return self.needed_nodes if self.total_nodes < 0 else self.total_nodes

    @property
    def needed_nodes(self) -> int:
        """Nodes that the arms need, root included."""
        return 1 + self.star_degree * self._arm_size

    @property
    def _arm_size(self) -> int:
        levels, branching = self.path_length - 1, self.star_subtree_degree
        return levels if branching == 1 else (branching**levels - 1) // (branching - 1)

    @property
    def path_total(self) -> int:
        return self.star_degree * self.star_subtree_degree ** (self.path_length - 2)

    def broken_rules(self) -> Iterator[str]:
        if 0 <= self.total_nodes < self.needed_nodes:
            yield (
                f"--total_nodes {self.total_nodes} is too small: this star needs "
                f"{self.needed_nodes} nodes; leave it at -1 to derive it"
            )

    def draw(self, generator: Random) -> Drawn:
        import numpy as np

        ids = list(range(self.node_count))
        if self.randomize_node_ids:
            generator.shuffle(ids)
        dealt = np.array(ids[1 : self.needed_nodes], dtype=np.int64).reshape(self.star_degree, -1)
        below_root = dealt[:, self._places()].reshape(-1, self.path_length - 1)
        return Drawn(paths=np.insert(below_root, 0, ids[0], axis=1), root=ids[0])

    def _places(self) -> "np.ndarray":
        """Return the place, within an arm dealt level by level, of each node of each leaf path."""
        import numpy as np

        branching, levels = self.star_subtree_degree, self.path_length - 1
        leaves = np.arange(branching ** (levels - 1))
        above = np.cumsum([0, *(branching**level for level in range(levels - 1))])
        return above + leaves[:, None] // branching ** np.arange(levels - 1, -1, -1)

    @staticmethod
    def order(graph: "Graph") -> "np.ndarray":
        """Return the nodes from the root, arm by arm."""
        return graph.order_along_paths()
