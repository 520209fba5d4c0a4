"""Keep freed memory for the next tensor, instead of giving it back to the system each time.

A forward pass frees and asks for the same tensors again and again. The C library returns blocks of
many megabytes at once, and the system clears each page anew when it is next touched: nearly a tenth
of the time of scoring on a CPU.
"""

from __future__ import annotations

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Names of glibc's malloc.h."""
LARGEST_KEPT = 32 << 20
"""Bytes of a block: the largest that glibc lets one ask for."""
ALWAYS = (1 << 31) - 1
"""Bytes free at the end of the heap before they are given back."""


def keep_freed_memory() -> None:
    """Do so in this process, with huge pages for tensors; where there is no glibc, nothing happens.

    For programs, before the first tensor is made; a library leaves its caller's memory alone.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # torch's
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl, Windows
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, ALWAYS)
