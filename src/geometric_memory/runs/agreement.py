"""What processes that train one model together agree on, beside their gradients."""

from geometric_memory.runs.interruption import Interruption
from geometric_memory.training.trainer import Callback, Trainer


class Agreement(Callback):
    """The very last callback of every process: rank 0, which alone evaluates, says when to stop."""

    def epoch_ends(self, trainer: Trainer) -> None:
        trainer.stop_stage = trainer.processes.tell(trainer.stop_stage)


class FollowSignals(Callback):
    """Ends a process that follows when rank 0, whose checkpoint comes first, ends."""

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption

    def step_ends(self, trainer: Trainer) -> None:
        self._interruption.stop_if_asked("rank 0 saves the checkpoint")
