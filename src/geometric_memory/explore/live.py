"""A training in a thread of the page's process, which can be watched and stopped at any time."""

import secrets
import threading
import time
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int

from geometric_memory.analysis.geometry_score import (
    GraphReference,
    graph_reference,
    measure_geometry,
    measure_orders,
)
from geometric_memory.analysis.measures import list_further
from geometric_memory.analysis.memorization import edge_loss_floor, node_loss_floor
from geometric_memory.analysis.reduction import aligned, pca
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import GeometricMemoryError
from geometric_memory.explore.experiment import Experiment, choose_graph
from geometric_memory.explore.record import Record, frame_steps
from geometric_memory.explore.views import SCORED
from geometric_memory.figures.colors import node_colors
from geometric_memory.graphs.settings import PUBLISHED_SEED
from geometric_memory.randomness import stream_seed
from geometric_memory.runs.metrics import Series
from geometric_memory.tiny.engine import State
from geometric_memory.tiny.training import STRETCH, batch_trainer, node2vec_states

PLACES = threading.BoundedSemaphore(2)
"""Trainings that compute at one time in this process; the others wait."""
CALM_SECONDS = 8.0
"""How long a calm training lasts at least, spread evenly over its frames."""
MEASURED = {
    "recovery": "memorization",
    "level": "geometric level",
    "non_edge_level": "non-edges",
    "loss": "loss",
}
NODE2VEC_STATES = 500


