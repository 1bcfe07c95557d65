"""A run as the front door gives it: what lies on the disk, and its figures, page and card."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from geometric_memory.errors import CheckpointError
from geometric_memory.extras import is_installed, require
from geometric_memory.models.plain import PlainModel
from geometric_memory.report.stored import located, runs_of
from geometric_memory.runs.history import Frames
from geometric_memory.runs.interruption import Moment
from geometric_memory.runs.run import Run as StoredRun

if TYPE_CHECKING:
    from geometric_memory.figures.picture import Picture


class Run(StoredRun):
    """A run, read when it is asked: settings, metrics, graph, embeddings, answers, model, figures.

    `run["test/accuracy"]` is the last value of a metric; a notebook shows a run as its card.
    """

    def plot(
        self, kind: str = "curves", *, step: int = -1, components: Sequence[int] = ()
    ) -> "Picture":
        """Return a figure: `curves`, or another of `report.run_page.PLOTS`, such as `cosine`.

        Args:
            kind: its name.
            step: show embeddings up to the stored step nearest to it; -1 for the last.
            components: principal components to show, such as (2, 3, 4), counted from 1; by default
                the widest on which neighbours lie nearer than two nodes at random.

        Raises:
            ConfigurationError: if there is no such kind, with the nearest.
            DataError: if the run has not left what it needs.
            MissingPackageError: if matplotlib is not installed.
        """
        require("a plot", "matplotlib")
        from geometric_memory.report.run_page import plot

        return plot(self.seen(step=step, components=components), kind)

    def report(self, target: str | Path | None = None) -> Path:
        """Write the page of the run, by default report.html in its folder, and return its path.

        Raises:
            GeometricMemoryError: if the run is damaged, or the page cannot be written.
            MissingPackageError: if a package that draws it is not installed.
        """
        require("a page", "matplotlib", "jinja2")
        from geometric_memory.report.write import report

        return report([self.path], None if target is None else Path(target))

    def convert(self, form: str, target: str | Path | None = None, *, checkpoint: str = "") -> Path:
        """Write the run in a format of other programs, and return the path of the file or folder.

        Args:
            form: `published` (.pt), `huggingface`, `projector` (folders), `word2vec`, `npy`, `csv`
                (embeddings) or `card`.
            target: what to write, and must not exist; by default something new in the run's folder.
            checkpoint: a label, a step, or a .safetensors file; by default the last state.

        Raises:
            ConfigurationError: if there is no such format, with the nearest.
            GeometricMemoryError: if the run has not left what the format holds, the format cannot
                hold it, or it cannot be written.
        """
        from geometric_memory.report.conversion import convert_run

        place = None if target is None else Path(target)
        return convert_run(self, form, place, checkpoint=checkpoint)

    def _repr_html_(self) -> str:
        if not is_installed("matplotlib"):
            return f"<pre>{escape(repr(self))}\n{escape(repr(self.metrics))}</pre>"
        from geometric_memory.figures.page import still
        from geometric_memory.report.run_page import card

        return f'<img alt="{escape(repr(self))}" src="{still(card(self))}">'


def load(place: str | Path = "latest", *, seed: int | None = None) -> Run:
    """Return a stored run: the folder of `geomem train`, or a section of `geomem tiny`.

    Args:
        place: its path; `latest` is the newest run of experiment_logs, FOLDER/latest that below
            another folder (`geomem list`).
        seed: which seed of a section; by default the one whose embeddings are stored.

    Raises:
        CheckpointError: if there is no run, or it is damaged, or does not have this seed.
    """
    path = located(Path(place)).absolute()  # whatever folder the reader goes to
    runs = runs_of(path, Run)
    found = [run for run in runs if seed in (None, run.seed)]
    if not found:
        there = ", ".join(str(run.seed) for run in runs)
        raise CheckpointError(f"{path}: has no seed {seed}, only {there}")
    return found[0]


class LiveRun(Run):
    """A run right after an evaluation: metrics so far, embeddings and model of now."""

    moment: Moment

    def come_to(self, moment: Moment) -> None:
        """Forget what was read at an earlier moment."""
        self.moment = moment
        for name in ("metrics", "frames", "model"):
            vars(self).pop(name, None)
        self._geometries.clear()

    @cached_property
    def frames(self) -> Frames | None:
        if self.dataset is None or self.config.model.tokenizer == "text":
            return None
        rows = self.moment.model.node_embeddings(self.dataset.node_count).numpy()

        def read(step: int) -> Float[np.ndarray, "nodes dim"]:
            return rows

        return Frames(steps=np.array([self.moment.step]), read=read, stored=1, tracked=False)

    @cached_property
    def model(self) -> PlainModel:
        return PlainModel(deepcopy(self.moment.model).float().cpu().requires_grad_(False))


class Watch:
    """Calls a function with the run at every moment of its training."""

    def __init__(self, call: Callable[[Run], None]) -> None:
        self._call = call
        self._run: LiveRun | None = None

    def __call__(self, moment: Moment) -> None:
        if self._run is None:
            self._run = LiveRun(moment.folder.path.absolute())
        self._run.come_to(moment)
        self._call(self._run)
