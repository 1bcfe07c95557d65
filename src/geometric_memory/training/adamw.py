"""AdamW: the fused update of PyTorch, which changes nothing at a batch that is held.

Making an optimizer of `torch.optim` imports PyTorch's compiler, which takes longer than many a run
here. The function behind its class does not: state and bits are the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adamw import adamw


class AdamW:
    """`torch.optim.AdamW(parameters, fused=True)` with one group (Loshchilov & Hutter 2019)."""

    def __init__(
        self, parameters: Iterable[Tensor], *, lr: float = 0.0, weight_decay: float
    ) -> None:
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
        states = [self._state_of(parameter) for parameter in trained]
        moments, squares, steps = (
            [state[name] for state in states] for name in ("exp_avg", "exp_avg_sq", "step")
        )
        # On mps the fused update ignores `found_inf` (issue 186360 of PyTorch): we put back.
        ignored = held if held is not None and held.device.type == "mps" else None
        changed = [*trained, *moments, *squares, *steps] if ignored is not None else []
        before = [values.clone() for values in changed]
        adamw(
            trained, [parameter.grad for parameter in trained], moments, squares, [], steps,
            fused=True, found_inf=held if ignored is None else None, lr=group["lr"],
            beta1=group["betas"][0], beta2=group["betas"][1], eps=group["eps"],
            weight_decay=group["weight_decay"], amsgrad=False, maximize=False,
        )  # fmt: skip
        if ignored is not None:
            for values, old in zip(changed, before, strict=True):
                values.copy_(torch.where(ignored > 0, old, values))

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
