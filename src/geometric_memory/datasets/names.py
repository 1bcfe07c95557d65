"""The names of folders and files: the published ones, and stems for the other families.

Names are labels, and many data sets have the same published name. What a data set is stands in its
manifest, never in a name.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from geometric_memory.config import DatasetConfig
from geometric_memory.datasets.manifest import identity

HASH_DIGITS = 12


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


def dataset_places(config: DatasetConfig) -> tuple[DatasetNames, DatasetNames]:
    """Return where the files of `config` may lie.

    First the published place, which is theirs unless another data set lies there, then one that no
    other data set can have, since its name ends in a hash of everything that decides the files.
    Raises `DataError` when the file of a custom graph cannot be read.
    """
    published = published_names(config)
    content = msgspec.json.encode(identity(config), order="deterministic")
    digest = hashlib.sha256(content).hexdigest()[:HASH_DIGITS]
    return published, replace(published, prefix=f"{published.prefix}_{digest}")


def published_names(config: DatasetConfig) -> DatasetNames:
    """Return the names of the files of `config`; those of a custom graph need its graph file."""
    family, dataset = config.graph.family, config.dataset
    bits = (
        f"_sd_{int(dataset.include_start_node_in_path_finetuning)}"
        f"{int(dataset.use_directional_edge_pretraining)}"
        f"_fb_{int(dataset.forward_edges)}{int(dataset.backward_edges)}"
    )
    return DatasetNames(
        folder=Path(dataset.dataset_root) / family.text(family.folder),
        prefix=family.text(family.stem) + bits,
    )
