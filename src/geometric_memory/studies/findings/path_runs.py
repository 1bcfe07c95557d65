"""Path-stars trained one by one as `geomem train` does it, watched along the way."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from geometric_memory.analysis.arms import leaf_hop_alignment
from geometric_memory.analysis.geometry_score import graph_reference, measure_orders
from geometric_memory.config import RunConfig
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.runs.folder import RunFolder, read_run_dataset
from geometric_memory.runs.history import read_history
from geometric_memory.runs.metrics import read_rows
from geometric_memory.settings import assemble, differing
from geometric_memory.studies.claims.path_evidence import train_and_measure
from geometric_memory.studies.claims.scales import started
from geometric_memory.studies.findings.finding import Effort


def path_star(effort: Effort, **settings: Any) -> dict[str, Any]:
    """Return the settings that differ from the defaults, of the demo's path-star with GPT-2."""
    limit = {} if effort.steps is None else {"max_steps": effort.steps}
    return differing(started("demo_gpt2", **settings, **limit))


def path_run(*, settings: Mapping[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """Train one path-star; return its numbers and its curve of held-out accuracy."""
    evidence = train_and_measure(assemble(RunConfig, settings), seed, folder)
    shutil.rmtree(folder / "data", ignore_errors=True)
    numbers = {name: values[0] for name, values in evidence.numbers.items()}
    return {
        "numbers": {name: _plain(value) for name, value in numbers.items()},
        "accuracy": [list(part) for part in evidence.curves.get("accuracy", [([], [])])[0]],
    }


def watched_run(*, settings: Mapping[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """Train one path-star and look at its embeddings along the way.

    Curves come as pairs of steps and values: held-out accuracy, training loss, edges known, rank
    correlation of distance with hops from three on, geometry score, alignment of leaves with first
    hops.
    """
    tracked = {"track_embedding_evolution": True, "tracking_schedule": "log"}
    config = assemble(RunConfig, {**settings, **tracked})
    train_and_measure(config, seed, folder)
    run = RunFolder(next(folder.glob("*/*/summary.json")).parent)
    curves = _metric_curves(run) | _embedding_curves(run, read_run_dataset(run, run.read_config()))
    for heavy in (run.artifacts, folder / "data"):
        shutil.rmtree(heavy, ignore_errors=True)
    return {"curves": curves}


def _metric_curves(run: RunFolder) -> dict[str, list[list[float | int]]]:
    wanted = {
        "accuracy": "test/accuracy",
        "loss": "joint_training/train_loss",
        "edges_known": "edge_memorization/top_k_recovery",
    }
    rows = list(read_rows(run.metrics))
    return {
        name: [
            [row["step"] for row in rows if metric in row],
            [row[metric] for row in rows if metric in row],
        ]
        for name, metric in wanted.items()
    }


def _embedding_curves(run: RunFolder, dataset: Dataset) -> dict[str, list[list[float | int]]]:
    nodes = dataset.node_count
    reference = graph_reference(dataset.facts, nodes)
    steps, rows = [], []
    for step, table in read_history(run.artifacts / "embedding_evolution"):
        embeddings = table[:nodes].astype(np.float64)
        orders = measure_orders(embeddings, reference)
        alignment = leaf_hop_alignment(embeddings, dataset.test_paths, dataset.graph.paths)
        steps.append(step)
        rows.append((orders.score, orders.correlation, alignment.alignment))
    columns = np.round(np.array(rows), 5).T.tolist()
    return {
        name: [steps, values]
        for name, values in zip(("score", "rho", "alignment"), columns, strict=True)
    }


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
