"""Inputs found by coverage, for every reader of a single file: a process of its own.

    python tests/faults/guided.py --begin FOLDER               # writes the first inputs
    python tests/faults/guided.py FOLDER -runs=20000 -seed=1

The first byte of an input chooses the reader, the rest is its file. What is not an error of ours
ends the process with the input that did it.
"""

import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

sys.path.append(str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["geometric_memory"]):
    from readers import READERS

    from geometric_memory.errors import GeometricMemoryError

PLACE = Path(tempfile.mkdtemp())
SINGLE = [
    (reader, *next(iter(files.items())))
    for name, reader in READERS.items()
    if name != "cells" and reader.share == 1 and len(files := reader.files()) == 1
]
"""Reader, name and content of the file; a file of cells is Python, which is run."""


def read_one(data: bytes) -> None:
    """Give one input to one reader."""
    reader, name, _ = SINGLE[data[0] % len(SINGLE) if data else 0]
    shutil.rmtree(PLACE)
    (PLACE / name).parent.mkdir(parents=True)
    (PLACE / name).write_bytes(data[1:])
    with suppress(GeometricMemoryError):
        reader.read(PLACE)


def begin(folder: Path) -> None:
    """Write a sound file for each reader."""
    folder.mkdir()
    for number, (_, _, content) in enumerate(SINGLE):
        (folder / str(number)).write_bytes(bytes([number]) + content)


if __name__ == "__main__":
    if sys.argv[1] == "--begin":
        begin(Path(sys.argv[2]))
    else:
        atheris.Setup(sys.argv, read_one)
        atheris.Fuzz()
