"""The optimizer, and what holds it still: losses and gradients that are not finite.

AdamW is the fused update of PyTorch, which changes nothing at a batch that is held. Making an
optimizer of `torch.optim` imports PyTorch's compiler, which takes longer than many a run here. The
function behind its class does not: state and bits are the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.optim.adamw import adamw

from geometric_memory.config import TrainingSettings


class AdamW:
    """`torch.optim.AdamW(parameters, fused=True)` (Loshchilov & Hutter 2019).

    The parameters are one group, of which those in `factors` have a rate of their own, in units of
    that of the group.
    """

    def __init__(
        self, parameters: Iterable[Tensor], *, lr: float = 0.0, weight_decay: float,
        factors: Mapping[Tensor, float] | None = None,
    ) -> None:  # fmt: skip
        self.factors = dict(factors or {})
        group = {"lr": lr, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": weight_decay}
        self.param_groups: list[dict[str, Any]] = [{"params": list(parameters), **group}]
        self.state: dict[Tensor, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Leave no gradient."""
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    @torch.no_grad()
    def step(self, held: Float[Tensor, ""] | None = None) -> None:
        """Update every parameter that has a gradient; where `held` is 1, change nothing."""
        (group,) = self.param_groups
        trained = [parameter for parameter in group["params"] if parameter.grad is not None]
        # On mps the fused update ignores `found_inf` (issue 186360 of PyTorch): we put back.
        ignored = held if held is not None and held.device.type == "mps" else None
        changed = list(chain(*map(self._changed, trained))) if ignored is not None else []
        before = [values.clone() for values in changed]
        found = held if ignored is None else None
        for factor in sorted({self.factors.get(parameter, 1.0) for parameter in trained}):
            own = [p for p in trained if self.factors.get(p, 1.0) == factor]
            self._update(own, factor * group["lr"], found)
        if ignored is not None:
            for values, old in zip(changed, before, strict=True):
                values.copy_(torch.where(ignored > 0, old, values))

    def _changed(self, parameter: Tensor) -> list[Tensor]:
        return [parameter, *self._state_of(parameter).values()]

    def _update(
        self, parameters: Sequence[Tensor], rate: float, held: Float[Tensor, ""] | None
    ) -> None:
        (group,) = self.param_groups
        states = [self._state_of(parameter) for parameter in parameters]
        moments, squares, steps = (
            [state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")
        )
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        adamw(
            list(parameters), gradients, moments, squares, [], steps, fused=True, found_inf=held,
            lr=rate, beta1=group["betas"][0], beta2=group["betas"][1], eps=group["eps"],
            weight_decay=group["weight_decay"], amsgrad=False, maximize=False,
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Return `{"state": ...}`: step and moments by the number of their parameter."""
        parameters = enumerate(self.param_groups[0]["params"])
        return {"state": {i: self.state[p] for i, p in parameters if p in self.state}}

    def load_state_dict(self, stored: Mapping[str, Any]) -> None:
        """Take a copy of what `state_dict` gave, to the devices of the parameters."""
        parameters = self.param_groups[0]["params"]
        self.state = {
            parameters[number]: {
                name: values.to(parameters[number].device, copy=True)
                for name, values in state.items()
            }
            for number, state in stored["state"].items()
        }

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        if parameter not in self.state:
            step = torch.zeros((), dtype=torch.float32, device=parameter.device)
            moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
            self.state[parameter] = {"step": step, **moments}
        return self.state[parameter]


class NonFiniteGuard:
    """Counts the bad batches of a stage, and holds the optimizer still at each of them.

    They are seen on the device, and read when somebody asks. One more of them than allowed (none,
    unless they are to be skipped) raises a flag that stays up: from then on nothing changes.
    """

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
        # One number for each tensor, which is finite only where all of it is: nothing is copied.
        norms = torch.stack([*torch._foreach_norm(gradients), loss.float()])  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        bad = ~norms.isfinite().all()
        self.count += bad
        self._broken.logical_or_(self.count > self.allowed)
        return bad | self._broken
