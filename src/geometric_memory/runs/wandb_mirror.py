"""Weights & Biases as a mirror, in a thread of its own: it can neither stop nor slow a run."""

import hashlib
import queue
import threading
from pathlib import Path
from typing import Any

import msgspec

from geometric_memory.config import RunConfig
from geometric_memory.extras import installation

QUEUE_LENGTH = 10_000
FINISH_SECONDS = 60


class WandbMirror:
    """Sends rows to W&B from a queue; the first failure is noted and ends the mirror."""

    def __init__(self, config: RunConfig, folder: Path) -> None:
        self.failure = ""
        self._rows: queue.Queue[dict[str, Any] | None] = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._send, args=(config, folder), daemon=True)
        self._thread.start()

    def log(self, row: dict[str, Any]) -> None:
        """Queue one row, or drop it when the mirror is gone or far behind."""
        if not self.failure:
            try:
                self._rows.put_nowait(row)
            except queue.Full:
                self.failure = "W&B fell behind; its copy of the metrics is incomplete"

    def finish(self) -> None:
        """Wait for the rows still queued, but not for ever."""
        try:
            self._rows.put(None, timeout=1)
        except queue.Full:
            self.failure = self.failure or "W&B hangs; its copy of the metrics is incomplete"
        self._thread.join(timeout=FINISH_SECONDS)
        if self._thread.is_alive():
            self.failure = self.failure or "W&B did not finish in time"

    def _send(self, config: RunConfig, folder: Path) -> None:
        # Whatever W&B raises, of whatever type, must end here and not in the run.
        try:
            run = _start(config, folder)
            while (row := self._rows.get()) is not None:
                run.log({k: v for k, v in row.items() if v is not None}, step=row["step"])
            run.finish()
        except ModuleNotFoundError as error:
            self.failure = (
                f"W&B is not installed ({error}); metrics.jsonl is whole, and "
                f"{installation(['wandb'])} adds the mirror"
            )
        except BaseException as error:
            self.failure = f"W&B failed ({type(error).__name__}: {error}); metrics.jsonl is whole"


def _start(config: RunConfig, folder: Path) -> Any:
    import wandb

    logging = config.logging
    return wandb.init(
        project=logging.wandb_project,
        entity=logging.wandb_entity or None,
        group=logging.wandb_group or None,
        tags=[tag.strip() for tag in logging.wandb_tags.split(",") if tag.strip()],
        mode=logging.wandb_mode,
        name=folder.name,
        id=hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16],
        resume="allow",
        dir=str(folder),
        config=msgspec.to_builtins(config),
        settings=wandb.Settings(silent=True, x_disable_stats=True),
    )
