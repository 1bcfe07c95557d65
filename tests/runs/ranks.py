"""Runs command lines of `geomem`, each in several processes with the variables of torchrun.

It imports the package once and forks, so that a rank starts in milliseconds. Requests come as one
JSON list: {"argv", "count", "folder", "signals": [[rank, name]]}; signals come after the first row
of metrics; the exit codes of every request are printed as JSON.
"""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from geometric_memory.cli.main import main
from geometric_memory.runs import train  # noqa: F401


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def child(argv: list[str], rank: int, count: int, port: int) -> int:
    log = os.open(f"rank-{rank}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if count > 1:
        os.environ |= {
            "RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo",
        }  # fmt: skip
    code = 70
    try:
        code = main(argv)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if code == 70:
            import traceback

            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)


def wait_for_rows(folder: Path) -> None:
    """Wait until the run has logged a row."""
    while not any(path.stat().st_size for path in folder.glob("experiment_logs/*/*/metrics.jsonl")):
        time.sleep(0.01)


def run(request) -> list[int]:
    port, ranks = free_port(), []
    Path(request["folder"]).mkdir(exist_ok=True)
    os.chdir(request["folder"])
    for rank in range(request["count"]):
        process = os.fork()
        if process == 0:
            child(request["argv"], rank, request["count"], port)
        ranks.append(process)
    for rank, name in request.get("signals", []):
        wait_for_rows(Path.cwd())
        os.kill(ranks[rank], getattr(signal, name))
    return [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in ranks]


if __name__ == "__main__":
    sys.stdout.write(json.dumps([run(request) for request in json.loads(sys.argv[1])]))
