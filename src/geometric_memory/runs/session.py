"""One process's work on a run: its callbacks, the loop, the summary, or what went wrong."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import torch
from rich.console import Console

from geometric_memory.config import RunConfig
from geometric_memory.errors import NonFiniteError, OutOfMemoryError, is_out_of_memory
from geometric_memory.files.tensors import nonfinite
from geometric_memory.files.whole import write_json
from geometric_memory.runs.callbacks import (
    Agreement,
    Checkpointing,
    EarlyStopping,
    EvaluationWatch,
    outlasts_later,
)
from geometric_memory.runs.checkpoints import CheckpointStore
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.history import build_trackers
from geometric_memory.runs.interruption import Draw, Interruption, Watching
from geometric_memory.runs.measurement import Evaluations, ceiling, chance
from geometric_memory.runs.metrics import MetricLog, RowFile
from geometric_memory.runs.needs import describe_shortage
from geometric_memory.runs.preparation import Preparation
from geometric_memory.runs.progress import Progress
from geometric_memory.runs.state import TOTALS, model_tensors, optimizer_tensors
from geometric_memory.runs.wandb_mirror import WandbMirror
from geometric_memory.training.processes import Processes
from geometric_memory.training.trainer import Callback, Trainer


class Session:
    """Trains in a run folder; `callbacks` are restored first when a run is resumed."""

    def __init__(
        self, config: RunConfig, ready: Preparation, folder: RunFolder, console: Console,
        watching: Watching,
    ) -> None:  # fmt: skip
        watching.folder = self.folder = folder
        task, origin = ready.task, ready.origin
        self._task = task
        self._console = console
        self._interruption = Interruption(console, watching)
        wanted = config.logging.enable_wandb and config.logging.wandb_mode != "disabled"
        self._mirrors = [WandbMirror(config, folder)] if wanted else []
        self._draw = watching.draw
        self._log = MetricLog(folder.metrics, self._mirrors)
        self._predictions = RowFile(folder.predictions)
        self._progress = Progress(console)
        self._seconds = 0.0
        logging = config.logging
        store = CheckpointStore(
            folder.checkpoints, keep=logging.latest_kept,
            keeps=cache(partial(outlasts_later, settings=logging)),
        )  # fmt: skip
        checkpointing = Checkpointing(store, origin, self._interruption, logging)
        self._evaluations = Evaluations(
            task, self._log, self._predictions, self._progress, config.logging, checkpointing.keep
        )
        self.callbacks: dict[str, Callback] = {
            "progress": self._progress,
            **build_trackers(config.logging, task, folder),
            "early_stopping": EarlyStopping(checkpointing.keep),
            "evaluations": self._evaluations,
            "checkpointing": checkpointing,
        }
        checkpointing.others = self.callbacks
        watch = EvaluationWatch(watching, folder, lambda: self._evaluations.latest)
        self._last = (watch, Agreement())

    def train(self, trainer: Trainer) -> None:
        """Train to the end, and write the summary.

        Raises:
            NonFiniteError: if a loss or gradient is not finite; failure.json then holds more.
            Interrupted: if a signal came; a checkpoint was saved.
            DiskError: if something could not be written.
            OutOfMemoryError: if memory ran out; earlier checkpoints are whole.
        """
        draw = None
        with self._interruption:
            try:
                self._loop(trainer)
                write_json(self.folder.summary, self._summary(trainer))
                draw = self._draw
            finally:
                self._finish_mirrors(draw)

    def drop_later(self) -> None:
        """Remove from the disk what came after the state that the callbacks were restored to."""
        for callback in self.callbacks.values():
            callback.drop_later()

    def close(self) -> None:
        """Close what is written to, also where training did not begin."""
        self._log.close()
        self._predictions.close()

    def _loop(self, trainer: Trainer) -> None:
        for mirror in self._mirrors:
            mirror.start()
        self._progress.start(trainer.total_steps)
        try:
            self._run(trainer)
        finally:
            self._progress.stop()
            self._seconds = self._log.seconds
            self.close()

    def _finish_mirrors(self, draw: Draw | None) -> None:
        for mirror in self._mirrors:
            mirror.finish(draw)
            if mirror.failure:
                self._progress.say(f"warning: {mirror.failure}")

    def _run(self, trainer: Trainer) -> None:
        try:
            trainer.run([*self.callbacks.values(), *self._last])
            self._log.state()  # the rows are on the disk before the summary is
            self._predictions.size()
        except NonFiniteError as error:
            failure = _describe_failure(trainer)
            write_json(self.folder.failure, failure)
            found = ["loss or gradient is not finite"] if trainer.guard.broken else []
            found += ["weights or moments are not finite"] if failure["overflow"] else []
            raise NonFiniteError(
                f"{failure['stage']}: {', and '.join(found)} at step {failure['step']}; every "
                "checkpoint is of before. Lower the learning rate or lengthen the warmup. "
                f"Rate, norms and examples: {self.folder.failure}"
            ) from error
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return
        # Only now, with the exception gone, is the memory free that its frames held.
        evaluating = self._evaluations.running
        raise OutOfMemoryError(describe_shortage(trainer, self.folder, evaluating=evaluating))

    def _summary(self, trainer: Trainer) -> dict[str, Any]:
        task, evaluations, seconds = self._task, self._evaluations, self._seconds
        parameters, trained = trainer.model.parameter_counts
        steps = trainer.position.step
        return {
            "status": "finished" if steps >= trainer.total_steps else "stopped early",
            "steps": steps,
            "seconds": round(seconds, 3),
            "evaluation_seconds": round(evaluations.seconds, 3),
            "steps_per_second": round(steps / max(seconds - evaluations.seconds, 1e-9), 3),
            "parameters": parameters,
            "trained_parameters": trained,
            "nodes": task.vocabulary.node_count,
            "edge_facts": len(task.edge_facts),
            "train_paths": len(task.train_paths),
            "test_paths": len(task.test_paths),
            "chance": chance(task),
            **ceiling(task),
            "final": evaluations.latest,
            "best": evaluations.best,
        }


def _describe_failure(trainer: Trainer) -> dict[str, Any]:
    """Return step, rate, norms and examples of the batch that failed.

    The weights are those before the failing step, and the optimizer knows how many updates were
    made, so the step is found and its gradients are made again, also where the device showed it
    only at the end of the epoch. Where weights or moments are not finite themselves, the last
    update made them so (`overflow`), and no gradients can be made.
    """
    trainer.processes = Processes()  # alone from here: the whole batch is made again
    position, stage = trainer.position, trainer.stage
    tensors = model_tensors(trainer) | optimizer_tensors(trainer)
    overflow = [name for name in nonfinite(tensors) if name != TOTALS]
    done = _steps_before(trainer) - bool(overflow)
    batches = trainer.batches()
    epoch, batch = divmod(done, batches.per_epoch)
    step = position.step - (position.stage_step - done)
    trainer.position = replace(position, epoch=epoch, batch=batch, stage_step=done, step=step)
    size = batches.batch_size
    examples = batches.order(epoch)[batch * size : (batch + 1) * size]
    loss, gradients, parameters = math.nan, {}, dict(trainer.model.named_parameters())
    if not overflow:
        loss = float(trainer.backward(next(batches.epoch(epoch, start=batch)))[0])
        gradients = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    return {
        "stage": stage.name,
        "epoch": epoch,
        "batch": batch,
        "step": step,
        "rate": trainer.rate,
        "loss": loss,
        "overflow": overflow,
        "weight_norms": _norms(parameters),
        "gradient_norms": _norms(gradients),
        "examples": examples.tolist(),
    }


def _steps_before(trainer: Trainer) -> int:
    """Return the steps of the stage before the failing one: updates made, and batches left out."""
    states = trainer.optimizer.state_dict()["state"].values()
    left_out = min(int(trainer.guard.count), trainer.guard.allowed)
    return min((int(state["step"]) for state in states), default=0) + left_out


def _norms(tensors: Mapping[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(tensor.detach().norm()) for name, tensor in tensors.items()}
