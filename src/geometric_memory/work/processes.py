"""Worker processes: one thread each, none left behind when the process that started it ends.

Nothing heavy is imported above: the number of threads is set before PyTorch and NumPy are loaded.
"""

import os
import sys
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait

THREAD_COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The first goes for every library, unless one of the others is set."""


def core_count() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serve(connection: Connection, search_path: list[str]) -> None:
    """Answer each (store, piece, measuring) until the pipe closes.

    Before the first answer None is sent: the libraries are loaded, and what follows is its work.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C is for the parent alone, which passes it on once
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))
    sys.path[:] = search_path
    from geometric_memory.work.piece import attempt, measure

    ready = False
    while True:
        try:
            store, piece, measuring = connection.recv()  # which imports the function and all
        except EOFError:
            return
        if not ready:
            connection.send(None)
            ready = True
        connection.send(measure(piece) if measuring else attempt(store, piece))


def _end_with_parent() -> None:
    """End this process when its parent does, however that ends: what is stored is whole."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
