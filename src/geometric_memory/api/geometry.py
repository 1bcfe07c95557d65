"""The geometry score for anybody's vectors."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from geometric_memory.analysis.geometry_score import Geometry, graph_reference, measure_geometry
from geometric_memory.api.graphs import Source, graph, is_networkx
from geometric_memory.api.vectors import read_vectors
from geometric_memory.errors import DataError

SHOWN = 3
LARGEST = 1e100
"""Of a number in a file: squares of larger ones overflow."""


def geometry(embeddings: Any, of: Source, *, seed: int = 0) -> Geometry:
    """Return whether vectors are a map of a graph: score, interval, verdict, numbers by hop.

    Args:
        embeddings: an array or tensor (nodes, d), a row per node in the order of the nodes: of
            `graph.keys`, or of `graph.nodes` of networkx; a mapping from node to vector, such as a
            dictionary or the keyed vectors of gensim; or a file (.npy, .npz, .safetensors, .csv,
            word2vec text).
        of: the graph, or what `graph` makes one of.
        seed: of the draws; the same seed gives the same numbers.

    Raises:
        DataError: if there is not one vector per node, naming the first nodes without one.
        NonFiniteError: if a number is not finite.
    """
    known = graph(of)
    names = known.names
    if is_networkx(of):
        names = tuple(map(str, of))
    where = "embeddings"
    if isinstance(embeddings, str | os.PathLike):
        where = os.fspath(embeddings)
        embeddings = read_vectors(Path(where), names)
    if hasattr(embeddings, "key_to_index"):
        embeddings = {name: embeddings[name] for name in embeddings.key_to_index}
    if isinstance(embeddings, Mapping):
        named = {str(name): row for name, row in embeddings.items()}
        labels = known.labels if len(set(known.labels)) == known.node_count else known.names
        by_label = not named.keys() & set(known.names) and named.keys() & set(labels)
        rows = rows_by_name(named, labels if by_label else known.names, where)
    else:
        rows = rows_in_order(embeddings, names, where)
        rows = rows[[names.index(name) for name in known.names]] if names != known.names else rows
    if where != "embeddings":
        wrong = [
            n for n, row in zip(known.names, np.abs(rows) < LARGEST, strict=True) if not row.all()
        ]
        if wrong:
            raise DataError(f"{where}: numbers that are not finite, or too large: {spelled(wrong)}")
    return measure_geometry(rows, graph_reference(known.facts(), known.node_count), seed=seed)


def rows_in_order(
    embeddings: Any, names: Sequence[str], where: str
) -> Float[np.ndarray, "nodes dim"]:
    """Return an array of one row per name; raises DataError where it is none."""
    if hasattr(embeddings, "detach"):
        embeddings = embeddings.detach().cpu().float().numpy()
    try:
        if np.iscomplexobj(embeddings):
            raise TypeError
        rows = np.asarray(embeddings, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: expected numbers, a row per node") from None
    if rows.ndim != 2 or len(rows) != len(names) or not rows.size:
        raise DataError(
            f"{where} of shape {rows.shape}: the graph has {len(names)} nodes, so expected "
            f"({len(names)}, width), rows in the order {spelled(names)}"
        )
    return rows


def rows_by_name(
    vectors: Mapping[str, Any], names: Sequence[str], where: str
) -> Float[np.ndarray, "nodes dim"]:
    """Return the vectors of `names`; raises DataError where one is missing or unknown."""
    missing = [name for name in names if name not in vectors]
    unknown = sorted(vectors.keys() - set(names))
    if missing or unknown:
        told = [f"without a vector: {spelled(missing)}"] * bool(missing)
        told += [f"no nodes of the graph: {spelled(unknown)}"] * bool(unknown)
        raise DataError(f"{where}: {'; '.join(told)}")
    widths = {np.shape(vectors[name]) for name in names}
    if len(widths) > 1:
        raise DataError(f"{where}: vectors of different shapes, {spelled(sorted(widths))}")
    return rows_in_order([vectors[name] for name in names], names, where)


def spelled(things: Sequence[Any]) -> str:
    """Return the first few of some things, and how many more there are."""
    text = ", ".join(f"{thing!s:.60}" for thing in things[:SHOWN])
    return text if len(things) <= SHOWN else f"{text} and {len(things) - SHOWN} more"
