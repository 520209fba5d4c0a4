"""Peak memory of a function, on top of what the process already uses (Linux only)."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

RESET_PEAK = "5"
"""Written to /proc/PID/clear_refs, resets the peak (man 5 proc_pid_clear_refs)."""


def megabytes_of(work: Callable[[], object]) -> float:
    """Return the peak memory while `work` runs, minus the memory used before.

    Memory that earlier work freed, such as loading a model, is returned to the system first;
    reusing it would hide as much of this work's memory.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before = peak_megabytes()
    work()
    return peak_megabytes() - before


def peak_megabytes() -> float:
    """Return this process's peak. That of getrusage includes the parent's at the time of fork."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1000
