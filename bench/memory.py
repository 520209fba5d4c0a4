"""The memory that a piece of work needs on top of what the process holds already."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

RESET_PEAK = "5"
"""What Linux takes for the wish to start its count of the peak anew (man 5 proc_pid_clear_refs)."""


def megabytes_of(work: Callable[[], object]) -> float:
    """Peak while it runs, less what was held before; on Linux.

    What earlier work has freed, such as loading a model, is given back first: it would hide as
    much of this work's memory.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before = peak_megabytes()
    work()
    return peak_megabytes() - before


def peak_megabytes() -> float:
    """Of this process; getrusage's count begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1000
