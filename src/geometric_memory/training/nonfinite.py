"""Losses and gradients that are not finite: seen on the device, and read when somebody asks.

A bad batch leaves the weights alone. One more of them than allowed (none, unless they are to be
skipped) raises a flag that stays up, and from then on no batch changes anything.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from geometric_memory.config import TrainingSettings
from geometric_memory.training.adamw import AdamW


class NonFiniteGuard:
    """Counts the bad batches of a stage, and holds the optimizer still at each of them."""

    def __init__(self, settings: TrainingSettings, device: torch.device) -> None:
        self.allowed = settings.nonfinite_limit if settings.on_nonfinite == "skip" else 0
        """Bad batches of a stage that are left out before the flag goes up."""
        self.count = torch.zeros((), device=device)
        """Bad batches of the stage so far."""
        self._broken = torch.zeros((), dtype=torch.bool, device=device)

    @property
    def broken(self) -> bool:
        """Whether the flag is up; waits for the device."""
        return bool(self._broken.item())

    def update(self, optimizer: AdamW, loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """Update, or change nothing if loss or gradient is bad; return 1 if so, else 0."""
        parameters = optimizer.param_groups[0]["params"]
        held = self.inspect(loss, [p.grad for p in parameters if p.grad is not None]).float()
        optimizer.step(held)
        return held

    def inspect(self, loss: Float[Tensor, ""], gradients: list[Tensor]) -> Bool[Tensor, ""]:
        """Return whether the step with this loss and these gradients must change nothing."""
        norms = torch.stack([*torch._foreach_norm(gradients), loss.float()])  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        bad = ~norms.isfinite().all()
        self.count += bad
        self._broken.logical_or_(self.count > self.allowed)
        return bad | self._broken
