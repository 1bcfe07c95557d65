"""failure.json: what the step was at which a loss or gradient was not finite."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from geometric_memory.files.tensors import nonfinite
from geometric_memory.runs.state import TOTALS, model_tensors, optimizer_tensors
from geometric_memory.training.processes import Processes
from geometric_memory.training.trainer import Trainer


def describe_failure(trainer: Trainer) -> dict[str, Any]:
    """Return step, rate, norms and examples of the batch that failed.

    The weights are those before the failing step, and the optimizer knows how many updates were
    made, so the step is found and its gradients are made again, also where the device told of it
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
