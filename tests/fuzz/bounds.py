"""Bounds that an input must not break: seconds and memory."""

from __future__ import annotations

import faulthandler
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SECONDS = 5
"""Of CPU time: others may use the machine, too."""
BLOCKED = 60
"""Seconds of wall time after which a process that waits is ended."""
BYTES = 1 << 30


class Hang(BaseException):
    """An input took longer than it may. No `except Exception` stops it."""


@contextmanager
def bounded_time() -> Iterator[None]:
    """Stop after five CPU seconds; end the process if it blocks or does not return to Python."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise Hang(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, late)
    try:
        faulthandler.dump_traceback_later(BLOCKED, exit=True, file=sys.__stderr__)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        faulthandler.cancel_dump_traceback_later()


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Let the process grow by one gibibyte and no more: beyond it, allocations fail."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
