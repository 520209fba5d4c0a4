"""What would decide a cell, were its effects what was measured: how much more data, which seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy.stats import norm

from fairforget.statistics import SIGNIFICANT
from fairforget.transfer_study.estimate import Estimate

POWER = 0.8
"""How probable a decision shall be."""


def data_needed(parts: Sequence[Estimate], tests: int) -> float | None:
    """By how many times more items and seeds would decide a cell; None where none would.

    With k times the data the variance is a k-th. An effect counts as decided where, by normal
    theory and Bonferroni's correction, a study of that size would find it four times of five.

    Args:
        parts: the change of bias, and what is left of it after each control.
        tests: cells that are corrected together.

    Returns:
        At least 1. All parts negative: what makes the last of them decided, and the cell
        supported. Otherwise what makes the first positive one decided, and the cell contradicted.
    """
    found = _combined(parts, tests, lambda part, z: part.variance * (z / part.value) ** 2)
    return max(1.0, found) if math.isfinite(found) else None


def seeds_needed(parts: Sequence[Estimate], tests: int, seeds: int) -> int | None:
    """How many seeds would decide the cell with the same items; None where no number would.

    More seeds, of the forgetting and of its controls, make the seeds' part of the variance less,
    and leave that of the items as it is.

    Args:
        parts: as for `data_needed`.
        tests: likewise.
        seeds: how many there are, two or more.
    """
    found = _combined(parts, tests, _times_the_seeds)
    if not math.isfinite(found):
        return None
    return max(seeds + 1, math.ceil(seeds * found))


def _times_the_seeds(part: Estimate, z: float) -> float:
    room = (part.value / z) ** 2 - part.of_items
    return max(0.0, part.variance - part.of_items) / room if room > 0 else math.inf


def _combined(
    parts: Sequence[Estimate], tests: int, need: Callable[[Estimate, float], float]
) -> float:
    """What the cell needs, given what each part needs; infinite where nothing would do."""
    rising = [part for part in parts if part.value > 0]
    if rising:
        return min(need(part, _critical(tests * len(parts))) for part in rising)
    if not all(part.value < 0 for part in parts):
        return math.inf
    return max(need(part, _critical(tests)) for part in parts)


def _critical(tests: int) -> float:
    """Standard deviations from 0 at which one of so many two-sided tests decides, by `POWER`."""
    return float(norm.isf(SIGNIFICANT / tests / 2) + norm.ppf(POWER))
