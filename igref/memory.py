"""Memory that one batch frees is kept for the next, where a process asks for it.

glibc gives every large block back to the system when it is freed, and gets it again, a page at a time, for the next
layer. For batches of photos that can be a third of the time of a gradient on a CPU, and most of the time of a single
batch of fifty. igref itself leaves a process as it is.
"""

import ctypes
import platform
from functools import cache

# From glibc's malloc.h. See the manual page mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
LARGEST_INT = 2**31 - 1


@cache
def keep_freed_memory() -> bool:
    """Let the process keep the memory that it frees; once, for the whole process. What is computed does not change.

    The process's peak rises by a few per cent, as kept blocks do not always fit.

    Returns:
        Whether it could be set: only where the C library is glibc, as on most kinds of Linux.
    """
    if platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT))
