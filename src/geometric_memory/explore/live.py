"""A training in a thread of the page's process, which can be watched and stopped at any time."""

import threading
import time
from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Float, Int

from geometric_memory.analysis.memorization import edge_loss_floor
from geometric_memory.analysis.node_pairs import NodePairs, sampled_pairs, statistics
from geometric_memory.analysis.old_geometry_score import (
    GraphReference,
    ScoreSettings,
    geometry_score,
    graph_reference,
)
from geometric_memory.analysis.reduction import aligned, pca
from geometric_memory.datasets.dataset import Dataset
from geometric_memory.errors import DataError, GeometricMemoryError
from geometric_memory.experiments.tiny.engine import State
from geometric_memory.explore.experiment import GRAPHS, MODELS, SUBJECTS, Experiment
from geometric_memory.explore.graph_choice import (
    PUBLISHED_SEED,
    chosen_graph,
    node_colors,
)
from geometric_memory.explore.record import Curve, Record, frame_steps
from geometric_memory.explore.states import training_states
from geometric_memory.randomness import stream_seed

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
SCORED = ("distance correlation", "near-far AUC")


class LiveTraining:
    """One experiment on its way; `record` may be read from any thread."""

    def __init__(self, experiment: Experiment, *, calm: bool = False) -> None:
        """Build the graph at once, so that errors come before anything starts.

        Raises:
            ConfigurationError: if the graph is too big.
            DataError: if an edge list cannot be read.
        """
        self.experiment = experiment
        self.graph = chosen_graph(experiment)
        self._colors = node_colors(
            self.graph.graph.undirected_edges, self.graph.node_count, self.graph.graph.root
        )
        self._calm = calm
        self._halt = threading.Event()
        self._left = False
        self._lock = threading.Lock()
        self._status, self._running, self._verdict = "waiting for a free place", True, ""
        self._steps: list[int] = []
        self._frame_steps: list[int] = []
        self._embeddings: list[np.ndarray] = []
        self._coordinates: list[np.ndarray] = []
        self._curves: dict[str, list[float]] = {name: [] for name in (*MEASURED, *SCORED)}
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
            steps = np.array(self._steps, dtype=np.int64)
            frames = np.array(self._frame_steps, dtype=np.int64)
            coordinates = list(self._coordinates)
            curves = {name: list(values) for name, values in self._curves.items()}
            status, running, verdict = self._status, self._running, self._verdict
        graph = self.graph.graph
        shape = (len(frames), graph.node_count, 3)
        return Record(
            title=title(self.experiment),
            settings={SUBJECTS[f.name]: getattr(self.experiment, f.name)
                      for f in fields(Experiment)},
            names=graph.labels,
            edges=graph.undirected_edges,
            root=graph.root,
            colors=self._colors,
            steps=frames,
            coordinates=np.stack(coordinates) if coordinates else np.zeros(shape),
            curves={label: Curve(steps=steps, values=curves[name])
                    for name, label in MEASURED.items()}
            | {name: Curve(steps=frames, values=curves[name]) for name in SCORED if curves[name]},
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
        pairs = scored_pairs(self.graph.graph.undirected_edges, self.graph.node_count)
        begin = time.perf_counter()
        last, state = -1, None
        self._tell("training")
        for state in training_states(self.experiment, self.graph):
            self._measure(state)
            if state.step in kept or any(step in kept for step in range(last + 1, state.step)):
                self._keep(state, pairs)
                self._wait(begin, len(self._frame_steps) / len(kept))
            last = state.step
            if self._halt.is_set():
                break
        assert state is not None
        if self._frame_steps[-1] != state.step:
            self._keep(state, pairs)
        self._score(state)

    def _measure(self, state: State) -> None:
        with self._lock:
            self._steps.append(state.step)
            for name in MEASURED:
                factor = 100 if name == "recovery" else 1
                self._curves[name].append(factor * float(getattr(state.measured, name)[0]))

    def _keep(self, state: State, pairs: NodePairs | None) -> None:
        """Keep a frame, turned onto the one before it."""
        embeddings = self._table(state)
        points = coordinates(embeddings)
        if self._coordinates:
            points = aligned(np.stack([points, self._coordinates[-1]]))[0]
        rows = embeddings.astype(np.float64)
        scores = () if pairs is None else statistics(pairs, pairs.distances(rows))
        with self._lock:
            self._frame_steps.append(state.step)
            self._embeddings.append(embeddings)
            self._coordinates.append(points)
            for name, value in zip(SCORED, scores, strict=False):
                self._curves[name].append(value)

    def _table(self, state: State) -> Float[np.ndarray, "nodes dim"]:
        table = state.weights["token_embedding.weight"][0, : self.graph.node_count]
        return table.detach().numpy().copy()

    def _wait(self, begin: float, share: float) -> None:
        """Spread a calm training over its seconds."""
        if self._calm:
            self._halt.wait(max(begin + CALM_SECONDS * share - time.perf_counter(), 0))

    def _score(self, state: State) -> None:
        """Turn all frames onto the last, and judge it."""
        stopped = self._halt.is_set()
        if self._left:
            return self._end("left")
        posed = [coordinates(each) for each in self._embeddings]
        turned = list(aligned(np.stack(posed)))
        with self._lock:
            self._coordinates = turned
        self._tell("measuring the geometry")
        with self._lock:
            self._verdict = verdict(self._reference(), self._embeddings[-1], self.experiment.seed,
                                    float(state.measured.recovery[0]))  # fmt: skip
        end = f"stopped after {state.step} steps" if stopped else f"done: {state.step} steps"
        return self._end(end)

    def _reference(self) -> GraphReference | str:
        generator = _generator(PUBLISHED_SEED, "graph")
        try:
            return graph_reference(self.graph.facts, self.graph.node_count, generator)
        except DataError as error:
            return str(error)

    def _tell(self, status: str) -> None:
        with self._lock:
            self._status = status

    def _end(self, status: str) -> None:
        with self._lock:
            self._status, self._running = status, False


def title(experiment: Experiment) -> str:
    """Return model and graph in a few words."""
    sizes = {
        "star": f"{experiment.arms} arms of {experiment.arm_nodes}",
        "tree": f"{experiment.branching} children, depth {experiment.depth}",
        "grid": f"{experiment.rows} x {experiment.columns}",
        "cycle": f"{experiment.cycle_nodes} nodes",
    }
    size = f", {sizes[experiment.graph]}" if experiment.graph in sizes else ""
    extras = " with self edges" if experiment.self_edges else ""
    graph = "own graph" if experiment.graph == "own" else GRAPHS[experiment.graph].lower()
    return f"{MODELS[experiment.model]} on {graph}{size}{extras}"


def loss_floor(experiment: Experiment, graph: Dataset) -> float:
    """Return the least loss in nats: means over facts, but over nodes for Node2Vec."""
    if experiment.model != "node2vec":
        return edge_loss_floor(graph.facts)
    _, degrees = np.unique(np.unique(graph.facts, axis=0)[:, 0], return_counts=True)
    return float(np.log(degrees).mean())


def coordinates(embeddings: Float[np.ndarray, "nodes dim"]) -> Float[np.ndarray, "nodes 3"]:
    """Return three principal coordinates; zeros fill up where two nodes span less."""
    count = min(3, *embeddings.shape)
    return np.pad(pca(embeddings, count), ((0, 0), (0, 3 - count)))


def scored_pairs(edges: Int[np.ndarray, "edges 2"], node_count: int) -> NodePairs | None:
    """Return the pairs of nodes that the score compares; None without near and far ones."""
    rng, rule = _generator(PUBLISHED_SEED, "graph"), ScoreSettings()
    pairs = sampled_pairs(edges, node_count, rng, rule.anchors, rule.pairs_per_anchor)
    return pairs if pairs.contrasted else None


def verdict(
    reference: GraphReference | str,
    embeddings: Float[np.ndarray, "nodes dim"],
    seed: int,
    recovery: float,
) -> str:
    """Return the verdict of the collapse-proof score, or why there is none."""
    if isinstance(reference, str):
        return f"no verdict: {reference}"
    score = geometry_score(embeddings.astype(np.float64), reference, _generator(seed, "nulls"))
    low, high = score.correlation.interval
    told = (
        f"distance correlation {score.correlation.value:+.2f} [{low:+.2f}, {high:+.2f}], "
        f"p {score.correlation.p_value:.2f}"
    )
    found = score.verdict(recovery)
    return f"{found or 'no verdict while edges are missing'} ({told})"


def _generator(seed: int, name: str) -> np.random.Generator:
    """Return the generator that `geomem tiny` scores with, so that both say the same."""
    return np.random.default_rng(stream_seed(seed, "geometry", name))
