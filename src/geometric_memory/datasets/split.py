"""The published split of the paths into train and test."""

from random import Random

import numpy as np
from jaxtyping import Int64

from geometric_memory.errors import DataError


def split_paths(
    paths: Int64[np.ndarray, "paths length"],
    *,
    train_share: float,
    hold_out_subtrees: bool,
    generator: Random,
) -> tuple[Int64[np.ndarray, "train length"], Int64[np.ndarray, "test length"]]:
    """Shuffle the paths and cut them, or hold out whole subtrees (same second node).

    Raises `DataError` when one side would be empty.
    """
    if hold_out_subtrees:
        subtrees = np.unique(paths[:, 1]).tolist()
        generator.shuffle(subtrees)
        in_train = np.isin(paths[:, 1], subtrees[: int(len(subtrees) * train_share)])
        train, test = paths[in_train], paths[~in_train]
    else:
        order = list(range(len(paths)))
        generator.shuffle(order)
        cut = int(len(order) * train_share)
        train, test = paths[order[:cut]], paths[order[cut:]]
    if not len(train) or not len(test):
        side = "test" if len(train) else "train"
        raise DataError(
            f"--train_split_ratio {train_share} leaves none of the {len(paths)} paths for {side}; "
            "change the ratio or use a graph with more paths"
        )
    return train, test
