"""The golden checkpoints with their metrics, and small graphs."""

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file


def pytest_generate_tests(metafunc):
    """Run a test that asks for `checkpoint_name` once for every golden checkpoint."""
    if "checkpoint_name" not in metafunc.fixturenames:
        return
    named = metafunc.config.getoption("--golden")
    folder = named or Path(__file__).parents[3] / "shared" / "golden"
    metrics = folder / "checkpoints" / "metrics.json"
    names = sorted(json.loads(metrics.read_text())) if metrics.exists() else ["none"]
    metafunc.parametrize("checkpoint_name", names)


@pytest.fixture(scope="session")
def checkpoint_files(golden):
    folder = golden / "checkpoints"
    return SimpleNamespace(
        folder=folder,
        metrics=json.loads((folder / "metrics.json").read_text()),
        graphs=json.loads((folder / "graphs.json").read_text()),
        spectra=load_file(folder / "spectral_states.safetensors"),
    )


@pytest.fixture
def checkpoint(checkpoint_name, checkpoint_files):
    """One published checkpoint: tensors, edges in file order, node embeddings, metrics."""
    record = checkpoint_files.metrics[checkpoint_name]
    graph = checkpoint_files.graphs[record["graph_key"]]
    tensors = load_file(checkpoint_files.folder / record["tensors_file"])
    count = graph["node_count"]
    table = tensors.get("embed_tokens.weight", tensors.get("weight"))
    spectrum = f"{record['graph_key']}."
    return SimpleNamespace(
        name=checkpoint_name,
        record=record,
        metrics=record["metrics"],
        tensors=tensors,
        nodes=count,
        embeddings=table[:count],
        table=table,
        edges=np.array(graph["directed_edges"]),
        spectrum={
            key.removeprefix(spectrum): value
            for key, value in checkpoint_files.spectra.items()
            if key.startswith(spectrum)
        },
    )


@pytest.fixture
def cycle():
    """Both directions of a cycle, from its length."""

    def edges(count: int) -> np.ndarray:
        forward = np.stack([np.arange(count), (np.arange(count) + 1) % count], 1)
        return np.concatenate([forward, forward[:, ::-1]])

    return edges


@pytest.fixture
def path_star():
    """Forward edges of a path-star, from arms and nodes per path; the root is 0."""

    def edges(arms: int, length: int) -> np.ndarray:
        pairs = []
        for arm in range(arms):
            first = 1 + arm * (length - 1)
            chain = [0, *range(first, first + length - 1)]
            pairs += pairwise(chain)
        return np.array(pairs)

    return edges
