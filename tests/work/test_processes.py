"""Worker processes: one thread each, in every library, and the caller's environment as it was."""

import os

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from geometric_memory.work.processes import THREAD_COUNTS, completed


def threads_seen(_: int) -> set[int]:
    np.linalg.eigvalsh(np.eye(2))  # the BLAS of NumPy is there
    return {torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}


@pytest.mark.parametrize("before", [None, "2"])
@pytest.mark.parametrize("name", THREAD_COUNTS)
def test_processes_have_one_thread(monkeypatch, name, before):
    if before is None:
        monkeypatch.delenv(name, raising=False)
    else:
        monkeypatch.setenv(name, before)
    assert dict(completed(threads_seen, [0, 1], 2)) == {0: {1}, 1: {1}}
    assert os.environ.get(name) == before
