"""Search sorted ranges of characters, in time that hardly depends on their number."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import itemgetter

Range = tuple[int, int]
"""Start and end (exclusive) of characters."""
_start, _end = itemgetter(0), itemgetter(1)


def overlapping(ranges: Sequence[Range], start: int, end: int) -> Sequence[Range]:
    """Return the ranges that have a character in `start` to `end` (exclusive).

    Args:
        ranges: in order, without overlap.
        start: of the characters.
        end: of the characters, more than `start`.
    """
    first = bisect_right(ranges, start, key=_end)
    return ranges[first : bisect_left(ranges, end, lo=first, key=_start)]
