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
BYTES = 1 << 30


class Hang(BaseException):
    """An input took longer than it may. No `except Exception` stops it."""


@contextmanager
def bounded_time() -> Iterator[None]:
    """Stop after five seconds; code that does not come back to Python ends the process."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        raise Hang(f"longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    try:
        faulthandler.dump_traceback_later(4 * SECONDS, exit=True, file=sys.__stderr__)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
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
