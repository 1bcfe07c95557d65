"""Worker processes: one thread each, none left behind when the process that started it ends.

Nothing heavy is imported above: the number of threads is set before PyTorch and NumPy are loaded.
"""

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
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


def completed(
    work: Callable[[Item], Answer], items: Sequence[Item], workers: int
) -> Iterator[tuple[Item, Answer]]:
    """Do `items` in their order, `workers` at a time; yield each with its answer when it is done.

    `work` is a function of a module, or a partial one: it is sent to processes. One worker is this
    process itself.
    """
    if workers == 1 or len(items) <= 1:
        for item in items:
            yield item, work(item)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(items)), context, initializer=_follow_parent)
    with one_thread_each():
        try:
            waiting = {pool.submit(work, item): item for item in items}
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Give every process started within one thread, in PyTorch and in the BLAS of NumPy."""
    before = {name: os.environ.get(name) for name in THREAD_COUNTS}
    os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))  # read by a process when it starts
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _follow_parent() -> None:
    """End this process when its parent is gone, however the parent went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
