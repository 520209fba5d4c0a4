"""Power analysis: how much more data, or how many seeds, would decide a cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scipy.stats import norm

from fairforget.statistics.distance import DistanceChange
from fairforget.statistics.estimate import Estimate
from fairforget.statistics.significance import SIGNIFICANT

POWER = 0.8
"""Required probability of a decision."""


def data_needed(changes: Sequence[DistanceChange], tests: int) -> float | None:
    """The multiple of items and seeds that would decide a cell.

    With k times the data, the variance is 1/k of what it is. An effect of the measured size counts
    as decided if a study of that size finds it with probability `POWER`, by the normal
    approximation and Bonferroni's correction. Near no bias, the side on which the scores lie must
    be found too (`fairforget.statistics.distance`).

    Args:
        changes: the change in bias, and its excess over each control.
        tests: number of cells that are corrected together.

    Returns:
        At least 1; None if no amount of data is enough. If all changes are negative, the multiple
        that supports the claim, by deciding them all; otherwise the one that contradicts it, by
        deciding any positive one.
    """
    multiple = _combine(changes, tests, _data_multiple)
    return max(1.0, multiple) if math.isfinite(multiple) else None


def seeds_needed(changes: Sequence[DistanceChange], tests: int, seeds: int) -> int | None:
    """The number of seeds that would decide a cell with the same items; None if none is enough.

    More seeds, of the runs and of their controls, lower the variance due to seeds but not the
    variance due to items.

    Args:
        changes: as for `data_needed`.
        tests: as for `data_needed`.
        seeds: the present number, at least two.
    """
    multiple = _combine(changes, tests, _seed_multiple)
    if not math.isfinite(multiple):
        return None
    return max(seeds + 1, math.ceil(seeds * multiple))


def _data_multiple(estimate: Estimate, z: float) -> float:
    return estimate.variance * (z / estimate.value) ** 2 if estimate.value else math.inf


def _seed_multiple(estimate: Estimate, z: float) -> float:
    allowed = (estimate.value / z) ** 2 - estimate.item_variance
    if not allowed > 0:
        return math.inf
    return max(0.0, estimate.variance - estimate.item_variance) / allowed


def _combine(
    changes: Sequence[DistanceChange], tests: int, need: Callable[[Estimate, float], float]
) -> float:
    """The multiple that a cell needs, from those of its changes; infinite if none is enough."""

    def of_change(change: DistanceChange, z: float) -> float:
        return max(need(part, z) for part in (change.estimate, change.midpoint) if part)

    rising = [change for change in changes if change.value > 0]
    if rising:
        z = _required_z(tests * len(changes))
        return min(of_change(change, z) for change in rising)
    if not all(change.value < 0 for change in changes):
        return math.inf
    return max(of_change(change, _required_z(tests)) for change in changes)


def _required_z(tests: int) -> float:
    """Effect in standard errors that one of `tests` two-sided tests finds with power `POWER`."""
    return float(norm.isf(SIGNIFICANT / tests / 2) + norm.ppf(POWER))
