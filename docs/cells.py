"""Cells of the tables in docs/pages/results."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, stdev


def mean(values: Sequence[float], digits: int) -> str:
    """The mean, and the standard deviation where there are several values."""
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{spread}"
