"""The names of folders and files: the published ones, and stems for the other families.

Names are labels. What a data set is stands in its manifest, never in a name.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from geometric_memory.config import PUBLISHED_GRAPH_TYPES, DatasetConfig, GraphSettings
from geometric_memory.graphs.counts import expected_node_count
from geometric_memory.graphs.custom import read_graph_file


@dataclass(frozen=True, kw_only=True)
class DatasetNames:
    """Where the files of one data set lie."""

    folder: Path
    prefix: str
    """What all its files begin with: graph stem, prompt bits and direction bits."""

    @property
    def manifest(self) -> str:
        """Name of the manifest."""
        return f"{self.prefix}_manifest.json"

    def file(self, split: str, count: int, *, self_edges: bool) -> str:
        """Name of a `pretrain`, `train` or `test` file; only paths carry their count."""
        part = split if split == "pretrain" else f"{split}_{count}"
        return f"{self.prefix}_selfedge_{int(self_edges)}_{part}.txt"

    def existing(self) -> list[Path]:
        """Return every file of this data set that lies in its folder, the manifest last."""
        part = re.compile(r"_selfedge_[01]_(pretrain|(train|test)_[0-9]+)\.txt")
        if not self.folder.is_dir():
            return []
        found = [
            path
            for path in sorted(self.folder.iterdir())
            if path.name.startswith(self.prefix) and part.fullmatch(path.name[len(self.prefix) :])
        ]
        manifest = self.folder / self.manifest
        return [*found, manifest] if manifest.exists() else found

    def older_file(self, split: str, count: int) -> str:
        """Name in older releases, which knew no self edges."""
        return self.file(split, count, self_edges=False).replace("_selfedge_0", "")


def dataset_names(config: DatasetConfig) -> DatasetNames:
    """Return the names of the files of `config`; those of a custom graph need its graph file."""
    graph, dataset = config.graph, config.dataset
    published = graph.graph_type in PUBLISHED_GRAPH_TYPES
    folder = f"{graph.graph_type}_graphs" + ("_randomized" if published else "")
    bits = (
        f"_sd_{int(dataset.include_start_node_in_path_finetuning)}"
        f"{int(dataset.use_directional_edge_pretraining)}"
        f"_fb_{int(dataset.forward_edges)}{int(dataset.backward_edges)}"
    )
    return DatasetNames(
        folder=Path(dataset.dataset_root) / folder,
        prefix=_stem(graph) + bits,
    )


def _stem(graph: GraphSettings) -> str:
    nodes = expected_node_count(graph)
    match graph.graph_type:
        case "star":
            return (
                f"star_deg_{graph.star_degree}_deg_tree_{graph.star_subtree_degree}"
                f"_path_{graph.path_length}_nodes_{nodes}"
            )
        case "grid":
            return f"grid_rows_{graph.grid_rows}_cols_{graph.grid_cols}_nodes_{nodes}"
        case "cycle":
            return f"cycle_N_{nodes}"
        case "irregular":
            return f"irregular_graph_nodes_{nodes}_edges_{graph.irregular_edge_count}"
        case "custom":
            own = _custom_part(Path(graph.graph_file), graph.directed_graph)
        case _:
            own = f"{graph.graph_type}_{_family_part(graph)}_nodes_{nodes}"
    return f"{own}_path_{graph.path_length}_seed_{graph.random_seed}"


def _family_part(graph: GraphSettings) -> str:
    match graph.graph_type:
        case "tree":
            return f"branching_{graph.tree_branching}_depth_{graph.tree_depth}"
        case "torus":
            return f"rows_{graph.grid_rows}_cols_{graph.grid_cols}"
        case "hypercube":
            return f"dimension_{graph.hypercube_dimension}"
        case "erdos_renyi":
            return f"probability_{graph.edge_probability:g}"
        case "barabasi_albert":
            return f"attachment_{graph.attachment_count}"
        case "watts_strogatz":
            return f"neighbours_{graph.nearest_neighbours}_rewiring_{graph.rewiring_probability:g}"
        case _:
            within, between = graph.within_block_probability, graph.between_block_probability
            return f"blocks_{graph.block_count}_within_{within:g}_between_{between:g}"


def _custom_part(path: Path, directed: bool) -> str:
    read = read_graph_file(path, directed=directed)
    # Readable, short and unable to leave its folder, whatever the file is called.
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_")[:60] or "graph"
    return f"{stem}_nodes_{len(read.names)}_edges_{len(read.edges)}"
