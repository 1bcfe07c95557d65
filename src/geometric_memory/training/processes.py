"""Processes that train one model together, one rank each, as torchrun starts them.

Every process takes its part of each batch. The loss is a mean over the targets of the whole batch,
so a process weighs its own mean by its share of the targets; the gradients then add up to those of
the whole batch, whatever the parts. All processes make the same update. Rank 0 leads: it alone
evaluates and writes.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as distributed
from jaxtyping import Float, Int
from torch import Tensor

from geometric_memory.errors import LostProcessError

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""What torchrun gives each of its processes."""
LONGEST_WAIT = timedelta(days=2)
"""Of the others while rank 0 evaluates; a process that dies is known by its connections."""


@dataclass(kw_only=True)
class Processes:
    """This process and its number of companions; alone, all methods leave things as they are."""

    rank: int = 0
    count: int = 1
    wants_stop: bool = False
    """Whether this process was asked to stop."""
    stopping: bool = False
    """Whether any process was; known to all of them after the same update."""

    @property
    def leads(self) -> bool:
        """Whether this process evaluates and writes."""
        return self.rank == 0

    def part(self, chosen: Int[Tensor, " rows"]) -> Int[Tensor, " part"]:
        """Return this process's part of the rows of a batch; with too few rows it may be empty."""
        return chosen[self.rank :: self.count]

    def combine(self, parameters: Sequence[Tensor], sums: Float[Tensor, " sums"]) -> None:
        """Add up gradients and `sums` of all processes, in place; agree on whether to stop.

        A parameter that no process has a gradient for keeps none, so that the optimizer leaves it
        alone as it does in one process.

        Raises:
            LostProcessError: if another process has ended.
        """
        if self.count == 1:
            return
        found = [self.wants_stop, *(p.grad is not None for p in parameters)]
        flags = torch.tensor(found, dtype=torch.int32)
        with _connect():
            distributed.all_reduce(flags, distributed.ReduceOp.MAX)
            self.stopping, *present = map(bool, flags.tolist())
            used = [p for p, there in zip(parameters, present, strict=True) if there]
            gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in used]
            flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
            distributed.all_reduce(flat)
            distributed.all_reduce(sums)
        for parameter, whole in zip(used, flat.split([p.numel() for p in used]), strict=True):
            parameter.grad = whole.view_as(parameter)

    def broadcast(self, message: Any) -> Any:
        """Return the message of rank 0, in every process."""
        if self.count == 1:
            return message
        messages = [message]
        with _connect():
            distributed.broadcast_object_list(messages, src=0, device=torch.device("cpu"))
        return messages[0]

    def equalize(self, tensors: Sequence[Tensor]) -> None:
        """Give `tensors` the values of rank 0."""
        if self.count > 1:
            with _connect():
                for tensor in tensors:
                    distributed.broadcast(tensor.detach(), src=0)


@contextmanager
def _connect() -> Iterator[None]:
    """Turn a lost connection, for which PyTorch has no type of its own, into one sentence."""
    try:
        yield
    except RuntimeError as error:
        raise LostProcessError(
            "another process of this run ended, so this one ends too; --resume goes on from the "
            f"last checkpoint ({str(error).splitlines()[0]:.200})"
        ) from error


def join_processes() -> Processes:
    """Return the place of this process among those of torchrun; alone where there is none.

    Tensors of the CPU travel by Gloo, those of a GPU by NCCL; process n of a machine takes GPU n.
    """
    if any(name not in os.environ for name in VARIABLES) or os.environ["WORLD_SIZE"] == "1":
        return Processes()
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    return Processes(rank=distributed.get_rank(), count=distributed.get_world_size())


def leave_processes() -> None:
    """Close the connections to the other processes, if there are any."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
