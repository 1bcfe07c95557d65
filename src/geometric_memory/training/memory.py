"""Freed memory stays with the process, so that no step pays for fetching it again.

By default glibc returns every large array to the system as soon as it is freed. The next one then
comes in pages of 4 kB, each zeroed and mapped by an interrupt, which takes longer than the
arithmetic on them (docs/performance.md).
"""

import ctypes

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Options of mallopt(3)."""
KEPT_AT_MOST = 2**31 - 1
"""Free bytes at the end of the heap beyond which they are returned after all."""


def keep_freed_memory() -> bool:
    """Ask the allocator to keep freed memory; False where it is not glibc and cannot be asked."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(MMAP_MAX, 0) and mallopt(TRIM_THRESHOLD, KEPT_AT_MOST))
