"""Memory that one batch frees is kept for the next: until the end of a call, or for good where a process asks for it.

glibc gives every large block back to the system when it is freed, and gets it again, a page at a time, for the next
layer. For batches of photos that can be a third of the time of a gradient on a CPU, and most of the time of a single
batch of fifty.
"""

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

# From glibc's malloc.h. See the manual page mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
LARGEST_INT = 2**31 - 1
KEEPING = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: LARGEST_INT}
USUAL = {M_MMAP_MAX: 65536, M_MMAP_THRESHOLD: 32 * 2**20, M_TRIM_THRESHOLD: 64 * 2**20}
"""Where glibc's own adjustment ends in a process that has freed a block of 32 MiB; it is off once a value has been set."""

_lock = threading.Lock()
_keepers = 0  # one for each call that is running, and one for keep_freed_memory


@cache
def can_be_kept() -> bool:
    """Whether the C library is glibc, and whoever started the process has not told it something themselves."""
    told = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    return not told and platform.system() == "Linux" and platform.libc_ver()[0] == "glibc"


def _tell(values: dict[int, int]) -> bool:
    libc = ctypes.CDLL(None)
    return all(libc.mallopt(name, value) for name, value in values.items())


@cache
def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees; once, for the whole process. What is computed does not change.

    Returns:
        Whether it could be set: only where the C library is glibc, as on most kinds of Linux, and no variable in the
        environment, such as `MALLOC_TRIM_THRESHOLD_`, says otherwise.
    """
    return can_be_kept() and _start()


@contextmanager
def kept_meanwhile() -> Iterator[None]:
    """Let the process keep the memory that it frees until the end of the block, or of the function that this decorates."""
    kept = can_be_kept() and _start()
    try:
        yield
    finally:
        if kept:
            _end()


def _start() -> bool:
    global _keepers
    with _lock:
        if _keepers == 0 and not _tell(KEEPING):
            return False
        _keepers += 1
    return True


def _end() -> None:
    global _keepers
    with _lock:
        _keepers -= 1
        if _keepers == 0:
            _tell(USUAL)
