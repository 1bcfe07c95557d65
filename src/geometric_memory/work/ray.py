"""The place that is a Ray cluster: every piece a task, its state where the store has it.

Ray starts tasks again when a machine is lost; they then go on from what they have stored. The store
and this package must be there, under the same path, on every machine.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geometric_memory.errors import ConfigurationError
from geometric_memory.extras import load
from geometric_memory.work.piece import (
    Failure,
    Found,
    Piece,
    Pieces,
    Place,
    Report,
    Stopped,
    Store,
    attempt,
    measure,
)
from geometric_memory.work.processes import THREAD_COUNTS

GLANCE = 0.5
RETRIES = 3


@dataclass(frozen=True, kw_only=True)
class Ray(Place):
    """The cluster at `address`, or one of this machine alone."""

    address: str = ""
    workers: int = 1
    """Pieces at once where the cluster is started here."""
    gpus: float = 0.0
    """GPUs that are set aside for a piece; may be a fraction."""

    def run(self, pieces: Pieces, store: Store, report: Report, stopped: Stopped) -> Found:
        ray, here = self._connect(), str(Path.cwd())
        options = {"num_cpus": 1, "num_gpus": self.gpus, "max_retries": RETRIES}
        do = ray.remote(**options)(_do)
        try:
            shapes = {piece.shape: piece for piece in pieces if piece.need}
            needs = ray.get([do.remote(None, piece, here) for piece in shapes.values()])
            # A piece that fits nowhere gets a whole machine: its task would wait forever.
            largest = max(int(node["Resources"].get("memory", 0)) for node in ray.nodes())
            memory = {s: min(need, largest) for s, need in zip(shapes, needs, strict=True)}
            waiting = {
                do.options(memory=memory.get(piece.shape) or None).remote(store, piece, here): piece
                for piece in pieces
            }
            yield from _collect(ray, waiting, stopped)
        finally:
            ray.shutdown()

    def _connect(self) -> Any:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray = load("ray", "--engine ray")
        options: dict[str, Any] = {"address": self.address}
        if not self.address:
            options = {"num_cpus": self.workers, "include_dashboard": False}
        try:
            ray.init(
                **options, log_to_driver=False, logging_level=logging.ERROR,
                runtime_env={"env_vars": dict.fromkeys(THREAD_COUNTS, "1")},
            )  # fmt: skip
        except ConnectionError as error:
            raise ConfigurationError([f"--address {self.address}: {error}"]) from None
        return ray


def _collect(ray: Any, waiting: dict[Any, Piece], stopped: Stopped) -> Found:
    cancelled = False
    while waiting:
        if stopped() and not cancelled:
            cancelled = True
            for task in waiting:
                ray.cancel(task)  # a signal in the task, which saves a checkpoint
        ready, _ = ray.wait(list(waiting), num_returns=1, timeout=GLANCE)
        for task in ready:
            piece = waiting.pop(task)
            try:
                found = ray.get(task)
            except ray.exceptions.RayError as error:
                found = Failure(f"{type(error).__name__}: {error}")
            if not (cancelled and isinstance(found, Failure)):
                yield piece, found


def _do(store: Store | None, piece: Piece, here: str) -> Any:
    """Do a piece; without a store, return the memory that it needs."""
    os.chdir(here)
    return measure(piece).get("cpu", 0) if store is None else attempt(store, piece)