class LiveTraining:
    """One experiment on its way; `record` may be read from any thread."""

    def __init__(self, experiment: Experiment, *, calm: bool = False) -> None:
        """Build the graph at once, so that errors come before anything starts.

        Raises:
            ConfigurationError: if the graph is too big.
            DataError: if an edge list cannot be read.
        """
        self.experiment = experiment
        self.title, self.graph = experiment.title, choose_graph(experiment)
        self._colors = node_colors(self.graph.graph)
        self._calm = calm
        self.name = self._key = secrets.token_hex(4)
        self._halt = threading.Event()
        self._left = False
        self._lock = threading.Lock()
        self._status, self._running, self._verdict = "waiting for a free place", True, ""
        self._steps: list[int] = []
        self._frame_steps: list[int] = []
        self._embeddings: list[np.ndarray] = []
        self._coordinates: list[np.ndarray] = []
        self._of_frames = (*SCORED, *(each.label for each in list_further()))
        self._curves: dict[str, list[float]] = {n: [] for n in (*MEASURED, *self._of_frames)}
        self._thread = threading.Thread(target=self._work, name="training")

    def start(self) -> None:
        """Begin, or wait for a place."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the training to end after its step; what is there stays."""
        self._halt.set()

    def leave(self) -> None:
        """Ask the same when nobody will look at it any more."""
        self._left = True
        self._halt.set()

    def join(self, seconds: float = 300.0) -> None:
        """Wait until the thread has ended."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._running

    @property
    def embeddings(self) -> list[np.ndarray]:
        """The tables of the frames so far."""
        with self._lock:
            return list(self._embeddings)

    def record(self) -> Record:
        """Return what there is now."""
        with self._lock:
            steps, frames = (
                np.array(self._steps, dtype=float),
                np.array(self._frame_steps, dtype=int),
            )
            coordinates = list(self._coordinates)
            curves = {name: np.array(values) for name, values in self._curves.items()}
            key, verdict = self._key, self._verdict
            status, running = self._status, self._running
        if running and self._halt.is_set():
            status = "stopping"
        graph = self.graph.graph
        shape = (len(frames), graph.node_count, 3)
        return Record(
            key=key,
            title=self.title,
            settings=self.experiment.told,
            asked=self.experiment.asked,
            names=graph.labels,
            edges=graph.undirected_edges,
            root=graph.root,
            colors=self._colors,
            steps=frames,
            coordinates=np.stack(coordinates) if coordinates else np.zeros(shape),
            curves={
                label: Series(steps=steps, values=curves[name])
                for name, label in MEASURED.items() if len(steps)
            } | {
                name: Series(steps=frames.astype(float), values=curves[name])
                for name in self._of_frames if len(frames)
            },
            status=status,
            last_step=int(steps[-1]) if len(steps) else 0,
            wanted_steps=self.experiment.steps,
            floor=loss_floor(self.experiment, self.graph),
            running=running,
            verdict=verdict,
            notes=graph.notes,
        )  # fmt: skip

    def _work(self) -> None:
        torch.set_num_threads(1)
        try:
            while not PLACES.acquire(timeout=0.1):
                if self._halt.is_set():
                    return self._end("stopped before it began")
            try:
                self._train()
            finally:
                PLACES.release()
        except GeometricMemoryError as error:
            self._end(f"ended: {error}")
        except Exception as error:
            self._end(f"failed: {type(error).__name__}: {error}")
            raise
        return None

    def _train(self) -> None:
        kept = frame_steps(self.experiment.steps)
        reference = score_reference(self.graph.facts, self.graph.node_count)
        begin = time.perf_counter()
        last, state = -1, None
        self._tell("training")
        for state in self._states():
            self._measure(state)
            if state.step in kept or any(step in kept for step in range(last + 1, state.step)):
                self._keep(state, reference)
                self._wait(begin, len(self._frame_steps) / len(kept))
            last = state.step
            if self._halt.is_set():
                break
        assert state is not None
        if self._frame_steps[-1] != state.step:
            self._keep(state, reference)
        self._score(state, reference)

    def _states(self) -> Iterator[State]:
        """Yield the states of `geomem tiny` after every update; of Node2Vec, after every few."""
        section, seeds = self.experiment.section, [self.experiment.seed]
        if section.block == "node2vec":
            every = max(1, section.steps // NODE2VEC_STATES)
            return node2vec_states(section, seeds, self.graph, every=every)
        return batch_trainer([section], seeds, self.graph).run(section.steps, together=STRETCH)

    def _measure(self, state: State) -> None:
        with self._lock:
            self._steps.append(state.step)
            for name in MEASURED:
                factor = 100 if name == "recovery" else 1
                self._curves[name].append(factor * float(getattr(state.measured, name)[0]))

    def _keep(self, state: State, reference: GraphReference) -> None:
        """Keep a frame, turned onto the one before it."""
        embeddings = self._table(state)
        points = coordinates(embeddings)
        if self._coordinates:
            points = aligned(np.stack([points, self._coordinates[-1]]))[0]
        orders = measure_orders(embeddings, reference)
        further = [each.function(embeddings, self.graph.facts) for each in list_further()]
        with self._lock:
            self._frame_steps.append(state.step)
            self._embeddings.append(embeddings)
            self._coordinates.append(points)
            values = (orders.score, orders.correlation, *further)
            for name, value in zip(self._of_frames, values, strict=True):
                self._curves[name].append(value)

    def _table(self, state: State) -> Float[np.ndarray, "nodes dim"]:
        table = state.weights["token_embedding.weight"][0, : self.graph.node_count]
        return table.detach().numpy().copy()

    def _wait(self, begin: float, share: float) -> None:
        """Spread a calm training over its seconds."""
        if self._calm:
            self._halt.wait(max(begin + CALM_SECONDS * share - time.perf_counter(), 0))

    def _score(self, state: State, reference: GraphReference) -> None:
        """Turn all frames onto the last, and judge it."""
        stopped = self._halt.is_set()
        if self._left:
            return self._end("left")
        posed = [coordinates(each) for each in self._embeddings]
        turned = list(aligned(np.stack(posed)))
        with self._lock:
            self._coordinates, self._key = turned, self._key + "-turned"
        self._tell("measuring the geometry")
        with self._lock:
            self._verdict = verdict(reference, self._embeddings[-1], self.experiment.seed,
                                    float(state.measured.recovery[0]))  # fmt: skip
        end = f"stopped after {state.step} steps" if stopped else f"done: {state.step} steps"
        return self._end(end)

    def _tell(self, status: str) -> None:
        with self._lock:
            self._status = status

    def _end(self, status: str) -> None:
        with self._lock:
            self._status, self._running = status, False


def loss_floor(experiment: Experiment, graph: Dataset) -> float:
    """Return the least loss in nats: means over facts, but over nodes for Node2Vec."""
    floor = node_loss_floor if experiment.model == "node2vec" else edge_loss_floor
    return floor(graph.facts)


def coordinates(embeddings: Float[np.ndarray, "nodes dim"]) -> Float[np.ndarray, "nodes 3"]:
    """Return three principal coordinates; zeros fill up where two nodes span less."""
    count = min(3, *embeddings.shape)
    return np.pad(pca(embeddings, count), ((0, 0), (0, 3 - count)))


def score_reference(edges: Int[np.ndarray, "edges 2"], node_count: int) -> GraphReference:
    """Return the comparisons that `geomem tiny` scores with, so that both say the same."""
    seed = stream_seed(PUBLISHED_SEED, "geometry", "graph")
    return graph_reference(edges, node_count, seed=seed)


def verdict(
    reference: GraphReference,
    embeddings: Float[np.ndarray, "nodes dim"],
    seed: int,
    recovery: float,
) -> str:
    """Return the verdict of the geometry score and its reason."""
    null_seed = stream_seed(seed, "geometry", "nulls")
    found = measure_geometry(embeddings, reference, seed=null_seed)
    missing = "; edges are missing" if recovery < 1 else ""
    return f"{found.summary()}: {found.reason}{missing}"
