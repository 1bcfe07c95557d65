"""Inputs found by coverage, for every reader of bytes: a process of its own, run by `test_fuzz`.

    python tests/faults/guided.py -runs=20000 -seed=1 [FOLDER OF FIRST INPUTS]

The first byte of an input chooses the reader, the rest is its file. What is not an error of ours
ends the process with the input that did it.
"""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["geometric_memory"]):
    from geometric_memory.config import RunConfig
    from geometric_memory.datasets.manifest import read_manifest
    from geometric_memory.datasets.parsing import read_table
    from geometric_memory.errors import GeometricMemoryError
    from geometric_memory.graphs.files import read_graph_file
    from geometric_memory.runs.checkpoints import verify
    from geometric_memory.runs.files import read_json
    from geometric_memory.runs.metrics import read_rows
    from geometric_memory.runs.state import read_state
    from geometric_memory.runs.tensors import read_tensors
    from geometric_memory.settings import assemble, from_json

FOLDER = Path(tempfile.mkdtemp())
READERS = (
    ("train.txt", lambda file: read_table(file, b"=,\n")),
    ("pretrain.txt", lambda file: read_table(file, b"=\n")),
    ("graph.txt", lambda file: read_graph_file(file, directed=False)),
    ("graph.csv", lambda file: read_graph_file(file, directed=True)),
    ("graph.json", lambda file: read_graph_file(file, directed=False)),
    ("graph.graphml", lambda file: read_graph_file(file, directed=False)),
    ("x_manifest.json", read_manifest),
    ("metrics.jsonl", lambda file: list(read_rows(file))),
    ("manifest.json", lambda file: verify(file.parent)),
    ("state.json", lambda file: read_state(file.parent)),
    ("w.safetensors", read_tensors),
    ("config.json", lambda file: assemble(RunConfig, from_json(RunConfig, read_json(file), "c"))),
)


def read_one(data: bytes) -> None:
    """Give one input to one reader."""
    name, reader = READERS[data[0] % len(READERS) if data else 0]
    file = FOLDER / name
    file.write_bytes(data[1:])
    with suppress(GeometricMemoryError):
        reader(file)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
