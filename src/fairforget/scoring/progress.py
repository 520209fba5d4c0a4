"""How scoring and generation report their progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Progress = Callable[[int, int], None]
"""Called with the number of items finished since the last call, and the number of all items."""


def share_progress(progress: Progress | None, part: int, whole: int) -> Progress | None:
    """Return the progress of one of several calls, whose total is that of them all.

    Args:
        progress: of all calls.
        part: number of items of this call.
        whole: number of items of all calls.
    """
    if progress is None or not part:
        return None
    return lambda done, total: progress(done, round(total * whole / part))


class NotedProgress(Protocol):
    """`Progress` with a note, such as the speed, shown beside the numbers."""

    def __call__(self, done: int, total: int, /, *, note: str = "") -> None:
        """Report progress."""
