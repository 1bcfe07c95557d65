"""A process that forks a fresh child for every run, so that real processes start in milliseconds.

It imports the package once and then reads JSON requests, one per line. Each child runs one
command line of `geomem` with its own working folder and faults, and may be killed by anything.
"""

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

import torch._dynamo  # noqa: F401 - every optimizer imports it, for seconds

from geometric_memory.cli.main import main
from geometric_memory.runs import fault_points, files, launch, replay  # noqa: F401


class Fault:
    """What happens when a named moment is reached for the n-th time (from 1)."""

    def __init__(self, moment: str, occurrence: int, deed: str, **more) -> None:
        self.moment = moment
        self.occurrence = occurrence
        self.deed = deed
        self.more = more
        self.seen = 0

    def __call__(self, moment: str) -> None:
        if moment != self.moment:
            return
        self.seen += 1
        if self.deed == "errors":
            if self.seen <= self.occurrence:
                raise OSError(self.more["errno"], os.strerror(self.more["errno"]))
        elif self.seen == self.occurrence:
            getattr(self, self.deed)()

    def kill(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def signals(self) -> None:
        """Send signals to this process, as a scheduler would from outside."""
        for name in self.more["names"]:
            os.kill(os.getpid(), getattr(signal, name))
            time.sleep(0.01)

    def vanish(self) -> None:
        Path(self.more["place"]).rename(self.more["place"] + ".gone")

    def not_a_number(self) -> None:
        """From now on every loss is NaN, and so are its gradients."""
        from geometric_memory.training import trainer

        loss = trainer.linear_cross_entropy

        def broken(*arguments):
            value, correct = loss(*arguments)
            return value * float("nan"), correct

        trainer.linear_cross_entropy = broken


def child(request) -> int:
    """Run one command line in this process; return its exit code."""
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(request["folder"])
    files.WAITS = (0.01, 0.01, 0.02)
    if request["fault"]:
        fault_points.hook = Fault(**request["fault"])
    try:
        code = main(request["argv"])
    except SystemExit as leaving:
        code = leaving.code or 0
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Fork a child per request, several at once if asked; answer with the exit codes."""
    answers = os.dup(1)
    for line in sys.stdin:
        started = []
        for request in json.loads(line):
            process = os.fork()
            if process == 0:
                os.close(0)
                os._exit(child(request))
            started.append(process)
        codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in started]
        os.write(answers, (json.dumps(codes) + "\n").encode())


if __name__ == "__main__":
    serve()
