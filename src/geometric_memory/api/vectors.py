"""Vectors from files: NumPy arrays, safetensors, tables and word2vec text, by name or in order."""

import csv
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.errors import CheckpointError, DataError

Rows = list[tuple[int, list[str]]]
"""The number of a line and its cells."""
KNOWN = ".npy, .npz, .safetensors, .csv, .tsv, or word2vec text (of gensim: binary=False)"


def read_vectors(path: Path, names: Sequence[str]) -> Any:
    """Return the vectors in a file: a mapping from name to vector, or an array, a row per node.

    An .npz or .safetensors file holds one table; a table and its names; or a vector per name. The
    first column of a table of text holds names where its cells are `names`, or are no numbers, or
    are whole numbers beside others that are not. Raises `DataError` for what cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if head.startswith((b"\x93NUMPY", b"PK\x03\x04")) or path.suffix in (".npy", ".npz"):
            return _choose_tensor(path, _arrays(path))
        if path.suffix == ".safetensors":
            return _choose_tensor(path, _tensors(path))
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: is no text in UTF-8; expected {KNOWN}") from None
    return _of_text(path, text, names)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with warnings.catch_warnings(action="ignore"):
            loaded = np.load(path, allow_pickle=False)
            return dict(loaded) if isinstance(loaded, Mapping) else {path.stem: loaded}
    except OSError:
        raise
    except Exception as error:  # it has many types for damage
        raise DataError(f"{path}: is no sound array file: {error!s:.200}") from None


def _tensors(path: Path) -> dict[str, np.ndarray]:
    from geometric_memory.files.tensors import read_tensors

    try:
        tensors = read_tensors(path)
    except CheckpointError as error:
        raise DataError(str(error)) from None
    return {n: (t if t.is_complex() else t.double()).numpy() for n, t in tensors.items()}


def _choose_tensor(path: Path, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the one table among arrays, with names if another one holds them."""
    tables = [array for array in arrays.values() if array.ndim == 2]
    lists = [array for array in arrays.values() if array.ndim == 1]
    if len(arrays) == len(tables) == 1 or len(arrays) == len(lists) == 1:
        return next(iter(arrays.values()))
    if arrays and len(lists) == len(arrays):
        return arrays
    if len(tables) == len(lists) == 1 and len(arrays) == 2 and lists[0].dtype.kind in "iuU":
        return _by_name(path, lists[0].tolist(), tables[0])
    shapes = ", ".join(f"{name:.40} {array.shape}" for name, array in list(arrays.items())[:3])
    raise DataError(
        f"{path}: expected one table (nodes, width), a table and its names, or a vector per name; "
        f"it holds {len(arrays)}: {shapes}"
    )


def _by_name(path: Path, names: Sequence[Any], rows: Sequence[Any] | np.ndarray) -> dict[str, Any]:
    found = dict(zip(map(str, names), rows, strict=False))
    if len(found) != len(names) or len(names) != len(rows):
        seen: set[str] = set()
        twice = [n for n in map(str, names) if n in seen or seen.add(n)]
        reason = f"{twice[0]:.60} twice" if twice else f"{len(names)} names, {len(rows)} vectors"
        raise DataError(f"{path}: {reason}")
    return found


def _of_text(path: Path, text: str, names: Sequence[str]) -> Any:
    lines = list(enumerate(re.split(r"\r\n|\r|\n", text), start=1))
    lines = [(number, line) for number, line in lines if line.strip()]
    if not lines:
        raise DataError(f"{path}: is empty")
    head = re.fullmatch(r"(\d{1,9})[ \t]+(\d{1,9})", lines[0][1].strip())
    rows = _cut(path, lines[1:], "") if head else []
    if head and rows and len(rows[0][1]) > int(head[2]):
        if len(rows) != int(head[1]):
            raise DataError(f"{path}:1: {head[1]} vectors are announced, {len(rows)} follow")
        width = int(head[2])
        rows = [(number, [" ".join(cells[:-width]), *cells[-width:]]) for number, cells in rows]
        return _by_name(path, [c[0] for _, c in rows], _numbers(path, rows, 1))
    last = lines[-1][1]
    separator = next((s for s in "\t;," if s in last and _is_number(last.split(s)[-1])), "")
    rows = _cut(path, lines, separator)
    if _is_header(rows):
        rows = rows[1:]
    first = [cells[0] for _, cells in rows]
    whole = [re.fullmatch(r"[+-]?\d+", cell) is not None for _, cells in rows for cell in cells[1:]]
    named = not all(map(_is_number, first)) or set(first) == set(names)
    named = named or (all(cell.isdigit() for cell in first) and not all(whole))
    if named and len(rows[0][1]) > 1:
        return _by_name(path, first, _numbers(path, rows, 1))
    return np.array(_numbers(path, rows, 0))


def _cut(path: Path, lines: Sequence[tuple[int, str]], separator: str) -> Rows:
    """Return the cells of lines; no separator means spaces and tabs."""
    rows = []
    for number, line in lines:
        try:
            cells = next(csv.reader([line], delimiter=separator, strict=True)) if separator else \
                re.split(r"[ \t]+", line.strip(" \t"))  # fmt: skip
        except csv.Error as error:
            raise DataError(f"{path}:{number}: {error}") from None
        rows.append((number, [cell.strip() for cell in cells]))
    return rows


def _is_header(rows: Rows) -> bool:
    """Whether the first row names columns: words, nothing, or their numbers from 0 on."""
    if len(rows) < 2 or len(rows[0][1]) < 2:
        return False
    first, *rest = rows[0][1]
    if not any(_is_number(cell) for cell in rest):
        return True
    counted = [str(place) for place in range(len(rest) + 1)]
    return first == "" or rows[0][1] == counted or (rest == counted[:-1] and not _is_number(first))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(path: Path, rows: Rows, begin: int) -> list[list[float]]:
    """Return the cells from column `begin` on; raises DataError for the first that is no number."""
    found, width = [], len(rows[0][1])
    for number, cells in rows:
        if len(cells) != width:
            raise DataError(f"{path}:{number}: {len(cells)} cells, the first row has {width}")
        try:
            found.append([float(cell) for cell in cells[begin:]])
        except ValueError:
            wrong = next(cell for cell in cells[begin:] if not _is_number(cell))
            raise DataError(f"{path}:{number}: {wrong!r:.60} is no number") from None
    return found
