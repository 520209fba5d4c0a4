"""Where the time of a command goes: the wall time of named stages, for `--profile`."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

OTHER = "other"
"""All time outside the stages."""


class Stopwatch:
    """Adds up the time of stages. Time in an inner stage does not count for the outer one."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start, outside any stage.

        Args:
            clock: returns seconds.
        """
        self.seconds: dict[str, float] = defaultdict(float)
        self._clock, self._stages, self._since = clock, [OTHER], clock()

    def enter(self, stage: str) -> None:
        """Begin a stage."""
        self.stop()
        self._stages.append(stage)

    def leave(self) -> None:
        """End the innermost stage."""
        self.stop()
        self._stages.pop()

    def stop(self) -> None:
        """Add the time since the last call to the innermost stage."""
        now = self._clock()
        self.seconds[self._stages[-1]] += now - self._since
        self._since = now


_STOPWATCH: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


@contextmanager
def time_stages() -> Iterator[Mapping[str, float]]:
    """Measure the stages within the block; the mapping, in seconds, is complete after it."""
    stopwatch = Stopwatch(_read_clock)
    token = _STOPWATCH.set(stopwatch)
    try:
        yield stopwatch.seconds
        stopwatch.stop()
    finally:
        _STOPWATCH.reset(token)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the time of the block, or of a decorated function, for a stage.

    Outside `time_stages` it does nothing. It is for the main thread.
    """
    stopwatch = _STOPWATCH.get()
    if stopwatch is None:
        yield
        return
    stopwatch.enter(name)
    try:
        yield
    finally:
        stopwatch.leave()


def _read_clock() -> float:
    """Return seconds, once a CUDA GPU has finished what it was given."""
    torch = sys.modules.get("torch")  # not imported here: it takes seconds
    if torch and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()
