"""Worker processes: one thread each, in every library, and the caller's environment as it was."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from geometric_memory.tiny.sections import section
from geometric_memory.tiny.workers import run_sections
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


def test_batches_of_tiny_runs_have_one_thread(monkeypatch):
    for name in THREAD_COUNTS:
        monkeypatch.setenv(name, "2")
    sections = [replace(section("neural_network", graph), steps=1) for graph in ("grid", "cycle")]
    seen = []

    def finished(_):
        seen.extend(os.environ[name] for name in THREAD_COUNTS)

    run_sections(sections, [7], workers=2, finished=finished)
    assert set(seen) == {"1"}  # what the processes were started with
    assert {os.environ[name] for name in THREAD_COUNTS} == {"2"}
