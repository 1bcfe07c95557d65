"""The settings of a data set: which facts and paths of the graph are written, and where."""

from collections.abc import Iterator

from geometric_memory.limits import Share, unsafe_name
from geometric_memory.topic import Topic


class DatasetSettings(Topic):
    """Which edge facts and paths are written, and where."""

    dataset_root: str = "data/datasets/in_weights_graphs"
    """Folder that holds one folder per graph family."""
    dataset_name: str = "in_weights"
    """Label of the data set in the places of its runs."""
    train_split_ratio: Share = 0.75
    """Share of the paths used for training."""
    split_subtree_holdout: bool = False
    """Hold out whole subtrees of a tree-star instead of single paths."""
    add_forward_edges: bool = False
    """Memorize edges away from the root (lower to higher id in the irregular graph)."""
    add_backward_edges: bool = False
    """Memorize edges towards the root; with neither switch both directions are used."""
    add_self_edges: bool = False
    """Memorize (u, u) for every node. Both variants are always written; this selects one."""
    include_start_node_in_path_finetuning: bool = False
    """Prompt paths with start,leaf instead of leaf."""
    use_directional_edge_pretraining: bool = False
    """Set the metadata bit of that name in the file names; nothing else changes."""

    @property
    def forward_edges(self) -> bool:
        """Whether forward edges are used."""
        return self.add_forward_edges or not self.add_backward_edges

    @property
    def backward_edges(self) -> bool:
        """Whether backward edges are used."""
        return self.add_backward_edges or not self.add_forward_edges

    def broken_rules(self) -> Iterator[str]:
        """Yield a sentence for every broken rule, which says how to mend it."""
        if not self.dataset_root:
            yield "--dataset_root must not be empty"
        if unsafe_name(self.dataset_name):
            yield (
                f"--dataset_name {self.dataset_name!r} must be a plain name of at most 100 "
                "letters, digits, dots, dashes and underscores"
            )
