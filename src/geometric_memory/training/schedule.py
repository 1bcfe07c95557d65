"""The learning rate at each step: linear warmup, then a cosine to a tenth of the peak."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A learning rate that warms up from 0 and decays by a cosine until `decay_steps`."""

    peak: float
    warmup_steps: int
    decay_steps: int
    floor: float

    def rate(self, step: int) -> float:
        """Return the learning rate of update `step`, counted from 0; the first may be 0."""
        if step < self.warmup_steps:
            return self.peak * step / self.warmup_steps
        if self.decay_steps <= self.warmup_steps:
            return self.floor if step >= self.decay_steps else self.peak
        if step > self.decay_steps:
            return self.floor
        done = (step - self.warmup_steps) / (self.decay_steps - self.warmup_steps)
        return self.floor + 0.5 * (1 + math.cos(math.pi * done)) * (self.peak - self.floor)


def constant(rate: float) -> Schedule:
    """Return the schedule of a constant rate, without warmup."""
    return Schedule(peak=rate, warmup_steps=0, decay_steps=0, floor=rate)
