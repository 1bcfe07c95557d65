"""The W&B mirror: a copy of what a run logs, with the published names and axis.

A row stands at the epochs made in all stages, so that W&B, which drops rows that go back, keeps
every one; metrics of paths are drawn over the epochs of their own stage, as published. An offline
folder cannot be gone on with: a resumed run writes a new one that holds all of it, from
metrics.jsonl and predictions.jsonl, and removes the older ones.
"""

import hashlib
import queue
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from geometric_memory.config import RunConfig
from geometric_memory.extras import installation
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import history_places, read_value
from geometric_memory.runs.interruption import Draw
from geometric_memory.runs.metrics import read_rows
from geometric_memory.runs.run import Run
from geometric_memory.settings import flatten, settings_of

QUEUE_LENGTH = 10_000
FINISH_SECONDS = 60
OF_STAGES = ("test", "test_forced", "train", "train_forced", "path_finetuning", "joint_training")
"""Metrics that are drawn over the epochs of their own stage."""
Row = Mapping[str, Any]
Job = tuple[int, Callable[[Any], Row]]
"""Epochs made, and what makes, with the module of W&B, what is to be logged."""


class WandbMirror:
    """Sends rows to W&B from a queue; the first failure is noted and ends the mirror.

    It has a thread of its own, so that it can neither stop nor slow a run.
    """

    def __init__(self, config: RunConfig, folder: RunFolder) -> None:
        self.failure = ""
        self._folder = folder
        self._stage, self._earlier, self._epoch = "", 0, 0
        self._jobs: queue.Queue[Job | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._send, args=(config,), daemon=True)

    def start(self) -> None:
        """Begin, with what the files of the run hold already."""
        self._thread.start()
        predicted = groupby(_rows(self._folder.predictions), _moment)
        tables = {moment: list(rows) for moment, rows in predicted}
        for row in _rows(self._folder.metrics):
            self.log(row)
            if _moment(row) in tables:
                self.log_predictions(tables[_moment(row)])

    def log(self, row: Row) -> None:
        """Queue one row, or drop it when the mirror is gone or far behind."""
        if row["stage"] != self._stage:
            self._stage, self._earlier = row["stage"], self._earlier + self._epoch
        self._epoch = row["epoch"]
        self._queue(lambda wandb: {k: v for k, v in row.items() if v is not None})

    def log_predictions(self, rows: Sequence[Row]) -> None:
        """Queue the predictions of the row of metrics before them, as a table."""
        columns = list(rows[0])
        data = [[str(value) if isinstance(value, list) else value for value in row.values()]
                for row in rows]  # fmt: skip
        self._queue(lambda wandb: {"predictions": wandb.Table(columns=columns, data=data)})

    def finish(self, draw: Draw | None = None) -> None:
        """Wait for what is still queued, but not for ever; with `draw` send pictures first."""
        if self._thread.ident is None:
            return
        with TemporaryDirectory() as place:
            if draw is not None and not self.failure:
                self._show(draw, Path(place))
            try:
                self._jobs.put(None, timeout=1)
            except queue.Full:
                self.failure = self.failure or "W&B hangs; its copy of the metrics is incomplete"
            self._thread.join(timeout=FINISH_SECONDS)
        if self._thread.is_alive():
            self.failure = self.failure or "W&B did not finish in time"

    def _queue(self, make: Callable[[Any], Row]) -> None:
        if not self.failure:
            try:
                self._jobs.put_nowait((self._earlier + self._epoch, make))
            except queue.Full:
                self.failure = "W&B fell behind; its copy of the metrics is incomplete"

    def _show(self, draw: Draw, place: Path) -> None:
        """Queue pictures, the page of the run, and the tracked predictions of its last state."""
        try:
            drawn, table = draw(self._folder.path, place), _top_k(self._folder)
        except Exception as error:
            self.failure = f"W&B has no pictures ({type(error).__name__}: {error})"
            return

        def make(wandb: Any) -> Row:
            kinds = {".png": wandb.Image, ".html": wandb.Html}
            shown = {name: kinds[path.suffix](str(path)) for name, path in drawn.items()}
            return shown | ({"top_k_predictions": wandb.Table(**table)} if table else {})

        self._queue(make)

    def _send(self, config: RunConfig) -> None:
        # Whatever W&B raises, of whatever type, must end here and not in the run.
        try:
            import wandb

            run = _start(wandb, config, self._folder.path)
            begun = run.step  # online, what a resumed run has sent before
            while (job := self._jobs.get()) is not None:
                if job[0] >= begun:
                    run.log(job[1](wandb), step=job[0])
            run.finish()
            if config.logging.wandb_mode == "offline":
                _remove_older(self._folder.path / "wandb", run.id)
        except ModuleNotFoundError as error:
            self.failure = (
                f"W&B is not installed ({error}); metrics.jsonl is whole, and "
                f"{installation(['wandb'])} adds the mirror"
            )
        except BaseException as error:
            self.failure = f"W&B failed ({type(error).__name__}: {error}); metrics.jsonl is whole"


def _rows(path: Path) -> list[Row]:
    """Return the rows of a file of this version; older predictions were tables without a stage."""
    return [row for row in read_rows(path) if "stage" in row] if path.exists() else []


def _moment(row: Row) -> tuple[str, int]:
    return row["stage"], row["step"]


def _published_settings(config: RunConfig) -> dict[str, Any]:
    """Return every setting by its published name, switches that only turn off as published."""
    off = {name: setting.about.off for name, setting in settings_of(RunConfig).items()}
    return {off[name] or name: not v if off[name] else v for name, v in flatten(config).items()}


def _start(wandb: Any, config: RunConfig, folder: Path) -> Any:
    logging, place = config.logging, str(folder.resolve())
    run = wandb.init(
        project=logging.wandb_project,
        entity=logging.wandb_entity or None,
        group=logging.wandb_group or None,
        tags=[tag.strip() for tag in logging.wandb_tags.split(",") if tag.strip()],
        mode=logging.wandb_mode,
        name=folder.name,
        id=hashlib.sha256(place.encode()).hexdigest()[:16],
        resume="allow",
        dir=place,  # the part of W&B that writes is another process, in whatever folder
        config=_published_settings(config),
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    run.define_metric("epoch")
    for name in OF_STAGES:
        run.define_metric(f"{name}/*", step_metric="epoch")
    return run


def _remove_older(folder: Path, name: str) -> None:
    """Remove the offline folders of a run but the last, which holds all of it."""
    # Of two in one second, W&B gives the later a name that goes on with -1.
    for older in sorted(folder.glob(f"offline-run-*-{name}*"))[:-1]:
        shutil.rmtree(older, ignore_errors=True)


def _top_k(folder: RunFolder) -> dict[str, list[Any]] | None:
    """Return the table of every node, its targets and its best predictions at the last step."""
    places = history_places(folder.artifacts / "top_k_predictions")
    run = Run(folder.path)
    if not places or run.dataset is None:
        return None
    sources, targets = run.dataset.facts.T
    rows = [
        [node, run.vocabulary.decode(targets[sources == node]), *map(run.vocabulary.decode, best)]
        for node, best in enumerate(read_value(*places[max(places)])[..., None])
        if best.min() >= 0
    ]
    columns = ["node", "targets", *(f"top_{place}" for place in range(1, len(rows[0]) - 1))]
    return {"columns": columns, "data": rows}
