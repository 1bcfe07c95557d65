"""Freed memory stays with the process where the allocator can be asked."""

import platform
import subprocess
import sys

import pytest

from geometric_memory.training import machine

# Page faults of taking and freeing 32 MiB thirty times, before and after.
COUNT = """
import resource
import torch
from geometric_memory.training.machine import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(30):
        torch.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
asked = keep_freed_memory()
faults()
print(first, int(asked), faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be asked")
def test_arrays_come_from_memory_that_is_there_already():
    run = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    before, asked, after = map(int, run.stdout.split())
    assert asked
    assert before > 1000
    assert after < before / 20


def test_another_allocator_is_left_alone(monkeypatch):
    monkeypatch.setattr(machine.ctypes, "CDLL", lambda name: object())
    assert not machine.keep_freed_memory()
