"""The processes of a run that only train: they take what rank 0 says, and write nothing."""

from pathlib import Path

from geometric_memory.config import RunConfig
from geometric_memory.console import make_console
from geometric_memory.runs.agreement import Agreement, FollowSignals
from geometric_memory.runs.folder import RunFolder
from geometric_memory.runs.interruption import Interruption
from geometric_memory.runs.preparation import prepare
from geometric_memory.runs.state import read_state, restore_trainer
from geometric_memory.settings import assemble, from_json
from geometric_memory.training.processes import Processes


def follow_training(processes: Processes) -> None:
    """Train along with rank 0 to the end of its run, or until it stops.

    Raises:
        Interrupted: if a signal came to any process.
        LostProcessError: if another process ended before its time.
        GeometricMemoryError: if something else a user can mend is wrong.
    """
    with Interruption(processes) as interruption:
        _follow(processes, interruption)


def _follow(processes: Processes, interruption: Interruption) -> None:
    settings, checkpoint, place = processes.tell(None)
    if settings is None:
        return
    config = assemble(RunConfig, from_json(RunConfig, settings, "rank 0"))
    ready = prepare(
        config, make_console(quiet=True), folder=RunFolder(Path(place)), load_weights=False,
        processes=processes,
    )  # fmt: skip
    if checkpoint:
        restore_trainer(ready.trainer, Path(checkpoint), read_state(Path(checkpoint)))
    processes.equalize(list(ready.trainer.model.parameters()))
    ready.trainer.run([FollowSignals(interruption), Agreement()])
