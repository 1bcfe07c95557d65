"""A run of `geomem train` as a piece of work: trained or gone on with, then measured."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from geometric_memory.analysis.arms import Alignment, leaf_hop_alignment
from geometric_memory.analysis.geometry_score import (
    graph_reference,
    measure_geometry,
    measure_orders,
)
from geometric_memory.config import RunConfig
from geometric_memory.console import make_console
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.files.whole import read_json
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder, read_run_dataset
from geometric_memory.runs.history import read_history
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.run import Run
from geometric_memory.runs.train import resume_or_start
from geometric_memory.settings import assemble, differing
from geometric_memory.studies.scales import Scale
from geometric_memory.work.piece import Piece

EDGE_STAGE = "edge_memorization_final"
KNOWN = 99.0
"""Percent from which facts or paths count as learned."""
MISSING = float("nan")
NUMBERS = (
    "edges_known", "edge_step", "accuracy", "best_accuracy", "kept_accuracy", "first_token",
    "best_first_token", "kept_first_token", "later_tokens", "trained_accuracy", "fitted_paths",
    "without_copies", "hard_token", "copied_leaf", "path_step", "order",
)  # fmt: skip
"""What the log of a run says; missing where it was cut before it came to paths."""
PARTS = {
    "fitted_paths": "train/accuracy",
    "without_copies": "test/accuracy_without_copies",
    "hard_token": "test_forced/hard_token",
    "copied_leaf": "test_forced/queried_node",
}
"""Of training paths and of held-out ones, the tokens before each given."""
CURVES = {
    "accuracy": "test/accuracy",
    "edges_known": "edge_memorization/top_k_recovery",
    "loss": "joint_training/train_loss",
}
TRACKED = {"track_embedding_evolution": True, "tracking_schedule": "log"}

Curve = Sequence[Sequence[float | int]]
"""Steps and values."""


def path_pieces(config: RunConfig, scale: Scale, *, watch: bool = False) -> tuple[Piece, ...]:
    """Return one piece per seed; with `watch` the embeddings are looked at along the way."""
    if scale.steps is not None:
        config = replace(config, training=replace(config.training, max_steps=scale.steps))
    settings = differing(config) | (TRACKED if watch else {})
    return tuple(
        Piece(function=train_path, arguments={"settings": settings, "seed": seed})
        for seed in scale.seeds
    )


def train_path(*, settings: Mapping[str, Any], seed: int, folder: Path) -> dict[str, Any]:
    """Train from `seed` (graph, split and weights) in `folder`; return numbers and curves.

    Raises:
        GeometricMemoryError: if anything a user can mend is wrong.
    """
    config = assemble(RunConfig, settings)
    run = (
        _find_finished(folder)
        or resume_or_start(_place(config, seed, folder), make_console(quiet=True)).folder
    )
    rows = list(read_rows(run.metrics))
    chance = read_json(run.summary)["chance"]
    dataset = None if config.task.in_context else read_run_dataset(run, run.read_config())
    numbers = path_numbers(rows, chance) | {"chance": chance} | _trials(config, dataset)
    numbers |= _geometries(run, dataset)
    curves = path_curves(rows)
    history = run.artifacts / "embedding_evolution"
    if dataset is not None and history.is_dir():
        curves |= _embedding_curves(history, dataset)
    # Weights are no longer needed, and those of all runs would fill a small disk.
    for heavy in (run.artifacts, folder / "data", run.checkpoints):
        shutil.rmtree(heavy, ignore_errors=True)
    return {
        "numbers": {name: [value] for name, value in numbers.items()},
        "curves": {name: [curve] for name, curve in curves.items()},
    }


def path_numbers(rows: Sequence[dict[str, Any]], chance: float) -> dict[str, float]:
    """Return what the logged rows of a run say: last, best, and first steps; chance in percent."""
    paths = [row for row in rows if "test/accuracy" in row]
    facts = [row for row in rows if "edge_memorization/top_k_recovery" in row]
    numbers = dict.fromkeys(NUMBERS, MISSING) | {"steps": float(rows[-1]["step"])}
    if facts:
        numbers["edges_known"] = facts[-1]["edge_memorization/top_k_recovery"]
        numbers["edge_step"] = first_step(facts, "edge_memorization/top_k_recovery", KNOWN)
    if not paths:
        return numbers
    first_token = "test/token_2" if "test/token_2" in paths[0] else "test/token_1"
    for name, metric in {"accuracy": "test/accuracy", "first_token": first_token}.items():
        values = [row[metric] for row in paths]
        numbers |= {name: values[-1], f"best_{name}": max(values)}
        numbers[f"kept_{name}"] = values[-1] / max(values) if max(values) else MISSING
    last = rows[-1]
    later = token_metrics(last)[2:]
    numbers["later_tokens"] = float(np.mean([last[name] for name in later])) if later else MISSING
    numbers["trained_accuracy"] = last.get(f"{last['stage']}/train_accuracy", MISSING)
    for name, metric in PARTS.items():
        numbers[name] = last.get(metric, MISSING)
    numbers["path_step"] = first_step(paths, "test/accuracy", 90.0)
    numbers["order"] = learning_order(paths, chance)
    return numbers


def first_step(rows: Sequence[dict[str, Any]], metric: str, level: float) -> float:
    """Return the step at which `metric` first is `level` or more; the last step if it never is."""
    reached = [row["step"] for row in rows if row[metric] >= level]
    return float(reached[0] if reached else rows[-1]["step"])


def learning_order(rows: Sequence[dict[str, Any]], chance: float) -> float:
    """Return Kendall's tau between the place of a token on the path and when it is learned.

    Learned means right half-way from chance (in percent) to always, the tokens before it given. -1
    is a cascade from the leaf to the root, 1 one from the root to the leaf; root and leaf, which
    every prompt names, are left out. NaN with fewer than two tokens between them.
    """
    between = token_metrics(rows[0])[1:-1]
    if len(between) < 2:
        return MISSING
    steps = [first_step(rows, name, (100 + chance) / 2) for name in between]
    if len(set(steps)) == 1:
        return 0.0
    tau_and_p = np.asarray(kendalltau(range(len(steps)), steps), dtype=np.float64)
    return float(tau_and_p[0])


def token_metrics(row: dict[str, Any]) -> list[str]:
    """Return the names of the teacher-forced accuracies of the tokens of a path, in order."""
    count = sum(name.startswith("test_forced/token_") for name in row)
    return [f"test_forced/token_{place}" for place in range(1, count + 1)]


def path_curves(rows: Sequence[dict[str, Any]]) -> dict[str, Curve]:
    """Return held-out accuracy, edges known, loss, and accuracy per token, over steps."""
    with_paths = [row for row in rows if "test/accuracy" in row]
    tokens = token_metrics(with_paths[0]) if with_paths else ()
    metrics = CURVES | {f"token_{place}": name for place, name in enumerate(tokens, start=1)}
    curves = {}
    for name, metric in metrics.items():
        having = [row for row in rows if metric in row]
        curves[name] = ([row["step"] for row in having], [row[metric] for row in having])
    return curves


def _trials(config: RunConfig, dataset: Dataset | None) -> dict[str, float]:
    """Return of how many paths, facts and nodes the shares of a run are."""
    if dataset is None:
        return {"held_out": config.task.context_test_prompts, "facts": MISSING, "nodes": MISSING}
    counts = (len(dataset.test_paths), len(dataset.facts), dataset.node_count)
    return dict(zip(("held_out", "facts", "nodes"), map(float, counts), strict=True))


def _geometries(run: RunFolder, dataset: Dataset | None) -> dict[str, float]:
    """Return numbers of the embeddings, last and after the edges: alignment, score, by hop.

    Leaves of held-out arms are looked for among all arms; NaN without a path-star.
    """
    labels = CheckpointStore(run.checkpoints).labels()
    numbers: dict[str, float] = {}
    for prefix, label in {"": "final", "edges_": EDGE_STAGE}.items():
        found = vars(Alignment(alignment=MISSING, contrast=MISSING, retrieval=MISSING))
        found = found | {"score": MISSING}
        if dataset is not None and label in labels:
            network = Run(run.path).network(label)
            embeddings = network.node_embeddings(dataset.node_count).numpy()
            reference = graph_reference(dataset.facts, dataset.node_count)
            found = found | measure_geometry(embeddings, reference).numbers()
            if dataset.graph.is_path_star and len(dataset.test_paths) > 1:
                arms = dataset.graph.paths
                found |= vars(leaf_hop_alignment(embeddings, dataset.test_paths, arms))
        numbers |= {prefix + name: value for name, value in found.items()}
    return numbers


def _embedding_curves(history: Path, dataset: Dataset) -> dict[str, Curve]:
    """Return score, rank correlation with hops, and alignment of leaves, over steps."""
    reference = graph_reference(dataset.facts, dataset.node_count)
    steps, rows = [], []
    for step, table in read_history(history):
        embeddings = table[: dataset.node_count].astype(np.float64)
        orders = measure_orders(embeddings, reference)
        arms = leaf_hop_alignment(embeddings, dataset.test_paths, dataset.graph.paths)
        steps.append(step)
        rows.append((orders.score, orders.correlation, arms.alignment))
    columns = np.round(np.array(rows), 5).T.tolist()
    return {n: (steps, v) for n, v in zip(("score", "rho", "alignment"), columns, strict=True)}


def _place(config: RunConfig, seed: int, folder: Path) -> RunConfig:
    """Return `config` with its seed, and with the places of its data set and its run."""
    return replace(
        config,
        graph=replace(config.graph, random_seed=seed),
        dataset=replace(config.dataset, dataset_root=str(folder / "data")),
        training=replace(config.training, seed=seed),
        logging=replace(config.logging, experiment_log_root=str(folder)),
    )


def _find_finished(folder: Path) -> RunFolder | None:
    """Return the run that was trained to its end in `folder`, but not measured."""
    found = [path.parent for path in sorted(folder.glob("*/*/summary.json"))]
    whole = [path for path in found if (path / "checkpoints").is_dir()]
    return RunFolder(whole[0]) if whole else None
