"""A process that forks a fresh child for every run, so that real processes start in milliseconds.

It imports the package once and then reads JSON requests, one per line. Each child runs one
command line of `geomem` with its own working folder and faults, and may be killed by anything.
"""

import json
import os
import resource
import signal
import sys
import time
import traceback
from datetime import datetime
from pathlib import Path

import torch

from geometric_memory.cli.main import main
from geometric_memory.files import lock, whole
from geometric_memory.runs import replay, train  # noqa: F401
from geometric_memory.training.batches import Batches
from geometric_memory.training.trainer import Trainer

CHANGE = "change"
"""The moment before something below the working folder is made, renamed, removed or written to."""
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


class Fault:
    """What happens when a named moment is reached for the n-th time (from 1).

    With `since`, a moment and a number, counting begins when that moment comes for that time; with
    `until` it ends when that moment comes.
    """

    def __init__(
        self, moment: str, occurrence: int, deed: str, since=None, until="", **more
    ) -> None:
        self.moment = moment
        self.occurrence = occurrence
        self.deed = deed
        self.since, self.wait = since or ("", 0)
        self.until = until
        self.more = more
        self.seen = 0
        if moment == CHANGE:
            sys.addaudithook(self.hear)
        if deed == "refuse":
            self.watch("write")
            self.watch("fsync")

    def hear(self, event: str, arguments: tuple) -> None:
        """Take changes of the file system, of which the interpreter tells, for a moment."""
        opened = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (opened or event in CHANGES) and isinstance(arguments[0], str | Path):
            self.change(Path(arguments[0]).absolute())

    def watch(self, name: str) -> None:
        """Take calls of `os.write` and the like, of which no event tells, for a change too."""
        call = getattr(os, name)

        def watched(descriptor, *more):
            self.change(Path(f"/proc/self/fd/{descriptor}").readlink())
            return call(descriptor, *more)

        setattr(os, name, watched)

    def change(self, place: Path) -> None:
        """Come to the moment before a change of `place`, if it lies below the working folder."""
        if Path.cwd() in place.parents:
            self.place = place
            self(CHANGE)

    def refuse(self) -> None:
        """Fail as the disk does, from now on; the first place is told."""
        if self.seen == self.occurrence:
            sys.stdout.write(f"refused: {self.place}\n")
            sys.stdout.flush()
        raise OSError(self.more["errno"], os.strerror(self.more["errno"]), str(self.place))

    def __call__(self, moment: str) -> None:
        if moment == self.since:
            self.wait -= 1
        if moment == self.until:
            self.wait = 10**9
        if moment != self.moment or self.wait > 0:
            return
        self.seen += 1
        if self.deed == "refuse" and self.seen >= self.occurrence:
            self.refuse()
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
        """From now on every loss is NaN, and so are its gradients; or the next few are."""
        from geometric_memory.training import trainer

        loss = trainer.linear_cross_entropy
        left = self.more.get("times", 10**6)

        def broken(*arguments):
            nonlocal left
            value, correct = loss(*arguments)
            left -= 1
            return (value * float("nan") if left >= 0 else value), correct

        trainer.linear_cross_entropy = broken

    def out_of_memory(self) -> None:
        """Fail as an accelerator without memory does."""
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    def little_memory(self) -> None:
        """From now on this process may take no more than some bytes, as under `ulimit -v`."""
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + self.more["bytes"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))

    def clock_goes_back(self) -> None:
        """From now on it is a day of the year 2001."""

        class Past(datetime):
            @classmethod
            def now(cls, tz=None):
                return cls(2001, 1, 1, tzinfo=tz)

        time.time = lambda: 978_307_200.0
        train.datetime = lock.datetime = Past


def record(path: str) -> None:
    """Write down, step by step, which examples each update sees."""
    cut, train = Batches._batch, Trainer.train_step

    def cut_and_tell(self, chosen):
        batch = cut(self, chosen)
        object.__setattr__(batch, "chosen", chosen.tolist())
        return batch

    def train_and_tell(self, batch):
        with Path(path).open("a") as file:
            file.write(json.dumps([self.position.step, self.stage.name, batch.chosen]) + "\n")
        train(self, batch)

    Batches._batch, Trainer.train_step = cut_and_tell, train_and_tell


def child(request) -> int:
    """Run one command line in this process; return its exit code."""
    output = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(request["folder"])
    whole.WAITS = (0.01, 0.01, 0.02)
    if request["record"]:
        record(request["record"])
    if request["threads"]:
        torch.set_num_threads(request["threads"])
    if request["fault"]:
        whole.hook = Fault(**request["fault"])
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
